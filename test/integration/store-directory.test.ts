import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDatasetId } from '../../mirror-core/contracts/identifiers.ts';
import { apply, collect, DATASET, key, newDataset, openStore, record, temporaryDirectory } from './store-setup.ts';

const OTHER = parseDatasetId('otherwiki_namespace_14')!.id;

describe('a data directory', () => {
  it('is made for its owner only and says whose data it holds', async () => {
    const directory = join(await temporaryDirectory(), 'new', 'data');
    const store = await openStore(directory, { now: () => Date.parse('2026-05-01T00:00:00Z') });
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(JSON.parse(await readFile(join(directory, 'wikimirror.json'), 'utf8'))).toEqual({
      schemaVersion: 1,
      upstreamAddress: 'https://upstream.example',
      isPractice: false,
      createdAt: '2026-05-01T00:00:00.000Z',
    });
    expect(await readdir(directory)).not.toContain('PRACTICE-DATA.txt');
    await store.close();
  });

  it('carries a notice when its content is made up', async () => {
    const directory = await temporaryDirectory();
    await (await openStore(directory, { isPractice: true })).close();
    expect(await readFile(join(directory, 'PRACTICE-DATA.txt'), 'utf8')).toContain('made up');
  });

  it('belongs to one process at a time', async () => {
    const { directory, store } = await newDataset();
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'DATA_LOCKED' });
    await store.close();
    await (await openStore(directory)).close();
  });

  it('of a newer version is refused untouched', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'wikimirror.json'), JSON.stringify({ schemaVersion: 2, somethingNew: true }));
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'DATA_NEWER' });
    expect(await readdir(directory)).toEqual(['wikimirror.json']);
  });

  it.each([
    ['another upstream', { upstreamAddress: 'https://elsewhere.example' }, /upstream\.example.*elsewhere\.example/],
    ['practice', { isPractice: true }, /real data.*practice data/],
  ])('is not used for %s', async (_, options, words) => {
    const directory = await temporaryDirectory();
    await (await openStore(directory)).close();
    const opening = openStore(directory, options);
    await expect(opening).rejects.toMatchObject({ code: 'DATA_MISMATCH' });
    await expect(opening).rejects.toThrow(words);
    await (await openStore(directory, { upstreamAddress: 'https://upstream.example/' })).close();
  });

  it('with a damaged identity, or that cannot be made, is a clear error', async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, 'wikimirror.json'), '{');
    await expect(openStore(directory)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(openStore(join(directory, 'wikimirror.json', 'below'))).rejects.toMatchObject({ code: 'DATA_UNWRITABLE' });
  });
});

describe('datasets', () => {
  it('are made, listed, found again and dropped with their bytes', async () => {
    const { directory, store, dataset } = await newDataset();
    expect(dataset).toMatchObject({ id: DATASET, project: 'testwiki', namespaceId: 0, generation: 0 });
    expect(await store.create(DATASET)).toBe(dataset);
    const [first, second] = await Promise.all([store.create(OTHER), store.create(OTHER)]);
    expect(first).toBe(second);
    expect(await store.list()).toEqual([OTHER, DATASET]);
    await apply(dataset, record({ name: 'A', text: 'x'.repeat(50_000) }, { codec: 'identity' }));
    expect(await store.drop(DATASET)).toBeGreaterThan(50_000);
    expect(await store.drop(DATASET)).toBe(0);
    expect(await store.list()).toEqual([OTHER]);
    expect(await store.dataset(DATASET)).toBeUndefined();
    expect(await readdir(join(directory, 'datasets'))).toEqual([OTHER]);
    expect((await store.create(DATASET)).stats().live).toBe(0);
  });

  it('that were half made or half removed are cleaned away', async () => {
    const { directory, store } = await newDataset();
    await store.close();
    for (const name of [`.unfinished-${OTHER}`, `.trash-${OTHER}`]) {
      await mkdir(join(directory, 'datasets', name, 'index'), { recursive: true });
    }
    const again = await openStore(directory);
    expect(await readdir(join(directory, 'datasets'))).toEqual([DATASET]);
    await again.close();
  });

  it.each([
    ['a file that points nowhere', (path: string) => writeFile(join(path, 'CURRENT'), 'nonsense\n')],
    ['a missing file', (path: string) => rm(join(path, 'CURRENT'))],
  ])('with %s fail alone, are never replaced by empty ones, and can be dropped', async (_, damage) => {
    const { directory, store, dataset } = await newDataset();
    await apply(await store.create(OTHER), record({ name: 'A' }));
    await apply(dataset, record({ name: 'A' }));
    await store.close();
    await damage(join(directory, 'datasets', DATASET, 'index'));
    const again = await openStore(directory);
    await expect(again.dataset(DATASET)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await expect(again.create(DATASET)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    expect(await (await again.dataset(OTHER))?.entry(key('A'))).toMatchObject({ kind: 'live' });
    expect(await again.list()).toContain(DATASET);
    await again.drop(DATASET);
    expect(await again.list()).toEqual([OTHER]);
    await again.close();
  });

  it('never reuse a number, even when the catalogue was lost', async () => {
    const { directory, store, dataset } = await newDataset();
    await apply(dataset, record({ name: 'A' }));
    const before = (await dataset.entry(key('A')))!.seq;
    await store.close();
    await rm(join(directory, 'catalog'), { recursive: true });
    const again = await openStore(directory);
    const reopened = (await again.dataset(DATASET))!;
    await apply(reopened, record({ name: 'B', page: 2 }));
    expect((await reopened.entry(key('B')))!.seq).toBeGreaterThan(before);
    await again.close();
  });
});

describe('the catalogue', () => {
  it('keeps JSON values and lists them by prefix', async () => {
    const { directory, store } = await newDataset();
    await store.catalog.put('quota/2026-05', { used: 3 });
    await store.catalog.put('quota/2026-06', { used: 4 });
    await store.catalog.put('quotas', null);
    expect(await store.catalog.get('quota/2026-05')).toEqual({ used: 3 });
    expect(await store.catalog.get('nothing')).toBeUndefined();
    expect((await collect(store.catalog.entries('quota/'))).map(([name]) => name)).toEqual(['quota/2026-05', 'quota/2026-06']);
    await store.catalog.delete('quota/2026-05');
    await store.close();
    const again = await openStore(directory);
    expect(await collect(again.catalog.entries('quota'))).toEqual([
      ['quota/2026-06', { used: 4 }],
      ['quotas', null],
    ]);
    await again.close();
  });
});
