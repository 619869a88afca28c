/**
 * What becomes of titles that a complete new snapshot no longer has (contract §15.5). Absence alone is weak evidence: a page edited
 * while the export ran can be missing. So a title is removed at once only when the mirror followed every event since, and never
 * when an unusual share would go; everything else is put in doubt, to be looked up or to be missed by a second generation.
 */
import type { DatasetWriter, Doubt } from '../../contracts/store-port.ts';
import { addMs, compareTimes, type UpstreamTime } from '../../contracts/upstream-time.ts';

/** At most this share of the titles may go by absence alone, and the generation may be smaller than the last by no more. */
const LARGEST_SHARE = 0.01;
const SAFETY_MARGIN_MS = 3_600_000;
/** So many absences in a row remove a title that nothing else could settle. */
const ABSENCES_TO_REMOVE = 2;
const COMMIT_TITLES = 1000;

export interface ReconcileInput {
  readonly store: DatasetWriter;
  readonly generation: number;
  /** Lower bound of the export's start. */
  readonly exportedAfter: UpstreamTime;
  readonly records: number;
  readonly previousRecords: number | null;
  /** Every event between the export and now was applied. */
  readonly wasKeptCurrent: boolean;
  readonly signal: AbortSignal;
  readonly nowMs: number;
}

export interface ReconcileResult {
  readonly removed: number;
  readonly doubtful: number;
  /** Why nothing was removed by absence alone; `null` when the guards were satisfied. */
  readonly guard: string | null;
}

export async function reconcile(input: ReconcileInput): Promise<ReconcileResult> {
  const { store, generation, exportedAfter, signal } = input;
  const settled = addMs(exportedAfter, -SAFETY_MARGIN_MS);
  const absent: {
    readonly title: Doubt['title'];
    readonly eventTime: UpstreamTime;
    readonly pageId: number;
    readonly versionId: number;
  }[] = [];
  for await (const { title, entry } of store.absentees(generation, exportedAfter)) {
    signal.throwIfAborted();
    absent.push({ title, eventTime: entry.eventTime, pageId: entry.pageId, versionId: entry.versionId });
  }
  const guard = guardAgainst(absent.length, input);
  const absences = await absencesSoFar(store);
  let removed = 0;
  let doubtful = 0;
  for (const [index, { title, eventTime, pageId, versionId }] of absent.entries()) {
    signal.throwIfAborted();
    const count = (absences.get(title) ?? 0) + 1;
    const isOld = compareTimes(eventTime, settled) < 0;
    if (guard === null && isOld && (input.wasKeptCurrent || count >= ABSENCES_TO_REMOVE)) {
      // The tombstone takes the record's own time: the least that removes it, so that no later event is mistaken for stale.
      await store.stage([
        {
          kind: 'delete',
          title,
          pageId,
          versionId,
          eventTime,
          publishedTime: undefined,
          position: undefined,
          source: 'reconcile',
        },
      ]);
      store.doubt(title, undefined);
      removed += 1;
    } else {
      store.doubt(title, { title, reason: 'absent-from-snapshot', since: new Date(input.nowMs).toISOString(), absences: count });
      doubtful += 1;
    }
    if ((index + 1) % COMMIT_TITLES === 0) await store.commit();
  }
  await store.commit();
  return { removed, doubtful, guard };
}

function guardAgainst(absent: number, input: ReconcileInput): string | null {
  const held = input.store.stats().live;
  if (input.previousRecords !== null && input.records < input.previousRecords * (1 - LARGEST_SHARE)) {
    return `the snapshot has ${input.records} records, the one before had ${input.previousRecords}`;
  }
  if (absent > held * LARGEST_SHARE) return `${absent} of ${held} titles are absent from the snapshot`;
  return null;
}

async function absencesSoFar(store: DatasetWriter): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for await (const doubt of store.doubts()) {
    if (doubt.reason === 'absent-from-snapshot') counts.set(doubt.title, doubt.absences);
  }
  return counts;
}
