import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DatasetWriter } from '../../mirror-core/contracts/store-port.ts';
import {
  apply,
  collect,
  DATASET,
  filesWith,
  key,
  marking,
  newDataset,
  openStore,
  problemsOf,
  record,
  removal,
  shown,
} from './store-setup.ts';

const MARKER = 'the-words-that-must-vanish';
const PLAIN = { codec: 'identity' } as const;
const DELAY_MS = 60_000;

async function datasetWithClock() {
  const clock = { ms: Date.parse('2026-05-01T00:00:00Z') };
  const opened = await newDataset({ now: () => clock.ms, eraseDelayMs: DELAY_MS });
  const traces = (): Promise<string[]> => filesWith(join(opened.directory, 'datasets'), MARKER);
  return { ...opened, clock, traces };
}

/** Other articles around, so that the text lies amid tables as it would in life. */
async function fill(dataset: DatasetWriter, from: number, count: number): Promise<void> {
  const others = Array.from({ length: count }, (_, index) =>
    record({ name: `Other ${from + index}`, page: from + index, text: 'other words '.repeat(2000) }, PLAIN),
  );
  await apply(dataset, ...others);
}

describe('visibility', () => {
  it('is applied at once, kept for its version and lifted by a newer one', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A', version: 10, time: 1, text: 'secret' }));
    expect(await apply(dataset, marking('A', 10, 2, { text: false, editor: false }))).toEqual(['hidden']);
    const hidden = (await dataset.read(key('A')))!;
    expect(hidden.mustRedact).toBe(true);
    expect(hidden.entry.visibility).toEqual({ text: false, editor: false, comment: true });
    const json = (await shown(dataset, 'A'))!;
    expect(json['article_body']).toBeUndefined();
    expect(json['version']).toEqual({ identifier: 10, comment: 'a comment' });
    // The same revision rendered again stays hidden.
    await apply(dataset, record({ name: 'A', version: 10, time: 3, text: 'secret, rendered again' }));
    expect((await dataset.read(key('A')))?.mustRedact).toBe(true);
    await apply(dataset, record({ name: 'A', version: 11, time: 4, text: 'clean' }));
    expect(await dataset.read(key('A'))).toMatchObject({ mustRedact: false, entry: { visibility: { text: true } } });
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('may be known before its version, and the latest mark wins in any order', async () => {
    const { dataset } = await newDataset();
    expect(await apply(dataset, marking('A', 10, 5, { text: false }))).toEqual(['kept-aside']);
    expect(await apply(dataset, marking('A', 10, 4, {}))).toEqual(['stale']);
    expect(await apply(dataset, marking('A', 10, 5, { text: false }))).toEqual(['unchanged']);
    await apply(dataset, record({ name: 'A', version: 10, time: 1 }));
    expect((await dataset.read(key('A')))?.mustRedact).toBe(true);
    await apply(dataset, marking('A', 10, 6, {}));
    expect((await dataset.read(key('A')))?.mustRedact).toBe(false);
  });

  it('does not touch another version, and outlives a deletion', async () => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'A', version: 10, time: 1 }));
    expect(await apply(dataset, marking('A', 9, 2, { comment: false }))).toEqual(['kept-aside']);
    expect((await dataset.read(key('A')))?.mustRedact).toBe(false);
    await apply(dataset, removal('A', 3));
    await apply(dataset, record({ name: 'A', version: 9, time: 4 }));
    expect((await dataset.read(key('A')))?.entry.visibility.comment).toBe(false);
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('is taken from a record that carries it', async () => {
    const { dataset } = await newDataset();
    const visibility = { text: true, editor: true, comment: false };
    await apply(dataset, record({ name: 'A', version: 10, time: 3, visibility }));
    expect((await dataset.read(key('A')))?.mustRedact).toBe(true);
    expect(await apply(dataset, marking('A', 10, 2, {}))).toEqual(['stale']);
    expect(await apply(dataset, marking('A', 10, 4, {}))).toEqual(['hidden']);
    expect((await dataset.read(key('A')))?.mustRedact).toBe(false);
  });
});

