/** The server over the real store: LevelDB on disk, real HTTP. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { MirrorReader } from '../../mirror-core/contracts/control-port.ts';
import { datasetId, type DatasetId } from '../../mirror-core/contracts/identifiers.ts';
import type { Change } from '../../mirror-core/contracts/store-port.ts';
import { encodeRecord } from '../../mirror-core/records/encode.ts';
import type { MirrorStore } from '../../mirror-core/store/mirror-store.ts';
import { serve } from '../contract/server-harness.ts';
import { FakeReader } from '../support/mirror-fakes.ts';
import { articleJson, DATASET, marking, newDataset, record, removal } from './store-setup.ts';

/** The door to a store without the sync engine. */
function readerOf(store: MirrorStore, ids: readonly DatasetId[]): MirrorReader {
  const names = new FakeReader();
  for (const id of ids) names.add(id.replace(/_namespace_\d+$/, ''), undefined);
  return {
    projects: () =>
      names.projects().map((project) => ({ ...project, datasets: ids.filter((id) => id.startsWith(`${project.project}_`)) })),
    dataset: (id) => store.dataset(id),
    projectList: () => [],
    languageList: () => [],
    freshness: () => ({ lagMs: null, asOf: null }),
    isPractice: false,
  };
}

describe('look-ups in the real store', () => {
  it.each(['zstd', 'br'] as const)('send what was committed, compressed as %s, byte for byte', async (codec) => {
    const { store, dataset } = await newDataset();
    const article = { name: 'Lake Corvane', text: 'long text '.repeat(5_000) };
    await dataset.stage([record(article, { codec })]);
    await dataset.commit();
    const { get } = await serve(undefined, { reader: readerOf(store, [DATASET]) });
    for (const accepted of ['identity', 'zstd', 'br']) {
      const response = await get('/v2/articles/Lake_Corvane', { headers: { 'accept-encoding': accepted } });
      expect(await response.text(), accepted).toBe(`[${articleJson(article).toString()}]`);
      const isStored = codec === accepted && codec === 'zstd';
      expect(response.headers.get('content-encoding'), accepted).toBe(isStored ? codec : null);
    }
  });

  it('follow every change: a new version has a new tag, a hidden text is gone, a deleted article is not found', async () => {
    const { store, dataset } = await newDataset();
    const { get } = await serve(undefined, { reader: readerOf(store, [DATASET]) });
    const apply = async (change: Change): Promise<void> => {
      await dataset.stage([change]);
      await dataset.commit();
    };
    expect((await get('/v2/articles/Lake')).status).toBe(404);
    await apply(record({ name: 'Lake', version: 10, text: 'first' }));
    const first = await get('/v2/articles/Lake');
    const tag = first.headers.get('etag') ?? '';
    expect((await get('/v2/articles/Lake', { headers: { 'if-none-match': tag } })).status).toBe(304);
    await apply(record({ name: 'Lake', version: 11, time: 5, text: 'second' }));
    const second = await get('/v2/articles/Lake', { headers: { 'if-none-match': tag } });
    expect([second.status, (await second.text()).includes('second')]).toEqual([200, true]);
    await apply(marking('Lake', 11, 6, { text: false }));
    const hidden = await get('/v2/articles/Lake', { headers: { 'if-none-match': second.headers.get('etag') ?? '' } });
    expect(hidden.status).toBe(200);
    const text = await hidden.text();
    expect(text).toContain('"Lake"');
    expect(text).not.toContain('second');
    await apply(removal('Lake', 7));
    expect((await get('/v2/articles/Lake')).status).toBe(404);
  });

  it('find the target of a redirect that the record lists', async () => {
    const { store, dataset } = await newDataset();
    await dataset.stage([record({ name: 'Lake Corvane', redirects: ['Corvane'] })]);
    await dataset.commit();
    const { get } = await serve(undefined, { reader: readerOf(store, [DATASET]), followRedirects: true });
    const response = await get('/v2/articles/corvane?fields=name');
    expect(await response.text()).toBe('[{"name":"Lake Corvane"}]');
    expect(response.headers.get('x-mirror-redirected-from')).toBe('corvane');
  });

  it('show the manifest over the control API', async () => {
    const { store, dataset } = await newDataset();
    await dataset.stage([record({ name: 'A' }), record({ name: 'B', page: 2 })]);
    await dataset.commit();
    await dataset.stage([removal('B', 9, { page: 2 })]);
    await dataset.commit();
    const { operate } = await serve(undefined, { reader: readerOf(store, [DATASET]) });
    const rows = async (query: string): Promise<string[]> =>
      (await (await operate(`/api/datasets/${DATASET}/manifest${query}`)).text())
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { title: string }).title);
    expect(await rows('')).toEqual(['A']);
    expect(await rows('?tombstones=true')).toEqual(['A', 'B']);
  });
});

const file = new URL('../../../shared/data/articles.ndjson', import.meta.url);

describe.skipIf(!existsSync(file))('real records in the real store (skipped where ../shared/data is absent)', () => {
  it('come back byte for byte', async () => {
    const { store } = await newDataset();
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
    const ids = new Set<DatasetId>();
    for (const line of lines) {
      const encoded = encodeRecord(Buffer.from(line), 'zstd');
      const id = datasetId(encoded.keys.project, encoded.keys.namespaceId);
      const dataset = (await store.dataset(id)) ?? (await store.create(id));
      ids.add(id);
      await dataset.stage([{ kind: 'record', record: encoded, source: 'import' }]);
      await dataset.commit();
    }
    const { get } = await serve(undefined, { reader: readerOf(store, [...ids]) });
    for (const line of lines) {
      const { name, is_part_of: project } = JSON.parse(line) as { name: string; is_part_of: { identifier: string } };
      const filter = encodeURIComponent(JSON.stringify({ field: 'is_part_of.identifier', value: project.identifier }));
      for (const accepted of ['identity', 'zstd']) {
        const path = `/v2/articles/${encodeURIComponent(name)}?filters=${filter}`;
        expect(await (await get(path, { headers: { 'accept-encoding': accepted } })).text()).toBe(`[${line}]`);
      }
    }
  });
});
