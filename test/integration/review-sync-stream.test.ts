import { describe, expect, it, onTestFinished } from 'vitest';
import { titleKey } from '../../mirror-core/contracts/identifiers.ts';
import type { DatasetWriter } from '../../mirror-core/contracts/store-port.ts';
import type { StreamRequest, UpstreamPort } from '../../mirror-core/contracts/upstream-port.ts';
import { timeToMs } from '../../mirror-core/contracts/upstream-time.ts';
import { decodeTrack } from '../../mirror-core/sync/realtime/positions.ts';
import { RealtimeService } from '../../mirror-core/sync/realtime/realtime-service.ts';
import { eventually } from './harness.ts';
import { newDataset, silent } from './store-setup.ts';

const SILENCE_MS = 1000;

/** A stream that says what a test tells it, and remembers how it was asked. */
class ToldUpstream {
  readonly asked: StreamRequest[] = [];
  readonly #connections = new Set<{ readonly queue: Uint8Array[]; wake: () => void }>();

  /** On every connection. */
  say(event: object): void {
    for (const connection of this.#connections) {
      connection.queue.push(Buffer.from(JSON.stringify(event)));
      connection.wake();
    }
  }

  async *stream(request: StreamRequest): AsyncGenerator<Uint8Array> {
    this.asked.push(request);
    const connection = { queue: [] as Uint8Array[], wake: (): void => undefined };
    this.#connections.add(connection);
    try {
      for (;;) {
        request.signal.throwIfAborted();
        const next = connection.queue.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        await new Promise<void>((resolve) => {
          connection.wake = resolve;
          request.signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    } finally {
      this.#connections.delete(connection);
    }
  }
}

interface EventOptions {
  readonly name: string;
  readonly type?: 'update' | 'delete';
  readonly namespace?: number;
  readonly partition: number;
  readonly offset: number;
  readonly atMs: number;
}

function eventOf({ name, type = 'update', namespace = 0, partition, offset, atMs }: EventOptions): object {
  const at = new Date(atMs).toISOString();
  return {
    name,
    identifier: 1,
    date_modified: at,
    is_part_of: { identifier: 'testwiki' },
    namespace: { identifier: namespace },
    version: { identifier: offset + 1 },
    ...(type === 'update' ? { article_body: { html: name } } : {}),
    event: { identifier: `${partition}-${offset}`, type, date_created: at, date_published: at, partition, offset },
  };
}

async function serviceOn(told: ToldUpstream): Promise<{ service: RealtimeService; dataset: DatasetWriter; caughtUp: string[] }> {
  const { dataset } = await newDataset();
  const caughtUp: string[] = [];
  const service = new RealtimeService(
    {
      upstream: told as unknown as UpstreamPort,
      settings: () => ({ codec: 'zstd', silenceMs: SILENCE_MS, watchdogMs: 60_000, retentionMs: 48 * 3_600_000 }),
      logger: silent,
      now: Date.now,
      sleep: () => Promise.resolve(),
      random: () => 0,
    },
    {
      onLost: () => Promise.resolve(),
      onMemberFailed: () => undefined,
      onBadRecord: (_, reason) => {
        throw new Error(reason);
      },
      onStream: () => undefined,
      onApplied: () => undefined,
      onProgress: () => undefined,
      onCaughtUp: (id) => caughtUp.push(id),
      onUnknownEvent: () => undefined,
    },
  );
  onTestFinished(() => service.close());
  return { service, dataset, caughtUp };
}

function snapshotUntil(sinceMs: number): object {
  const since = new Date(sinceMs).toISOString();
  return {
    version: 'v1',
    modified: null,
    generation: 1,
    records: 1,
    exportedAfter: since,
    since,
    previousRecords: null,
    completedAt: since,
    isReconciled: true,
  };
}

describe('a dataset that comes to the stream', () => {
  it('is read on from where its snapshot ends, when that was loaded without the stream', async () => {
    const told = new ToldUpstream();
    const { service, dataset } = await serviceOn(told);
    const sinceMs = Date.now() - 5 * 3_600_000;
    await dataset.commit({ snapshot: snapshotUntil(sinceMs) });
    await service.attach([dataset]);
    expect(service.freshness(dataset.id)?.isCatchingUp).toBe(true);
    const positions = decodeTrack(await dataset.checkpoint('catchup'));
    expect(positions?.partitions.map(({ time }) => timeToMs(time))).toEqual(Array<number>(50).fill(sinceMs));
    await eventually('both connections', () => told.asked.length === 2 || undefined);
    expect(told.asked.map((request) => request.sincePerPartition.get(7)).map((time) => time && timeToMs(time))).toContain(
      sinceMs,
    );
  });

  it('is not read anew when batches brought it further', async () => {
    const told = new ToldUpstream();
    const { service, dataset } = await serviceOn(told);
    const nextHourMs = Math.floor(Date.now() / 3_600_000) * 3_600_000;
    await dataset.commit({ snapshot: snapshotUntil(nextHourMs - 90 * 3_600_000), batch: { nextHourMs, present: [] } });
    await service.attach([dataset]);
    const positions = decodeTrack(await dataset.checkpoint('catchup'));
    expect(timeToMs(positions!.partitions[0]!.time)).toBe(nextHourMs - 3_600_000);
  });
});

describe('partitions that say nothing', () => {
  it('are not taken for complete because another one is through with its backlog', async () => {
    const told = new ToldUpstream();
    const { service, dataset, caughtUp } = await serviceOn(told);
    await dataset.commit({ snapshot: snapshotUntil(Date.now() - 5 * 3_600_000) });
    await service.attach([dataset]);
    await eventually('both connections', () => told.asked.length === 2 || undefined);
    const startedMs = Date.now();
    // Partition 0 is live already, partition 1 still brings what is hours old.
    for (let offset = 0; Date.now() < startedMs + 3 * SILENCE_MS; offset += 1) {
      for (const [partition, ageMs] of [
        [0, 0],
        [1, 4 * 3_600_000 - offset],
      ] as const) {
        told.say(eventOf({ name: `P${partition} ${offset}`, partition, offset, atMs: Date.now() - ageMs }));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(caughtUp).toEqual([]);
    const { completeUntil } = service.freshness(dataset.id)!;
    expect(timeToMs(completeUntil)).toBeLessThan(Date.now() - 3 * 3_600_000);
  });
});

describe('a deletion that names another namespace', () => {
  it('is applied to a title that came just before it', async () => {
    const told = new ToldUpstream();
    const { service, dataset } = await serviceOn(told);
    await service.attach([dataset]);
    await eventually('the connection', () => told.asked.length === 1 || undefined);
    const atMs = Date.now();
    told.say(eventOf({ name: 'Here', partition: 3, offset: 0, atMs }));
    told.say(eventOf({ name: 'Here', type: 'delete', namespace: 14, partition: 3, offset: 1, atMs: atMs + 1 }));
    await eventually('both events', () => dataset.stats().lastSeq > 0 || undefined);
    await eventually(
      'the tombstone',
      async () => (await dataset.entry(titleKey('Here')))?.kind === 'tombstone' || undefined,
      3000,
    );
  });
});
