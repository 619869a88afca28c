import { describe, expect, it } from 'vitest';
import {
  apply,
  articleJson,
  at,
  collect,
  key,
  marking,
  newDataset,
  openStore,
  problemsOf,
  record,
  removal,
  shown,
  DATASET,
} from './store-setup.ts';

const MANIFEST = { tombstones: true };

describe('group commit', () => {
  it('shows nothing of what is staged until it is committed', async () => {
    const { dataset } = await newDataset();
    expect(await dataset.stage([record({ name: 'Ada Lovelace' })])).toEqual(['inserted']);
    expect(dataset.stagedBytes).toBeGreaterThan(0);
    expect(await dataset.read(key('Ada Lovelace'))).toBeUndefined();
    expect(dataset.stats().live).toBe(0);
    await dataset.commit({ position: { offset: 7 } });
    expect(dataset.stagedBytes).toBe(0);
    expect((await dataset.read(key('Ada Lovelace')))?.entry.versionId).toBe(10);
    expect(await dataset.checkpoint('position')).toEqual({ offset: 7 });
  });

  it('loses what was only staged when it is closed, and keeps the checkpoint where it was', async () => {
    const { directory, store, dataset } = await newDataset();
    await apply(dataset, record({ name: 'Kept' }));
    await dataset.stage([record({ name: 'Lost', page: 2 })]);
    await store.close();
    const again = await openStore(directory);
    const reopened = (await again.dataset(DATASET))!;
    expect(await reopened.entry(key('Lost'))).toBeUndefined();
    expect(reopened.stats().live).toBe(1);
    expect(await problemsOf(reopened)).toEqual([]);
    await again.close();
  });

  it('lets later changes of one call see the earlier ones', async () => {
    const { dataset } = await newDataset();
    const outcomes = await dataset.stage([
      record({ name: 'A', version: 1, time: 1 }),
      record({ name: 'A', version: 2, time: 2 }),
      record({ name: 'A', version: 1, time: 1 }),
      removal('A', 3),
      record({ name: 'A', version: 2, time: 2 }),
    ]);
    expect(outcomes).toEqual(['inserted', 'replaced', 'stale', 'deleted', 'stale']);
    await dataset.commit();
    expect(dataset.stats()).toMatchObject({ live: 0, tombstones: 1, rawBytes: 0, storedBytes: 0 });
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('gives ascending numbers across datasets and restarts', async () => {
    const { directory, store, dataset } = await newDataset();
    const other = await store.create('otherwiki_namespace_0' as typeof DATASET);
    await apply(dataset, record({ name: 'A' }));
    await apply(other, record({ name: 'A' }));
    const first = (await dataset.entry(key('A')))!.seq;
    const second = (await other.entry(key('A')))!.seq;
    await store.close();
    const again = await openStore(directory);
    const reopened = (await again.dataset(DATASET))!;
    await apply(reopened, record({ name: 'B', page: 2 }));
    const third = (await reopened.entry(key('B')))!.seq;
    expect(second).toBeGreaterThan(first);
    expect(third).toBeGreaterThan(second);
    await again.close();
  });

  it('stages and commits correctly when called concurrently', async () => {
    const { dataset } = await newDataset();
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        await dataset.stage([
          record({ name: `Title ${index}`, page: index + 1 }),
          record({ name: 'Shared', page: 900, time: index }),
        ]);
        await dataset.commit({ last: index });
      }),
    );
    expect(dataset.stats().live).toBe(51);
    expect((await dataset.entry(key('Shared')))!.eventTime).toEqual(at(49));
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('refuses numbers that the index cannot hold and stages nothing of that call', async () => {
    const { dataset } = await newDataset();
    const good = record({ name: 'Good' });
    const bad = { ...removal('Bad', 1), pageId: -5 };
    await expect(dataset.stage([good, bad])).rejects.toMatchObject({ code: 'RECORD_INVALID' });
    await dataset.commit();
    expect(dataset.stats().live).toBe(0);
  });
});

describe('records', () => {
  it('come back byte for byte, under every codec', async () => {
    const { dataset } = await newDataset();
    const codecs = ['identity', 'br', 'zstd'] as const;
    await apply(dataset, ...codecs.map((codec, index) => record({ name: codec, page: index + 1 }, { codec })));
    for (const [index, codec] of codecs.entries()) {
      const stored = (await dataset.read(key(codec)))!;
      expect(stored.codec).toBe(codec);
      expect(Buffer.from(await dataset.readJson(stored)).equals(articleJson({ name: codec, page: index + 1 }))).toBe(true);
    }
  });

  it('write no second body when they are the same, but are known to be in the generation', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A' }, { generation: 1 }));
    const before = (await dataset.entry(key('A')))!;
    expect(await dataset.stage([record({ name: 'A' }, { generation: 2 })])).toEqual(['unchanged']);
    expect(dataset.stagedBytes).toBe(0);
    await dataset.commit();
    expect(await dataset.entry(key('A'))).toEqual({ ...before, generation: 2 });
  });

  it('keep licence counts, and secondary rows of the newest version only', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A', page: 1, redirects: ['Old one', 'Both'], entity: 'Q1', licenses: ['X', 'Y'] }));
    await apply(dataset, record({ name: 'B', page: 2, redirects: ['Both'], licenses: ['X'] }));
    expect(dataset.stats().licenses).toEqual({ X: 2, Y: 1 });
    expect(await dataset.redirectTargets(key('Both'))).toEqual([key('A'), key('B')]);
    expect(await dataset.titlesOfEntity('Q1')).toEqual([key('A')]);
    await apply(dataset, record({ name: 'A', page: 7, version: 11, time: 5, redirects: ['Both'], entity: 'Q2', licenses: [] }));
    expect(dataset.stats().licenses).toEqual({ X: 1 });
    expect(await dataset.redirectTargets(key('Old one'))).toEqual([]);
    expect(await dataset.titlesOfEntity('Q1')).toEqual([]);
    expect(await dataset.titlesOfEntity('Q2')).toEqual([key('A')]);
    expect(await dataset.titlesOfPage(1)).toEqual([]);
    expect(await dataset.titlesOfPage(7)).toEqual([key('A')]);
    await apply(dataset, removal('A', 9), removal('B', 9));
    expect(await dataset.redirectTargets(key('Both'))).toEqual([]);
    expect(await dataset.titlesOfPage(7)).toEqual([]);
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('are listed in the order of their titles, tombstones on request', async () => {
    const { dataset } = await newDataset();
    await apply(
      dataset,
      record({ name: 'b', page: 2 }),
      record({ name: 'Ω 1', page: 3 }),
      record({ name: 'a', page: 1 }),
      removal('c', 4),
    );
    expect((await collect(dataset.manifest())).map(({ title }) => title)).toEqual(['a', 'b', 'Ω_1']);
    const rows = await collect(dataset.manifest(MANIFEST));
    expect(rows.map(({ title, state }) => `${title} ${state}`)).toEqual(['a live', 'b live', 'c deleted', 'Ω_1 live']);
    expect(rows[0]).toMatchObject({ page_id: 1, version: 10, namespace: 0, event_time: '2026-03-01T00:00:00Z' });
    expect(rows[0]?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('leave a row in the change log, in order, readable from any number on', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A' }), removal('A', 2), marking('B', 5, 3, { text: false }));
    const rows = await collect(dataset.changes(0));
    expect(rows.map(({ type, title }) => `${type} ${title}`)).toEqual(['update A', 'delete A', 'visibility-change B']);
    expect(rows[1]).toMatchObject({ position: { partition: 3, offset: 1002 }, source: 'realtime', versionId: 11 });
    expect(await collect(dataset.changes(rows[1]!.seq))).toHaveLength(2);
  });
});

describe('moves', () => {
  it('put the old title in doubt until it speaks again', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'Old', page: 5, time: 1 }));
    await apply(dataset, record({ name: 'New', page: 5, version: 11, time: 2 }));
    expect(await dataset.entry(key('Old'))).toMatchObject({ kind: 'live', isSuspect: true });
    expect(await dataset.entry(key('New'))).toMatchObject({ isSuspect: false });
    expect(await collect(dataset.doubts())).toMatchObject([{ title: 'Old', reason: 'moved-away', absences: 0 }]);
    expect(dataset.stats().doubtful).toBe(1);
    expect([...(await dataset.titlesOfPage(5))].sort()).toEqual(['New', 'Old']);
    await apply(dataset, removal('Old', 2, { page: 5 }));
    expect(dataset.stats().doubtful).toBe(0);
    expect(await dataset.entry(key('New'))).toMatchObject({ kind: 'live' });
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('doubt the late title when it arrives after the one that took its page id', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'New', page: 5, version: 11, time: 2 }));
    await apply(dataset, record({ name: 'Old', page: 5, version: 10, time: 1 }));
    expect(await dataset.entry(key('Old'))).toMatchObject({ isSuspect: true });
    expect(await dataset.entry(key('New'))).toMatchObject({ isSuspect: false });
  });

  it('leave no doubt after two titles were swapped', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A', page: 1, time: 1 }), record({ name: 'B', page: 2, time: 1 }));
    await apply(dataset, record({ name: 'A', page: 2, version: 20, time: 5 }));
    expect(await dataset.entry(key('B'))).toMatchObject({ isSuspect: true });
    await apply(dataset, record({ name: 'B', page: 1, version: 21, time: 6 }));
    expect(await dataset.entry(key('A'))).toMatchObject({ isSuspect: false });
    expect(await dataset.entry(key('B'))).toMatchObject({ isSuspect: false });
    expect(dataset.stats().doubtful).toBe(0);
    expect(await problemsOf(dataset)).toEqual([]);
  });
});