describe('erasing', () => {
  it('removes every trace of a deleted title, older versions included, once it is due', async () => {
    const { dataset, clock, traces } = await datasetWithClock();
    await fill(dataset, 100, 40);
    await apply(dataset, record({ name: 'A', version: 1, time: 1, text: `${MARKER} one` }, PLAIN));
    await fill(dataset, 200, 40);
    await apply(dataset, record({ name: 'A', version: 2, time: 2, text: `${MARKER} two` }, PLAIN));
    await apply(dataset, removal('A', 3));
    const garbage = dataset.stats().garbageBytes;
    expect(garbage).toBeGreaterThan(0);
    expect(await dataset.erase({ superseded: false })).toBe(0);
    expect(await traces()).not.toEqual([]);
    clock.ms += DELAY_MS;
    expect(await dataset.erase({ superseded: false })).toBe(garbage);
    expect(await traces()).toEqual([]);
    expect(dataset.stats().garbageBytes).toBe(0);
    expect(await dataset.erase({ superseded: false })).toBe(0);
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('also reaches text that lies in tables far down, and in the log of another run', async () => {
    const { directory, store, dataset, clock, traces } = await datasetWithClock();
    await apply(dataset, record({ name: 'A', version: 1, time: 1, text: MARKER }, PLAIN));
    for (let round = 0; round < 4; round += 1) await fill(dataset, 1000 * (round + 1), 400);
    await apply(dataset, removal('A', 3));
    await store.close();
    clock.ms += DELAY_MS;
    const again = await openStore(directory, { now: () => clock.ms });
    const reopened = (await again.dataset(DATASET))!;
    expect(await traces()).not.toEqual([]);
    expect(await reopened.erase({ superseded: false })).toBeGreaterThan(0);
    expect(await traces()).toEqual([]);
    expect(await problemsOf(reopened)).toEqual([]);
    await again.close();
  });

  it('cuts hidden text out of the stored record and out of older copies of that version', async () => {
    const { dataset, clock, traces } = await datasetWithClock();
    await fill(dataset, 100, 20);
    await apply(dataset, record({ name: 'A', version: 1, time: 1, text: `${MARKER} one`, redirects: ['R'] }, PLAIN));
    await apply(dataset, record({ name: 'A', version: 1, time: 2, text: `${MARKER} two`, redirects: ['R'] }, PLAIN));
    const before = (await dataset.read(key('A')))!.entry;
    await apply(dataset, marking('A', 1, 3, { text: false }));
    clock.ms += DELAY_MS;
    expect(await dataset.erase({ superseded: false })).toBeGreaterThan(0);
    expect(await traces()).toEqual([]);
    const after = (await dataset.read(key('A')))!;
    expect(after).toMatchObject({ mustRedact: false, entry: { isRedacted: true, versionId: 1 } });
    expect(after.entry.seq).toBeGreaterThan(before.seq);
    expect(after.entry.sha256).not.toEqual(before.sha256);
    expect((await shown(dataset, 'A'))?.['article_body']).toBeUndefined();
    expect(await dataset.redirectTargets(key('R'))).toEqual(['A']);
    expect(await problemsOf(dataset)).toEqual([]);
    // The replay of the hidden record does not bring it back.
    expect(
      await apply(dataset, record({ name: 'A', version: 1, time: 2, text: `${MARKER} two`, redirects: ['R'] }, PLAIN)),
    ).toEqual(['unchanged']);
    expect(await traces()).toEqual([]);
  });

  it('reaches a hidden version that was superseded before', async () => {
    const { dataset, clock, traces } = await datasetWithClock();
    await apply(dataset, record({ name: 'A', version: 1, time: 1, text: MARKER }, PLAIN));
    await apply(dataset, record({ name: 'A', version: 2, time: 2, text: 'harmless' }, PLAIN));
    expect(await apply(dataset, marking('A', 1, 3, { text: false }))).toEqual(['kept-aside']);
    clock.ms += DELAY_MS;
    await dataset.erase({ superseded: false });
    expect(await traces()).toEqual([]);
    expect((await shown(dataset, 'A'))?.['article_body']).toEqual({ html: 'harmless' });
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('spares text that was shown again in time', async () => {
    const { dataset, clock } = await datasetWithClock();
    await apply(dataset, record({ name: 'A', version: 1, time: 1, text: MARKER }));
    await apply(dataset, marking('A', 1, 2, { text: false }));
    await apply(dataset, marking('A', 1, 3, {}));
    clock.ms += DELAY_MS;
    expect(await dataset.erase({ superseded: false })).toBe(0);
    expect((await shown(dataset, 'A'))?.['article_body']).toEqual({ html: MARKER });
    expect(dataset.stats().doubtful).toBe(0);
  });

  it('puts a title in doubt when text is shown again that is gone, and takes it back from the same record', async () => {
    const { dataset, clock } = await datasetWithClock();
    const original = record({ name: 'A', version: 1, time: 1, text: MARKER });
    await apply(dataset, original);
    await apply(dataset, marking('A', 1, 2, { text: false }));
    clock.ms += DELAY_MS;
    await dataset.erase({ superseded: false });
    await apply(dataset, marking('A', 1, 3, {}));
    expect(await collect(dataset.doubts())).toMatchObject([{ title: 'A', reason: 'text-erased' }]);
    expect(await dataset.read(key('A'))).toMatchObject({ mustRedact: false, entry: { isRedacted: true } });
    expect(await apply(dataset, original)).toEqual(['replaced']);
    expect((await shown(dataset, 'A'))?.['article_body']).toEqual({ html: MARKER });
    expect(dataset.stats().doubtful).toBe(0);
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('hides a further part of a record that was cut before', async () => {
    const { dataset, clock, traces } = await datasetWithClock();
    await apply(dataset, record({ name: 'A', version: 1, time: 1 }));
    await apply(dataset, marking('A', 1, 2, { editor: false }));
    clock.ms += DELAY_MS;
    await dataset.erase({ superseded: false });
    await apply(dataset, marking('A', 1, 3, { editor: false, comment: false }));
    expect(await dataset.read(key('A'))).toMatchObject({ mustRedact: true });
    expect((await shown(dataset, 'A'))?.['version']).toEqual({ identifier: 1 });
    clock.ms += DELAY_MS;
    await dataset.erase({ superseded: false });
    expect(await dataset.read(key('A'))).toMatchObject({ mustRedact: false, entry: { isRedacted: true } });
    expect((await shown(dataset, 'A'))?.['version']).toEqual({ identifier: 1 });
    expect(await traces()).toEqual([]);
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('reclaims everything superseded on request, and readers never miss a record meanwhile', async () => {
    const { dataset, traces } = await datasetWithClock();
    const titles = Array.from({ length: 60 }, (_, index) => `T ${index}`);
    for (let version = 1; version <= 4; version += 1) {
      const text = version < 4 ? `${MARKER} ${'x'.repeat(20_000)}` : 'last';
      await apply(
        dataset,
        ...titles.map((name, index) => record({ name, page: index + 1, version, time: version, text }, PLAIN)),
      );
    }
    const garbage = dataset.stats().garbageBytes;
    const [freed, ...found] = await Promise.all([
      dataset.erase({ superseded: true }),
      ...titles.map((name) => dataset.read(key(name))),
      apply(
        dataset,
        ...titles.map((name, index) => record({ name, page: index + 1, version: 5, time: 5, text: 'newer' }, PLAIN)),
      ),
    ]);
    expect(freed).toBeGreaterThanOrEqual(garbage);
    expect(found.slice(0, -1).every((stored) => stored !== undefined)).toBe(true);
    await dataset.erase({ superseded: true });
    expect(dataset.stats().garbageBytes).toBe(0);
    expect(await traces()).toEqual([]);
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('waits for uncommitted changes of a title', async () => {
    const { dataset, clock, traces } = await datasetWithClock();
    await apply(dataset, record({ name: 'A', version: 1, time: 1, text: MARKER }, PLAIN));
    await apply(dataset, marking('A', 1, 2, { text: false }));
    clock.ms += DELAY_MS;
    await dataset.stage([record({ name: 'A', version: 2, time: 3, text: 'newer' }, PLAIN)]);
    await dataset.erase({ superseded: false });
    await dataset.commit();
    expect(await problemsOf(dataset)).toEqual([]);
    await dataset.erase({ superseded: false });
    expect(await traces()).toEqual([]);
    expect((await shown(dataset, 'A'))?.['article_body']).toEqual({ html: 'newer' });
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('can be stopped and taken up again', async () => {
    const { dataset, clock, traces } = await datasetWithClock();
    await apply(dataset, record({ name: 'A', version: 1, time: 1, text: MARKER }, PLAIN), removal('A', 2));
    clock.ms += DELAY_MS;
    await expect(dataset.erase({ superseded: false, signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    await dataset.erase({ superseded: false });
    expect(await traces()).toEqual([]);
  });
});
