/**
 * Makes text vanish from the files, not only from view. LevelDB keeps a deleted value until a compaction meets it, so each erasure is:
 * write what replaces it, flush, delete, compact exactly that stretch of the log, and only then forget that it had to be done. A
 * crash in between repeats the work; nothing is reported as erased that still lies in a table.
 */
import type { LiveEntry } from '../contracts/store-port.ts';
import { decodeBodyAsync, encodeBodyAsync } from '../records/codec.ts';
import { sha256Of } from '../records/encode.ts';
import { redactRecord } from '../records/redact.ts';
import { decodeBodyValue, encodeBodyValue } from './body-codec.ts';
import { decodeIndexed, encodeIndexed, hiddenBits, mustRedact, type IndexedLive } from './entry-codec.ts';
import { bodyKey, entryKey, garbageKey, markKey, numberOfKey, partsOfTitleKey, rangeOf, rangeOfText, ROW } from './index-keys.ts';
import { del, put, type LevelDatabase, type WriteOperation } from './level-database.ts';
import { decodeErase, decodeGarbage, decodeMark, encodeGarbage, type EraseTask } from './row-codecs.ts';
import type { ExclusiveStep, WriteAccess } from './write-access.ts';

/** Bounds the memory of one round: rows, and the bytes of one index batch. */
const TASKS_PER_ROUND = 256;
const GARBAGE_PER_ROUND = 100_000;
/** Deleted numbers closer than this share their tables anyway (16 MB each, about a thousand articles): one compaction for both. */
const COALESCE_GAP = 1024;

interface DueTask extends EraseTask {
  readonly key: Buffer;
  /** Number of the change that asked for it. */
  readonly seq: number;
}

interface Victim {
  readonly key: Buffer;
  readonly seq: number;
  readonly storedBytes: number;
}

/**
 * Erases what is due and, with `superseded`, every body that no live title owns.
 * @returns stored bytes that were freed
 */
export async function eraseDue(
  access: WriteAccess,
  options: { readonly superseded: boolean; readonly signal?: AbortSignal },
): Promise<number> {
  let freed = 0;
  let from = rangeOf(ROW.erase).gte;
  for (;;) {
    options.signal?.throwIfAborted();
    const { due, next } = await dueTasks(access, from);
    freed += await carryOut(access, due, options.signal);
    if (next === undefined) break;
    from = next;
  }
  if (options.superseded) freed += await reclaimGarbage(access, options.signal);
  return freed;
}

/** Tasks wait in the order of their numbers, which is nearly that of their times; those not due yet are passed over. */
async function dueTasks(
  { files, nowMs }: WriteAccess,
  from: Buffer,
): Promise<{ readonly due: readonly DueTask[]; readonly next: Buffer | undefined }> {
  const rows = await files.index.iterator({ gte: from, lt: rangeOf(ROW.erase).lt, limit: TASKS_PER_ROUND }).all();
  const due = rows
    .map(([key, value]) => ({ ...decodeErase(value), key, seq: numberOfKey(key) }))
    .filter(({ dueMs }) => dueMs <= nowMs);
  const last = rows.at(-1)?.[0];
  const isEnd = last === undefined || rows.length < TASKS_PER_ROUND;
  return { due, next: isEnd ? undefined : Buffer.concat([last, Buffer.from([0])]) };
}

async function carryOut(access: WriteAccess, tasks: readonly DueTask[], signal: AbortSignal | undefined): Promise<number> {
  if (tasks.length === 0) return 0;
  const finished: DueTask[] = [];
  for (const task of tasks) {
    signal?.throwIfAborted();
    if (task.kind === 'removed' || (await access.exclusively((step) => redactLive(access, step, task)))) finished.push(task);
  }
  const victims = new Map<number, Victim>();
  for (const task of finished) {
    for (const victim of await victimsOf(access.files.index, task)) victims.set(victim.seq, victim);
  }
  return destroy(
    access,
    [...victims.values()],
    finished.map(({ key }) => key),
    signal,
  );
}

/** Garbage that a task is about. */
async function victimsOf(index: LevelDatabase, task: DueTask): Promise<readonly Victim[]> {
  if (task.kind === 'hidden') {
    const bytes = await index.get(markKey(task.title, task.versionId));
    // Shown again before it was due.
    if (bytes === undefined || hiddenBits(decodeMark(bytes).visibility) === 0) return [];
  }
  const rows = await index.iterator(rangeOfText(ROW.garbage, task.title)).all();
  return rows.flatMap(([key, value]) => {
    const { versionId, storedBytes } = decodeGarbage(value);
    const seq = partsOfTitleKey(key).number;
    const isMeant = task.kind === 'removed' ? seq <= task.seq : versionId === task.versionId;
    return isMeant ? [{ key, seq, storedBytes }] : [];
  });
}