describe('doubts', () => {
  it('are set, counted, kept with their absences and cleared', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A', page: 1, time: 1 }));
    const doubt = { title: key('A'), reason: 'absent-from-snapshot', since: '2026-03-01T00:00:00Z', absences: 1 } as const;
    dataset.doubt(key('A'), doubt);
    expect(dataset.stats().doubtful).toBe(0);
    await dataset.commit();
    expect(await collect(dataset.doubts())).toEqual([doubt]);
    expect(dataset.stats().doubtful).toBe(1);
    dataset.doubt(key('A'), undefined);
    dataset.doubt(key('Nobody'), undefined);
    await dataset.commit();
    expect(dataset.stats().doubtful).toBe(0);
  });

  it('about an absence end when a later snapshot has the title, others do not', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A', page: 1 }, { generation: 1 }), record({ name: 'B', page: 2 }, { generation: 1 }));
    dataset.doubt(key('A'), { title: key('A'), reason: 'absent-from-snapshot', since: 'then', absences: 1 });
    dataset.doubt(key('B'), { title: key('B'), reason: 'moved-away', since: 'then', absences: 0 });
    await dataset.commit();
    await apply(dataset, record({ name: 'A', page: 1 }, { generation: 2 }), record({ name: 'B', page: 2 }, { generation: 2 }));
    expect((await collect(dataset.doubts())).map(({ title }) => title)).toEqual(['B']);
    expect(await problemsOf(dataset)).toEqual([]);
  });
});

