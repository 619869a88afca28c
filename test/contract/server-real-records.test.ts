import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../mirror-core/contracts/article.ts';
import { FakeDataset, FakeReader } from '../support/mirror-fakes.ts';
import { serve } from './server-harness.ts';

interface Record {
  readonly name: string;
  readonly version: { readonly identifier: number; readonly editor?: object };
  readonly is_part_of: { readonly identifier: string };
  readonly in_language: { readonly identifier: string };
  readonly categories?: readonly { readonly name: string }[];
}
interface Line {
  readonly text: string;
  readonly record: Record;
}

const file = new URL('../../../shared/data/articles.ndjson', import.meta.url);

function realLines(): Line[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((text) => ({ text, record: JSON.parse(text) as Record }));
}

/** One dataset per project; the store's codecs take turns. */
function realMirror(lines: readonly Line[]): FakeReader {
  const reader = new FakeReader();
  const datasets = new Map<string, FakeDataset>();
  const codecs: readonly Codec[] = ['zstd', 'br', 'identity'];
  lines.forEach(({ text, record }, index) => {
    const project = record.is_part_of.identifier;
    let dataset = datasets.get(project);
    if (dataset === undefined) {
      dataset = new FakeDataset(`${project}_namespace_0`);
      datasets.set(project, dataset);
      reader.add(project, record.in_language.identifier, dataset);
    }
    dataset.put(record.name, { raw: text, codec: codecs[index % codecs.length] ?? 'zstd' });
  });
  return reader;
}

function pathTo({ record }: Line, query = ''): string {
  const filter = encodeURIComponent(JSON.stringify({ field: 'is_part_of.identifier', value: record.is_part_of.identifier }));
  return `/v2/articles/${encodeURIComponent(record.name)}?filters=${filter}${query}`;
}

describe.skipIf(!existsSync(file))('real records (skipped where ../shared/data is absent)', () => {
  it.each(['identity', 'zstd, br', 'gzip'])('come back byte for byte under Accept-Encoding: %s', async (accepted) => {
    const lines = realLines();
    const { get } = await serve(realMirror(lines));
    expect(lines.length).toBeGreaterThanOrEqual(7);
    for (const line of lines) {
      const headers = { 'accept-encoding': accepted };
      expect(await (await get(pathTo(line), { headers })).text()).toBe(`[${line.text}]`);
      const asLines = await get(pathTo(line), { headers: { ...headers, accept: 'application/x-ndjson' } });
      expect(Buffer.from(await asLines.arrayBuffer()).equals(Buffer.from(line.text))).toBe(true);
    }
  });

  it('come back whole through a filter on any member, and cut through fields', async () => {
    const lines = realLines();
    const { get } = await serve(realMirror(lines));
    for (const line of lines) {
      const { record } = line;
      const version = encodeURIComponent(JSON.stringify({ field: 'version.identifier', value: record.version.identifier }));
      expect(await (await get(pathTo(line, `&filters=${version}`))).text()).toBe(`[${line.text}]`);
      const other = encodeURIComponent('{"field":"version.identifier","value":1}');
      expect((await get(pathTo(line, `&filters=${other}`))).status).toBe(404);
      const cut = await get(pathTo(line, '&fields=name,version.editor,categories.name,version.identifier,nothing'));
      const { identifier, editor } = record.version;
      const categories = record.categories?.map(({ name }) => ({ name }));
      expect(await cut.json()).toEqual([
        JSON.parse(JSON.stringify({ name: record.name, version: { identifier, editor }, categories })),
      ]);
    }
  });
});
