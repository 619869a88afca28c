import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeBodyValue } from '../../mirror-core/store/body-codec.ts';
import { decodeIndexed, encodeIndexed, type IndexedLive } from '../../mirror-core/store/entry-codec.ts';
import { bodyKey, entryKey, garbageKey, linkKey, META_KEY, pageKey, ROW } from '../../mirror-core/store/index-keys.ts';
import { openBodies, openIndex, type LevelDatabase } from '../../mirror-core/store/level-database.ts';
import { encodeGarbage, encodePageTitles } from '../../mirror-core/store/row-codecs.ts';
import { apply, articleJson, DATASET, key, openStore, problemsOf, record, removal, temporaryDirectory } from './store-setup.ts';

interface Databases {
  readonly bodies: LevelDatabase;
  readonly index: LevelDatabase;
}

let directory = '';

/** Changes the files behind the store's back. */
async function tamper(work: (databases: Databases) => Promise<void>): Promise<void> {
  const path = join(directory, 'datasets', DATASET);
  const [bodies, index] = await Promise.all([
    openBodies(join(path, 'bodies'), { create: false }),
    openIndex(join(path, 'index'), { create: false }),
  ]);
  await work({ bodies, index });
  await Promise.all([bodies.close(), index.close()]);
}

async function liveOf(index: LevelDatabase, name: string): Promise<IndexedLive> {
  const indexed = decodeIndexed((await index.get(entryKey(key(name))))!);
  if (indexed.kind !== 'live') throw new Error(`${name} is not live`);
  return indexed;
}

async function problems(): Promise<readonly string[]> {
  const store = await openStore(directory);
  try {
    return await problemsOf((await store.dataset(DATASET))!);
  } finally {
    await store.close();
  }
}

beforeEach(async () => {
  directory = await temporaryDirectory();
  const store = await openStore(directory);
  const dataset = await store.create(DATASET);
  await apply(dataset, record({ name: 'A', page: 1, redirects: ['R'], entity: 'Q1' }), record({ name: 'B', page: 2 }));
  await apply(dataset, record({ name: 'B', page: 2, version: 11, time: 5 }), removal('C', 3));
  // Enough newer changes that the check at opening does not look at A and B.
  for (let other = 0; other < 80; other += 1) await dataset.stage([record({ name: `Other ${other}`, page: 100 + other })]);
  await dataset.commit();
  await store.close();
});

