/**
 * Positions on the Realtime stream: for each of the 50 partitions the next offset wanted, where one is known, and a time up to
 * which the partition is known to be complete. Both are kept because offsets expire (contract §10.2, §15.3).
 */
import { OFFSET_RESUME_LIMIT_MS, PARTITION_COUNT, STREAM_RETENTION_MS } from '../../contracts/limits.ts';
import {
  addMs,
  compareTimes,
  formatUpstreamTime,
  laterOf,
  parseUpstreamTime,
  timeFromMs,
  type UpstreamTime,
} from '../../contracts/upstream-time.ts';

export interface PartitionPosition {
  /** Next offset wanted; `null` when no event of this partition was seen. */
  readonly offset: number | null;
  /** Everything published before this time has been seen. */
  readonly time: UpstreamTime;
}

export interface Positions {
  /** Always 50. */
  readonly partitions: readonly PartitionPosition[];
  /** When these positions were last known to be current, ms since the epoch. */
  readonly savedAtMs: number;
}

/** Every partition at `time`, no offset known. */
export function positionsAt(time: UpstreamTime, savedAtMs: number): Positions {
  return { partitions: Array.from({ length: PARTITION_COUNT }, () => ({ offset: null, time })), savedAtMs };
}

/** Moves one partition past an event. Never moves backwards. */
export function advance(
  positions: readonly PartitionPosition[],
  partition: number,
  offset: number,
  published: UpstreamTime,
): PartitionPosition[] {
  return positions.map((position, index) =>
    index === partition
      ? { offset: Math.max(position.offset ?? 0, offset + 1), time: laterOf(position.time, published) }
      : position,
  );
}

/** The earlier of two positions, partition by partition: starting there loses nothing for either. */
export function earliest(a: Positions, b: Positions): Positions {
  return {
    partitions: a.partitions.map((left, index) => {
      const right = b.partitions[index];
      if (right === undefined) return left;
      if (left.offset !== null && right.offset !== null) return left.offset <= right.offset ? left : right;
      // Only one offset is known: the times decide, and a tie goes to the one without an offset, which reaches further back.
      const order = compareTimes(left.time, right.time);
      if (order !== 0) return order < 0 ? left : right;
      return left.offset === null ? left : right;
    }),
    savedAtMs: Math.min(a.savedAtMs, b.savedAtMs),
  };
}

/** Raises the times of all partitions to `time` (a quiet stream is complete up to there); offsets stay. */
export function raiseTimes(partitions: readonly PartitionPosition[], time: UpstreamTime): PartitionPosition[] {
  return partitions.map((position) => (compareTimes(position.time, time) < 0 ? { offset: position.offset, time } : position));
}

/** The time up to which every partition is complete. */
export function completeUntil(positions: Positions): UpstreamTime {
  return (
    positions.partitions.reduce<UpstreamTime | undefined>(
      (least, position) => (least === undefined || compareTimes(position.time, least) < 0 ? position.time : least),
      undefined,
    ) ?? { seconds: 0, nanos: 0 }
  );
}

/** Whether `positions` reached `goal` in this partition. */
export function hasReached(position: PartitionPosition, goal: PartitionPosition): boolean {
  if (position.offset !== null && goal.offset !== null) return position.offset >= goal.offset;
  return compareTimes(position.time, goal.time) >= 0;
}

/**
 * Whether a catch-up is over in this partition. Where the goal is an event that was seen, only that event's own offset proves it; a
 * quiet stream proves nothing, since upstream may be slow to begin. Where no event is known, and where the goal's event has left
 * upstream's retention, time has to do.
 */
export function hasCaughtUp(position: PartitionPosition, goal: PartitionPosition, retainedFrom: UpstreamTime): boolean {
  if (goal.offset !== null && compareTimes(goal.time, retainedFrom) >= 0)
    return position.offset !== null && position.offset >= goal.offset;
  return hasReached(position, goal) || compareTimes(position.time, goal.time) > 0;
}

export interface ResumePlan {
  readonly offsets: ReadonlyMap<number, number>;
  readonly sincePerPartition: ReadonlyMap<number, UpstreamTime>;
  /** The stretch that upstream no longer has; `undefined` when the stream can be resumed without a gap. */
  readonly lost: { readonly from: UpstreamTime; readonly until: UpstreamTime } | undefined;
}

/**
 * How to ask for the stream again. Offsets while the pause is short; times after a long one, because an offset before the
 * retained start makes upstream jump silently to the latest event, while a time starts at the earliest (contract §10.2).
 */
export function planResume(positions: Positions, nowMs: number, retentionMs: number = STREAM_RETENTION_MS): ResumePlan {
  const offsetLimitMs = (OFFSET_RESUME_LIMIT_MS / STREAM_RETENTION_MS) * retentionMs;
  const useOffsets = nowMs - positions.savedAtMs <= offsetLimitMs;
  const retainedFrom = timeFromMs(nowMs - retentionMs);
  const offsets = new Map<number, number>();
  const sincePerPartition = new Map<number, UpstreamTime>();
  let lostFrom: UpstreamTime | undefined;
  positions.partitions.forEach((position, partition) => {
    if (useOffsets && position.offset !== null) {
      offsets.set(partition, position.offset);
      return;
    }
    sincePerPartition.set(partition, position.time);
    if (compareTimes(position.time, retainedFrom) < 0 && (lostFrom === undefined || compareTimes(position.time, lostFrom) < 0)) {
      lostFrom = position.time;
    }
  });
  return { offsets, sincePerPartition, lost: lostFrom === undefined ? undefined : { from: lostFrom, until: retainedFrom } };
}

/** The stored form of positions: short, stable JSON. */
export function encodePositions(positions: Positions): unknown {
  return {
    savedAt: positions.savedAtMs,
    partitions: positions.partitions.map((position) => [position.offset, formatUpstreamTime(position.time)]),
  };
}

/** Reads what `encodePositions` wrote; `undefined` when it is absent or not of that form. */
export function decodePositions(value: unknown): Positions | undefined {
  if (typeof value !== 'object' || value === null || !('savedAt' in value) || !('partitions' in value)) return undefined;
  const { savedAt, partitions } = value;
  if (typeof savedAt !== 'number' || !Array.isArray(partitions) || partitions.length !== PARTITION_COUNT) return undefined;
  const decoded: PartitionPosition[] = [];
  for (const item of partitions as unknown[]) {
    if (!Array.isArray(item)) return undefined;
    const [offset, text] = item as unknown[];
    const time = typeof text === 'string' ? parseUpstreamTime(text) : undefined;
    if (time === undefined || (offset !== null && typeof offset !== 'number')) return undefined;
    decoded.push({ offset, time });
  }
  return { partitions: decoded, savedAtMs: savedAt };
}

/** The positions in a stored checkpoint of a track (`realtime` or `catchup`). */
export function decodeTrack(value: unknown): Positions | undefined {
  return typeof value === 'object' && value !== null && 'positions' in value ? decodePositions(value.positions) : undefined;
}

/** The time to ask for so that nothing is missed although clocks differ: a little earlier. */
export function withMargin(nowMs: number, marginMs: number): UpstreamTime {
  return addMs(timeFromMs(nowMs), -marginMs);
}
