/**
 * The sweep for removals: a page deleted shortly before an export can still be in the snapshot, and its delete event lies before
 * the point from which the stream is read (contract §15.3, Ghosts). The same holds for text hidden before the export: snapshots
 * never say what is hidden. Short connections ask for deletions alone, then for visibility changes alone, as far back as upstream goes.
 */
import type { Codec } from '../contracts/article.ts';
import { isAbortError, isMirrorError } from '../contracts/errors.ts';
import { PART_COUNT, PARTITION_COUNT } from '../contracts/limits.ts';
import type { Change, DatasetWriter } from '../contracts/store-port.ts';
import type { UpstreamPort } from '../contracts/upstream-port.ts';
import { compareTimes, timeFromMs } from '../contracts/upstream-time.ts';
import { decodeEvent } from './decode-event.ts';

/** A little less than upstream keeps, so that the start has not expired by the time the request arrives. */
const REACH = 47 / 48;
const STAGE_EVENTS = 500;
const SWEPT_TYPES = ['delete', 'visibility-change'] as const;

export interface SweepContext {
  readonly upstream: UpstreamPort;
  readonly store: DatasetWriter;
  readonly codec: Codec;
  readonly retentionMs: number;
  /** There is no end marker: the sweep is over when no event older than the request came for so long. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
}

/** Applies every removal of the dataset's project that upstream still has. Returns how many titles were removed or hidden. */
export async function sweepRemovals(context: SweepContext): Promise<number> {
  let changed = 0;
  for (const type of SWEPT_TYPES) changed += await sweep(context, type);
  return changed;
}

async function sweep(context: SweepContext, type: (typeof SWEPT_TYPES)[number]): Promise<number> {
  const { upstream, store, codec, silenceMs, now } = context;
  const startedAt = timeFromMs(now());
  const since = timeFromMs(now() - context.retentionMs * REACH);
  const quiet = new AbortController();
  let timer = setTimeout(() => quiet.abort(), silenceMs);
  let changes: Change[] = [];
  let changed = 0;
  const apply = async (): Promise<void> => {
    if (changes.length === 0) return;
    const outcomes = await store.stage(changes);
    changes = [];
    await store.commit();
    changed += outcomes.filter((outcome) => outcome === 'deleted' || outcome === 'hidden').length;
  };

  try {
    const stream = upstream.stream({
      parts: Array.from({ length: PART_COUNT }, (_, part) => part),
      offsets: new Map(),
      sincePerPartition: new Map(Array.from({ length: PARTITION_COUNT }, (_, partition) => [partition, since] as const)),
      filters: [
        { field: 'event.type', value: type },
        { field: 'is_part_of.identifier', value: store.project },
      ],
      fields: [
        'name',
        'identifier',
        'date_modified',
        'is_part_of.identifier',
        'namespace.identifier',
        'version.identifier',
        'visibility.*',
        'event.*',
      ],
      signal: AbortSignal.any([context.signal, quiet.signal]),
    });
    for await (const raw of stream) {
      const event = decodeEvent(raw, codec);
      const isYoung = event.keys.publishedTime !== undefined && compareTimes(event.keys.publishedTime, startedAt) > 0;
      // A young event ends nothing: its partition may be through with its backlog before the others are.
      if (!isYoung) {
        clearTimeout(timer);
        timer = setTimeout(() => quiet.abort(), silenceMs);
      }
      if (event.kind !== 'change' || event.keys.eventType !== type) continue;
      const isHere = event.keys.namespaceId === store.namespaceId || (await store.entry(event.keys.title)) !== undefined;
      if (isHere) changes.push(event.toChange('realtime'));
      if (changes.length >= STAGE_EVENTS) await apply();
    }
  } catch (error) {
    context.signal.throwIfAborted();
    const isTheEnd = quiet.signal.aborted && (isAbortError(error) || isMirrorError(error));
    if (!isTheEnd) throw error;
  } finally {
    clearTimeout(timer);
  }
  await apply();
  return changed;
}
