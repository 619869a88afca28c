/** Forgetting deletions that nothing can contradict any more. */
import type { UpstreamTime } from '../contracts/upstream-time.ts';
import { compareTimes } from '../contracts/upstream-time.ts';
import { decodeHead } from './entry-codec.ts';
import { rangeOf, ROW, titleOfKey } from './index-keys.ts';
import { del, type DelOperation } from './level-database.ts';
import type { ExclusiveStep, WriteAccess } from './write-access.ts';

const ROWS_PER_STEP = 1000;

/**
 * Drops tombstones older than `before` that the last two snapshot generations lacked. Generations that were loaded before the
 * deletion prove nothing and do not count.
 * @returns how many were dropped
 */
export async function dropOldTombstones(access: WriteAccess, before: UpstreamTime): Promise<number> {
  let dropped = 0;
  let from = rangeOf(ROW.title).gte;
  for (;;) {
    const step = await access.exclusively((exclusive) => dropSome(access, exclusive, from, before));
    dropped += step.dropped;
    if (step.next === undefined) return dropped;
    from = step.next;
  }
}

async function dropSome(
  { files }: WriteAccess,
  { meta, isStaged, writeIndex }: ExclusiveStep,
  from: Buffer,
  before: UpstreamTime,
): Promise<{ readonly dropped: number; readonly next: Buffer | undefined }> {
  const rows = await files.index.iterator({ gte: from, lt: rangeOf(ROW.title).lt, limit: ROWS_PER_STEP }).all();
  const operations: DelOperation[] = [];
  for (const [key, value] of rows) {
    const head = decodeHead(value);
    if (head.kind === 'live' || compareTimes(head.entry.eventTime, before) >= 0) continue;
    if (Math.max(head.entry.generation, head.sinceGeneration) > meta.generation - 2 || isStaged(titleOfKey(key))) continue;
    operations.push(del(key));
  }
  if (operations.length > 0) await writeIndex(operations, { ...meta, tombstones: meta.tombstones - operations.length });
  const last = rows.at(-1)?.[0];
  const isEnd = last === undefined || rows.length < ROWS_PER_STEP;
  return { dropped: operations.length, next: isEnd ? undefined : Buffer.concat([last, Buffer.from([0])]) };
}