/**
 * Replaces a hidden live record by what may be shown of it.
 * @returns `false` when the title has uncommitted changes and the task has to wait for them
 */
async function redactLive({ files, id }: WriteAccess, step: ExclusiveStep, task: EraseTask): Promise<boolean> {
  if (step.isStaged(task.title)) return false;
  const bytes = await files.index.get(entryKey(task.title));
  const live = bytes === undefined ? undefined : decodeIndexed(bytes);
  if (live?.kind !== 'live' || live.entry.versionId !== task.versionId || !mustRedact(live)) return true;
  const { entry } = live;
  const value = await files.bodies.get(bodyKey(entry.seq));
  if (value === undefined) throw new RangeError(`the record of ${task.title} is missing from ${id}`);
  const { codec, stored } = decodeBodyValue(value);
  const redacted = redactRecord(await decodeBodyAsync(stored, codec, entry.rawBytes), entry.visibility);
  const compressed = await encodeBodyAsync(redacted, codec);
  const seq = await step.takeSeq();
  await files.bodies.put(bodyKey(seq), encodeBodyValue(task.title, codec, compressed), { sync: true });
  const next = redactedTitle(live, seq, redacted, compressed.length);
  const operations: WriteOperation[] = [
    put(entryKey(task.title), encodeIndexed(next)),
    put(garbageKey(task.title, entry.seq), encodeGarbage({ versionId: entry.versionId, storedBytes: entry.storedBytes })),
  ];
  await step.writeIndex(operations, {
    ...step.meta,
    lastSeq: Math.max(step.meta.lastSeq, seq),
    rawBytes: step.meta.rawBytes - entry.rawBytes + next.entry.rawBytes,
    storedBytes: step.meta.storedBytes - entry.storedBytes + next.entry.storedBytes,
    garbageBytes: step.meta.garbageBytes + entry.storedBytes,
  });
  return true;
}

function redactedTitle(live: IndexedLive, seq: number, json: Uint8Array, storedBytes: number): IndexedLive {
  const entry: LiveEntry = {
    ...live.entry,
    seq,
    isRedacted: true,
    rawBytes: json.length,
    storedBytes,
    sha256: sha256Of(json),
  };
  return { ...live, entry, cut: live.cut | hiddenBits(entry.visibility) };
}

/** Deletes bodies and makes sure that nothing of them is left in the files; then forgets them and the tasks that asked for it. */
async function destroy(
  access: WriteAccess,
  victims: readonly Victim[],
  tasks: readonly Buffer[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const { files } = access;
  const seqs = Float64Array.from(victims, ({ seq }) => seq).sort();
  if (seqs.length > 0) {
    await access.exclusively(async () => {
      // First into tables: a value and its deletion that reach the same new table together would both stay in it, for no later
      // compaction has a reason to touch the lowest level alone.
      await flush(files.bodies);
      await files.bodies.batch(
        Array.from(seqs, (seq) => del(bodyKey(seq))),
        { sync: true },
      );
    });
    await compactRuns(files.bodies, seqs, signal);
  }
  const freed = victims.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  await access.exclusively(({ meta, writeIndex }) =>
    writeIndex([...victims.map(({ key }) => del(key)), ...tasks.map(del)], { ...meta, garbageBytes: meta.garbageBytes - freed }),
  );
  return freed;
}

/** Writes the memory table out. Number 0 is never used, so the range itself is empty. */
async function flush(bodies: LevelDatabase): Promise<void> {
  await bodies.compactRange(bodyKey(0), bodyKey(0));
}

async function compactRuns(bodies: LevelDatabase, ascending: Float64Array, signal: AbortSignal | undefined): Promise<void> {
  let first = ascending[0];
  if (first === undefined) return;
  let last = first;
  for (const seq of ascending) {
    if (seq - last > COALESCE_GAP) {
      signal?.throwIfAborted();
      await bodies.compactRange(bodyKey(first), bodyKey(last));
      first = seq;
    }
    last = seq;
  }
  await bodies.compactRange(bodyKey(first), bodyKey(last));
}

/** Everything superseded, in ascending runs of the log so that whole tables empty themselves instead of being thinned out. */
async function reclaimGarbage(access: WriteAccess, signal: AbortSignal | undefined): Promise<number> {
  let freed = 0;
  for (;;) {
    signal?.throwIfAborted();
    const rows = await access.files.index.iterator({ ...rangeOf(ROW.garbage), limit: GARBAGE_PER_ROUND }).all();
    if (rows.length === 0) return freed;
    const victims = rows.map(([key, value]) => ({
      key,
      seq: partsOfTitleKey(key).number,
      storedBytes: decodeGarbage(value).storedBytes,
    }));
    freed += await destroy(access, victims, [], signal);
  }
}
