/** How old a dataset is, from what the stream and the checkpoints tell. */
import { parseUpstreamTime, timeToMs } from '../contracts/upstream-time.ts';
import type { SnapshotCheckpoint } from './checkpoints.ts';
import type { Freshness } from './realtime/realtime-service.ts';
import type { SyncInput } from './state-machine.ts';

/** A dataset that lags no more than this behind upstream is called live. */
const LIVE_LAG_MS = 5 * 60_000;

/** Ms since the epoch of the newest upstream time that counts: while a stretch is missing, the time up to which nothing is. */
function reachedMs(stream: Freshness): number {
  return timeToMs(stream.isCatchingUp ? stream.completeUntil : stream.newest);
}

/** The state that a dataset on the stream is in: live, or catching up with its lag. */
export function streamInput(stream: Freshness | undefined, nowMs: number, silenceMs: number): SyncInput {
  if (stream === undefined) return { type: 'catch-up', source: 'realtime', lagMs: null };
  const lagMs = Math.max(0, nowMs - reachedMs(stream));
  const isLive = !stream.isCatchingUp && stream.isConnected && lagMs <= Math.max(LIVE_LAG_MS, 3 * silenceMs);
  return isLive ? { type: 'live', lagMs } : { type: 'catch-up', source: 'realtime', lagMs };
}

export interface Age {
  /** Upstream time up to which everything is applied, ms since the epoch; `null` where not known. */
  readonly asOfMs: number | null;
  readonly lagMs: number | null;
}

/** @param untilMs further times up to which everything is applied: by batches, by the stream when it was last followed */
export function ageOf(
  snapshot: SnapshotCheckpoint | undefined,
  stream: Freshness | undefined,
  untilMs: readonly (number | undefined)[],
  nowMs: number,
): Age {
  if (snapshot === undefined) return { asOfMs: null, lagMs: null };
  if (stream !== undefined) return { asOfMs: timeToMs(stream.completeUntil), lagMs: Math.max(0, nowMs - reachedMs(stream)) };
  const exported = snapshot.exportedAfter === null ? undefined : parseUpstreamTime(snapshot.exportedAfter);
  const asOfMs = Math.max(exported === undefined ? 0 : timeToMs(exported), ...untilMs.map((ms) => ms ?? 0));
  return asOfMs === 0 ? { asOfMs: null, lagMs: null } : { asOfMs, lagMs: Math.max(0, nowMs - asOfMs) };
}
