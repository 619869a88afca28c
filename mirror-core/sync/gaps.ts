/** Stretches of upstream time that this dataset did not see: recorded, shown, and closed only when something proved them healed. */
import { randomUUID } from 'node:crypto';
import type { Gap } from '../contracts/control-api.ts';
import type { DatasetWriter } from '../contracts/store-port.ts';
import { compareTimes, formatUpstreamTime, laterOf, parseUpstreamTime, type UpstreamTime } from '../contracts/upstream-time.ts';
import { decodeGaps, decodeHealing } from './checkpoints.ts';

/** Closed gaps are kept for the record, the newest of them. */
const KEPT_CLOSED_GAPS = 50;

const HEALING: Readonly<Record<Gap['cause'], string>> = {
  'stream-retention': 'the next snapshot is loaded over the store, and titles it lacks are looked up or removed',
  'position-expired': 'the next snapshot is loaded over the store, and titles it lacks are looked up or removed',
  'snapshot-too-old': 'the next snapshot that is younger than the reach of the stream is loaded over the store',
  'batch-missing': 'the next snapshot is loaded over the store',
};

export async function readGaps(store: DatasetWriter): Promise<readonly Gap[]> {
  return decodeGaps(await store.checkpoint('gaps'));
}

export interface LostStretch {
  readonly cause: Gap['cause'];
  readonly from: UpstreamTime;
  readonly until: UpstreamTime;
}

/** A gap that is as long as both stretches; `undefined` when they do not touch. */
function extended(gap: Gap, lost: LostStretch): Gap | undefined {
  const from = parseUpstreamTime(gap.from);
  const until = parseUpstreamTime(gap.until);
  if (from === undefined || until === undefined) return undefined;
  if (compareTimes(lost.from, until) > 0 || compareTimes(lost.until, from) < 0) return undefined;
  const earlier = compareTimes(lost.from, from) < 0 ? lost.from : from;
  return { ...gap, from: formatUpstreamTime(earlier), until: formatUpstreamTime(laterOf(lost.until, until)) };
}

/**
 * Records a lost stretch at once and durably; one that touches an open gap of the same cause extends that gap. A gap that a loaded
 * generation is about to close is left as it is: that generation does not heal what is lost after it.
 */
export async function openGap(
  store: DatasetWriter,
  lost: LostStretch,
  nowMs: number,
): Promise<{ readonly gap: Gap; readonly isNew: boolean }> {
  const gaps = await readGaps(store);
  const healing = decodeHealing(await store.checkpoint('healing'));
  for (const open of gaps) {
    const gap = open.closedAt === null && open.cause === lost.cause && !healing.has(open.id) ? extended(open, lost) : undefined;
    if (gap === undefined) continue;
    await store.commit({ gaps: gaps.map((other) => (other.id === gap.id ? gap : other)) });
    return { gap, isNew: false };
  }
  const gap: Gap = {
    id: randomUUID(),
    cause: lost.cause,
    from: formatUpstreamTime(lost.from),
    until: formatUpstreamTime(lost.until),
    partitions: null,
    healing: HEALING[lost.cause],
    openedAt: new Date(nowMs).toISOString(),
    closedAt: null,
  };
  await store.commit({ gaps: [...gaps, gap] });
  return { gap, isNew: true };
}

/** Closes these gaps: a complete generation was loaded after them, and the stream was read without loss from its start on. */
export async function closeGaps(store: DatasetWriter, ids: ReadonlySet<string>, nowMs: number): Promise<number> {
  const gaps = await readGaps(store);
  let closed = 0;
  const updated = gaps.map((gap) => {
    if (gap.closedAt !== null || !ids.has(gap.id)) return gap;
    closed += 1;
    return { ...gap, closedAt: new Date(nowMs).toISOString() };
  });
  if (closed === 0) return 0;
  const old = updated.filter((gap) => gap.closedAt !== null).slice(0, -KEPT_CLOSED_GAPS);
  await store.commit({ gaps: updated.filter((gap) => !old.includes(gap)) });
  return closed;
}
