import { expect, it } from 'vitest';
import { MirrorError } from '../../mirror-core/contracts/errors.ts';
import { titleKey } from '../../mirror-core/contracts/identifiers.ts';
import type { StreamRequest, UpstreamPort } from '../../mirror-core/contracts/upstream-port.ts';
import { sweepRemovals } from '../../mirror-core/sync/sweep.ts';
import { Upkeep } from '../../mirror-core/sync/upkeep.ts';
import { newDataset, record } from './store-setup.ts';

function deletion(name: string, partition: number, atMs: number): Uint8Array {
  const at = new Date(atMs).toISOString();
  return Buffer.from(
    JSON.stringify({
      name,
      identifier: 1,
      date_modified: at,
      is_part_of: { identifier: 'testwiki' },
      namespace: { identifier: 0 },
      version: { identifier: 99 },
      event: { identifier: name, type: 'delete', date_created: at, date_published: at, partition, offset: 1 },
    }),
  );
}

it('sweeps on when a deletion of this moment overtakes older ones of other partitions', async () => {
  const { dataset } = await newDataset();
  await dataset.stage([record({ name: 'Ghost' })]);
  await dataset.commit();
  const upstream = {
    async *stream(request: StreamRequest): AsyncGenerator<Uint8Array> {
      if (request.filters?.[0]?.value === 'delete') {
        yield deletion('Just_now', 1, Date.now() + 5000);
        yield deletion('Ghost', 2, Date.now() - 3_600_000);
      }
      await new Promise<void>((resolve) => request.signal.addEventListener('abort', () => resolve(), { once: true }));
      request.signal.throwIfAborted();
    },
  } as unknown as UpstreamPort;
  await sweepRemovals({
    upstream,
    store: dataset,
    codec: 'zstd',
    retentionMs: 48 * 3_600_000,
    silenceMs: 100,
    signal: new AbortController().signal,
    now: Date.now,
  });
  expect((await dataset.entry(titleKey('Ghost')))?.kind).toBe('tombstone');
});

it('leaves doubts standing when look-ups are refused, and lets the rest go on', async () => {
  const { dataset } = await newDataset();
  await dataset.stage([record({ name: 'Doubtful' })]);
  const title = titleKey('Doubtful');
  dataset.doubt(title, { title, reason: 'moved-away', since: new Date().toISOString(), absences: 0 });
  await dataset.commit();
  const notices: string[] = [];
  const upkeep = new Upkeep({
    store: dataset,
    upstream: {
      canSpend: () => true,
      lookup: () => Promise.reject(new MirrorError('FORBIDDEN', 'no look-ups for this account')),
    } as unknown as UpstreamPort,
    capabilities: () =>
      Promise.resolve({
        snapshots: true,
        chunks: true,
        onDemand: true,
        batches: true,
        realtime: true,
        isPractice: false,
        learnedFrom: 'get-user',
        learnedAtMs: 0,
      }),
    codec: 'zstd',
    now: Date.now,
    spendLookup: () => true,
    onNotice: (type) => notices.push(type),
  });
  await upkeep.settle(new AbortController().signal);
  expect(notices).toEqual(['doubts.postponed']);
  expect(dataset.stats().doubtful).toBe(1);
});