describe('generations', () => {
  it('tell which titles a snapshot lacked', async () => {
    const { dataset } = await newDataset();
    expect(dataset.generation).toBe(0);
    const first = await dataset.beginGeneration();
    await apply(
      dataset,
      ...['A', 'B', 'C'].map((name, page) => record({ name, page: page + 1, time: 10 }, { generation: first })),
    );
    const second = await dataset.beginGeneration();
    expect(second).toBe(2);
    await apply(dataset, record({ name: 'A', page: 1, time: 10 }, { generation: second }));
    await apply(dataset, record({ name: 'B', page: 2, time: 99, version: 11 }));
    const absent = await collect(dataset.absentees(second, at(50)));
    expect(absent.map(({ title }) => title)).toEqual(['C']);
  });

  it('stamp stale records and tombstones too', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A', time: 10, version: 12 }), removal('B', 10));
    await apply(
      dataset,
      record({ name: 'A', time: 5 }, { generation: 3 }),
      record({ name: 'B', page: 2, time: 5 }, { generation: 3 }),
    );
    expect(await dataset.entry(key('A'))).toMatchObject({ kind: 'live', versionId: 12, generation: 3 });
    expect(await dataset.entry(key('B'))).toMatchObject({ kind: 'tombstone', generation: 3 });
  });

  it('let tombstones go only after two newer ones lacked the title', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, removal('Gone', 1), removal('Ghost', 1), removal('Late', 900));
    await dataset.beginGeneration();
    expect(await dataset.dropTombstones(at(500))).toBe(0);
    const second = await dataset.beginGeneration();
    await apply(dataset, record({ name: 'Ghost', page: 9, time: 0 }, { generation: second }));
    expect(await dataset.dropTombstones(at(500))).toBe(1);
    expect(await dataset.entry(key('Gone'))).toBeUndefined();
    expect(await dataset.entry(key('Ghost'))).toMatchObject({ kind: 'tombstone' });
    expect(await dataset.entry(key('Late'))).toMatchObject({ kind: 'tombstone' });
    expect(dataset.stats().tombstones).toBe(2);
    expect(await problemsOf(dataset)).toEqual([]);
  });
});

describe('quarantine', () => {
  it('keeps bad lines with ascending ids and bounded excerpts', async () => {
    const { dataset } = await newDataset({ now: () => Date.parse('2026-05-01T00:00:00Z') });
    const row = { source: 'file.ndjson', reason: 'not JSON', bytes: 3, sha256: 'ab' };
    for (let line = 1; line <= 12; line += 1)
      dataset.putQuarantine({ ...row, line, excerpt: line === 12 ? 'é'.repeat(70_000) : 'x' });
    expect(await dataset.quarantine()).toEqual([]);
    await dataset.commit();
    const rows = await dataset.quarantine();
    expect(rows.map(({ id }) => Number(id))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(rows[0]).toEqual({ ...row, line: 1, excerpt: 'x', id: '1', at: '2026-05-01T00:00:00Z' });
    expect(rows[11]!.excerpt).toBe('é'.repeat(32_768));
    expect((await dataset.quarantine(2)).map(({ line }) => line)).toEqual([11, 12]);
    expect(dataset.stats().quarantined).toBe(12);
  });
});

describe('odd titles', () => {
  it('never share an entry', async () => {
    const { dataset } = await newDataset();
    const names = ['\ud800', '\udfff', '\ufffd', 'a\ud800b', '💥', 'Ünï', 'x'.repeat(300)];
    await apply(dataset, ...names.map((name, index) => record({ name, page: index + 1, redirects: [`to ${name}`] })));
    expect(dataset.stats().live).toBe(names.length);
    for (const name of names) {
      expect(await shown(dataset, name)).toMatchObject({ name });
      expect(await dataset.redirectTargets(key(`to ${name}`))).toEqual([name]);
    }
    expect(await problemsOf(dataset)).toEqual([]);
  });
});