describe('verify', () => {
  it('finds nothing wrong with a sound dataset, and tells how far it is', async () => {
    const store = await openStore(directory);
    const dataset = (await store.dataset(DATASET))!;
    const progress: [number, number][] = [];
    const report = await dataset.verify({ onProgress: (checked, total) => progress.push([checked, total]) });
    expect(report).toEqual({ dataset: DATASET, checked: 82, problems: 0, examples: [] });
    expect(progress.at(-1)).toEqual([82, 82]);
    await expect(dataset.verify({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
    await store.close();
  });

  const damages: Record<string, [damage: (databases: Databases) => Promise<void>, found: RegExp]> = {
    'a missing body': [
      async ({ bodies, index }) => bodies.del(bodyKey((await liveOf(index, 'A')).entry.seq)),
      /^A: the record is missing$/,
    ],
    'a flipped bit in a compressed body': [
      async ({ bodies, index }) => {
        const seq = bodyKey((await liveOf(index, 'A')).entry.seq);
        const value = Buffer.from((await bodies.get(seq))!);
        value[value.length - 8]! ^= 1;
        await bodies.put(seq, value);
      },
      /^A: the (record cannot be read|SHA-256|record has)/,
    ],
    'other bytes of the same length': [
      async ({ bodies, index }) => {
        const { entry } = await liveOf(index, 'A');
        const json = articleJson({ name: 'A', page: 1, redirects: ['R'], entity: 'Q1', text: 'TEXT' });
        await bodies.put(bodyKey(entry.seq), encodeBodyValue(key('A'), 'identity', json));
        const live = await liveOf(index, 'A');
        await index.put(entryKey(key('A')), encodeIndexed({ ...live, entry: { ...entry, storedBytes: json.length } }));
      },
      /^A: the SHA-256 of the record differs$/,
    ],
    "another title's body": [
      async ({ bodies, index }) => {
        const [a, b] = [await liveOf(index, 'A'), await liveOf(index, 'B')];
        await bodies.put(bodyKey(a.entry.seq), (await bodies.get(bodyKey(b.entry.seq)))!);
      },
      /^A: the record at this number belongs to B$/,
    ],
    'an entry with another page id': [
      async ({ index }) => {
        const live = await liveOf(index, 'A');
        await index.put(entryKey(key('A')), encodeIndexed({ ...live, entry: { ...live.entry, pageId: 77 } }));
      },
      /^A: the record's page id is 1, 77 expected$/,
    ],
    'an entry with another version': [
      async ({ index }) => {
        const live = await liveOf(index, 'A');
        await index.put(entryKey(key('A')), encodeIndexed({ ...live, entry: { ...live.entry, versionId: 77 } }));
      },
      /^A: the record's version is 10, 77 expected$/,
    ],
    'a lost redirect': [({ index }) => index.del(linkKey(ROW.redirect, 'R', key('A'))), /^A: R does not lead to the title$/],
    'a lost QID': [({ index }) => index.del(linkKey(ROW.entity, 'Q1', key('A'))), /^A: Q1 does not lead to the title$/],
    'a lost page id': [({ index }) => index.del(pageKey(1)), /^A: page id 1 does not lead to the title$/],
    'a redirect too many': [
      ({ index }) => index.put(linkKey(ROW.redirect, 'X', key('B')), Buffer.alloc(0)),
      /^B: X leads to a title that does not have it$/,
    ],
    'a page id of a deleted title': [
      ({ index }) => index.put(pageKey(55), encodePageTitles([key('C')])),
      /^C: page id 55 leads to a title that does not have it$/,
    ],
    'a body without an owner': [
      async ({ bodies, index }) => {
        const { entry } = await liveOf(index, 'A');
        const rows = await index.keys({ gte: Buffer.from([ROW.garbage]), lt: Buffer.from([ROW.garbage + 1]) }).all();
        await index.del(rows[0]!);
        expect(await bodies.get(bodyKey(entry.seq))).toBeDefined();
      },
      /^B: a stored record belongs to no title$/,
    ],
    'an unreadable body': [({ bodies }) => bodies.put(bodyKey(2), Buffer.from([99, 1])), /a stored record cannot be read/],
    'garbage that is not counted': [
      ({ index }) => index.put(garbageKey(key('Z'), 1), encodeGarbage({ versionId: 1, storedBytes: 5 })),
      /^-: garbage bytes: /,
    ],
    'wrong counters': [
      async ({ index }) => {
        const meta = JSON.parse((await index.get(META_KEY))!.toString('utf8')) as { tombstones: number };
        await index.put(META_KEY, Buffer.from(JSON.stringify({ ...meta, tombstones: 9 })));
      },
      /^-: tombstones: 9 counted before, 1 found$/,
    ],
  };

  it.each(Object.entries(damages))('finds %s', async (_, [damage, found]) => {
    expect(await problems()).toEqual([]);
    await tamper(damage);
    expect((await problems()).some((problem) => found.test(problem))).toBe(true);
  });

  it('goes on beside writing and reclaiming without false alarms', async () => {
    const store = await openStore(directory);
    const dataset = (await store.dataset(DATASET))!;
    const writing = (async () => {
      for (let round = 0; round < 20; round += 1) {
        await apply(
          dataset,
          ...['A', 'B'].map((name, page) => record({ name, page: page + 1, version: 20 + round, time: 20 + round })),
        );
        await dataset.erase({ superseded: true });
      }
    })();
    for (let round = 0; round < 5; round += 1) expect(await problemsOf(dataset)).toEqual([]);
    await writing;
    expect(await problemsOf(dataset)).toEqual([]);
    await store.close();
  });

  it('is not needed to notice that the newest records are gone', async () => {
    await tamper(async ({ bodies, index }) => bodies.del(bodyKey((await liveOf(index, 'Other 79')).entry.seq)));
    const store = await openStore(directory);
    await expect(store.dataset(DATASET)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    await store.close();
  });

  it('is not needed to remove bodies that no index batch followed', async () => {
    await tamper(({ bodies }) => bodies.put(bodyKey(2 ** 40), encodeBodyValue(key('Orphan'), 'identity', Buffer.from('{}'))));
    expect(await problems()).toEqual([]);
    await tamper(async ({ bodies }) => expect(await bodies.get(bodyKey(2 ** 40))).toBeUndefined());
  });
});
