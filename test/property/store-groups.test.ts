import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { parseDatasetId, titleKey, type TitleKey } from '../../mirror-core/contracts/identifiers.ts';
import type { Change, DatasetWriter } from '../../mirror-core/contracts/store-port.ts';
import { encodeRecord } from '../../mirror-core/records/encode.ts';
import { MirrorStore } from '../../mirror-core/store/mirror-store.ts';

const ID = parseDatasetId('testwiki_namespace_0')!.id;

/** Few titles, pages, versions and times, so that everything meets everything. */
const name = fc.constantFrom('A', 'B', 'C d');
const page = fc.integer({ min: 0, max: 3 });
const version = fc.integer({ min: 1, max: 4 });
const second = fc.integer({ min: 1, max: 6 });
const flag = fc.boolean();

const article = fc.record({
  name,
  page,
  version,
  second,
  redirects: fc.subarray(['R 1', 'R 2', 'R 3']),
  entity: fc.constantFrom('Q1', 'Q2', undefined),
  license: fc.constantFrom('X', 'Y'),
  generation: fc.constantFrom(undefined, 1, 2),
});

function updateOf({ generation, ...drawn }: typeof article extends fc.Arbitrary<infer T> ? T : never): Change {
  const time = new Date(drawn.second * 1000).toISOString();
  const json = {
    name: drawn.name,
    identifier: drawn.page,
    version: { identifier: drawn.version },
    is_part_of: { identifier: 'testwiki' },
    redirects: drawn.redirects.map((redirect) => ({ name: redirect })),
    ...(drawn.entity === undefined ? {} : { main_entity: { identifier: drawn.entity } }),
    license: [{ identifier: drawn.license }],
    event: { type: 'update', date_created: time, date_published: time },
  };
  const record = encodeRecord(Buffer.from(JSON.stringify(json)), 'br');
  return { kind: 'record', record, source: 'snapshot', ...(generation === undefined ? {} : { generation }) };
}

const event = fc.record({ name, page, version, second }).map((drawn) => ({
  title: titleKey(drawn.name),
  pageId: drawn.page,
  versionId: drawn.version,
  eventTime: { seconds: drawn.second, nanos: 0 },
  publishedTime: undefined,
  position: undefined,
  source: 'realtime' as const,
}));
const removal = event.map((drawn): Change => ({ kind: 'delete', ...drawn }));
const marking = fc
  .tuple(event, fc.record({ text: flag, editor: flag, comment: flag }))
  .map(([drawn, visibility]): Change => ({ kind: 'visibility', visibility, ...drawn }));

function changesWith(update: fc.Arbitrary<Change>): fc.Arbitrary<Change[]> {
  const any = fc.oneof({ weight: 4, arbitrary: update }, { weight: 2, arbitrary: removal }, { weight: 2, arbitrary: marking });
  return fc.array(any, { minLength: 1, maxLength: 25 });
}

/** Also what upstream would never send: versions that fall while time goes on. */
const changes = changesWith(article.map(updateOf));
/** Later records carry later versions. */
const orderlyChanges = changesWith(article.map((drawn) => updateOf({ ...drawn, version: drawn.second })));

/** After each change: go on, stage what has come so far, commit it, or erase as well. */
const cuts = fc.array(fc.constantFrom('go on', 'stage', 'commit', 'erase'), { minLength: 25, maxLength: 25 });

async function load(dataset: DatasetWriter, list: readonly Change[], breaks: readonly string[]): Promise<readonly string[]> {
  const outcomes: string[] = [];
  let waiting: Change[] = [];
  for (const [position, change] of list.entries()) {
    waiting.push(change);
    const cut = breaks[position] ?? 'go on';
    if (cut === 'go on') continue;
    outcomes.push(...(await dataset.stage(waiting)));
    waiting = [];
    if (cut !== 'stage') await dataset.commit();
    if (cut === 'erase') await dataset.erase({ superseded: true });
  }
  outcomes.push(...(await dataset.stage(waiting)));
  await dataset.commit();
  return outcomes;
}

/** Everything a reader can learn that does not depend on when bodies were reclaimed. */
async function stateOf(dataset: DatasetWriter): Promise<unknown> {
  const rows: unknown[] = [];
  for await (const row of dataset.manifest({ tombstones: true })) {
    const entry = await dataset.entry(row.title as TitleKey);
    const suspect = entry?.kind === 'live' ? entry.isSuspect : undefined;
    rows.push({ ...row, generation: entry?.generation, suspect });
  }
  const doubts: string[] = [];
  for await (const doubt of dataset.doubts()) doubts.push(`${doubt.title} ${doubt.reason}`);
  const pages = await Promise.all([1, 2, 3].map((id) => dataset.titlesOfPage(id)));
  const redirects = await Promise.all(['R_1', 'R_2', 'R_3'].map((title) => dataset.redirectTargets(title as TitleKey)));
  const entities = await Promise.all(['Q1', 'Q2'].map((id) => dataset.titlesOfEntity(id)));
  const { live, tombstones, rawBytes, doubtful, licenses } = dataset.stats();
  const sorted = (lists: readonly (readonly string[])[]): string[][] => lists.map((list) => [...list].sort());
  const counters = { live, tombstones, rawBytes, doubtful, licenses };
  return { rows, doubts, pages: sorted(pages), redirects: sorted(redirects), entities: sorted(entities), counters };
}

async function inNewStore<T>(eraseDelayMs: number, work: (dataset: DatasetWriter) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'wikimirror-groups-'));
  const logger = pino({ level: 'silent' });
  const store = await MirrorStore.open({
    directory,
    upstreamAddress: 'https://upstream.example',
    isPractice: false,
    logger,
    eraseDelayMs,
  });
  try {
    return await work(await store.create(ID));
  } finally {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
}

const NEVER_DUE = 10 ** 12;

describe('the same changes', () => {
  it(
    'end in the same state and have the same outcomes, however they are staged, committed and reclaimed',
    { timeout: 120_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(changes, cuts, async (list, breaks) => {
          const [outcomes, state, problems] = await inNewStore(NEVER_DUE, async (dataset) => {
            const result = await load(dataset, list, breaks);
            return [result, await stateOf(dataset), (await dataset.verify({})).examples];
          });
          expect(problems).toEqual([]);
          const [plainOutcomes, plainState] = await inNewStore(NEVER_DUE, async (dataset) => {
            const result = await load(dataset, list, []);
            return [result, await stateOf(dataset)];
          });
          expect(outcomes).toEqual(plainOutcomes);
          expect(state).toEqual(plainState);
        }),
        { numRuns: 60 },
      );
    },
  );

  it('leave a sound dataset when hidden and removed text is erased at once in between', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(changes, cuts, async (list, breaks) => {
        const problems = await inNewStore(0, async (dataset) => {
          await load(dataset, list, breaks);
          await dataset.erase({ superseded: true });
          expect(dataset.stats().garbageBytes).toBe(0);
          return (await dataset.verify({})).examples;
        });
        expect(problems).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('change nothing when they are all applied again', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(orderlyChanges, async (list) => {
        await inNewStore(NEVER_DUE, async (dataset) => {
          await load(dataset, list, []);
          const before = await stateOf(dataset);
          const again = await load(dataset, list, []);
          expect(again.filter((outcome) => outcome !== 'unchanged' && outcome !== 'stale')).toEqual([]);
          expect(await stateOf(dataset)).toEqual(before);
        });
      }),
      { numRuns: 40 },
    );
  });
});
