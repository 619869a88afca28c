import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { corpusTitles, writeCorpus } from '../../mirror-core/practice/corpus.ts';
import { lineLengths } from '../../mirror-core/practice/corpus-lines.ts';
import { gzipInParallel } from '../../mirror-core/practice/parallel-gzip.ts';

const SHAPE = { seed: 5, rawBytes: 12_000_000, dataset: 'practicebigwiki_namespace_0' };

describe('corpus', () => {
  let directory: string;
  beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'corpus-'))));
  afterAll(() => rm(directory, { recursive: true }));
  const path = (name: string) => join(directory, name);

  it('has lines that parse, of the planned lengths, under the titles it tells', async () => {
    const report = await writeCorpus({ ...SHAPE, path: path('plain'), format: 'ndjson' });
    const bytes = await readFile(path('plain'));
    const lines = bytes.toString('utf8').split('\n');
    expect(lines.pop()).toBe('');
    expect([report.lines, report.rawBytes, report.fileBytes, report.members]).toEqual([
      lines.length,
      bytes.length,
      bytes.length,
      0,
    ]);
    expect(report.rawBytes).toBeGreaterThanOrEqual(SHAPE.rawBytes);
    expect(lines.map((line) => Buffer.byteLength(line))).toEqual([...lineLengths(SHAPE)]);
    const records = lines.map(
      (line) => JSON.parse(line) as { name: string; is_part_of: unknown; article_body: { html: string } },
    );
    expect(records.map((record) => record.name)).toEqual([...corpusTitles(SHAPE)]);
    expect(new Set(records.map((record) => record.name)).size).toBe(records.length);
    expect(records[0]?.is_part_of).toMatchObject({ identifier: 'practicebigwiki' });
    expect(lines[0]).not.toMatch(/[<>&]/);
  });

  it('is the same file for the same seed and options, holds the plain lines, and compresses like articles', async () => {
    const options = { ...SHAPE, memberBytes: 5_000_000 };
    const first = await writeCorpus({ ...options, path: path('first') });
    const second = await writeCorpus({ ...options, path: path('second') });
    expect(second).toEqual(first);
    const archive = await readFile(path('first'));
    expect(createHash('md5').update(archive).digest('hex')).toBe(first.md5);
    const members: { name: string; bytes: Buffer }[] = [];
    const reader = extract();
    reader.end(gunzipSync(archive));
    for await (const entry of reader) {
      const pieces: Buffer[] = [];
      for await (const piece of entry as AsyncIterable<Buffer>) pieces.push(piece);
      members.push({ name: entry.header.name, bytes: Buffer.concat(pieces) });
    }
    expect(members.map((member) => member.name)).toEqual(
      members.map((_, index) => `practicebigwiki_namespace_0_${index}.ndjson`),
    );
    expect(members).toHaveLength(first.members);
    expect(members.length).toBeGreaterThan(1);
    for (const member of members) expect(member.bytes.at(-1)).toBe(10);
    await writeCorpus({ ...SHAPE, path: path('third'), format: 'ndjson' });
    expect(Buffer.concat(members.map((member) => member.bytes)).equals(await readFile(path('third')))).toBe(true);
    const ratio = first.rawBytes / first.fileBytes;
    expect(ratio).toBeGreaterThan(4);
    expect(ratio).toBeLessThan(6.5);
  });

  it('plans sizes as real snapshots have them, with as many lines of 20 MiB as asked for', () => {
    const lengths = [...lineLengths({ ...SHAPE, rawBytes: 2_000_000_000, hugeLines: 3 })];
    expect(lengths.filter((length) => length === 20 * 1024 * 1024)).toHaveLength(3);
    const ordinary = lengths.filter((length) => length < 20 * 1024 * 1024).sort((a, b) => a - b);
    const median = ordinary[Math.floor(ordinary.length / 2)] ?? 0;
    const mean = ordinary.reduce((sum, length) => sum + length, 0) / ordinary.length;
    expect(median).toBeGreaterThan(19_000);
    expect(median).toBeLessThan(23_000);
    expect(mean).toBeGreaterThan(55_000);
    expect(mean).toBeLessThan(69_000);
  });

  it('refuses a dataset id that is none', async () => {
    await expect(writeCorpus({ ...SHAPE, dataset: '../etc', path: path('never') })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });
});

describe('gzip in parallel blocks', () => {
  it.each([0, 1, 2 * 1024 * 1024, 5_000_001])('makes one sound member of %i bytes', async (size) => {
    const bytes = Buffer.alloc(size, 'practice ');
    const source = async function* () {
      await Promise.resolve();
      for (let at = 0; at < size; at += 700_000) yield bytes.subarray(at, at + 700_000);
    };
    const pieces: Buffer[] = [];
    for await (const piece of gzipInParallel(source())) pieces.push(piece);
    const zipped = Buffer.concat(pieces);
    expect(gunzipSync(zipped).equals(bytes)).toBe(true);
    expect(zipped.length).toBeLessThan(gzipSync(bytes).length + 1000);
  });
});
