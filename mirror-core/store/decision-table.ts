/**
 * The one place where it is decided what a record or event does to a title: contract §15.2 as pure functions.
 *
 * Identity is (project, title). Order is by the event's own time, then by version. Everything is idempotent, and any order and
 * duplication that upstream can produce ends in the same state. Two refinements of the published table, both only where its rows
 * would let the outcome depend on arrival order (docs/architecture.md, "The decision table"):
 *
 * 1. An earlier event with a higher version is a retried event that carries a newer page, unless it was published before the stored
 *    record: then it is an old record of a page that was undone since. The page is read just before `event.date_published`.
 * 2. A deletion is remembered after the title lives again, so that an update from before it stays stale.
 */
import type { Visibility } from '../contracts/article.ts';
import type { LiveEntry, TitleEntry } from '../contracts/store-port.ts';
import { compareTimes, laterOf, type UpstreamTime } from '../contracts/upstream-time.ts';

export interface IncomingRecord {
  readonly eventTime: UpstreamTime;
  readonly publishedTime: UpstreamTime | undefined;
  readonly versionId: number;
  readonly sha256: Uint8Array;
  /** Given by an operator's hand: other bytes of the same event and version are taken over. */
  readonly replacesEqual: boolean;
}

export type RecordDecision =
  /** Store the record; `eventTime` and `deletedTime` become the title's. */
  | { readonly action: 'insert' | 'replace'; readonly eventTime: UpstreamTime; readonly deletedTime: UpstreamTime | undefined }
  | { readonly action: 'ignore'; readonly reason: 'unchanged' | 'stale' };

export interface IncomingDelete {
  readonly eventTime: UpstreamTime;
}

export type DeleteDecision =
  /** Remove the live record and leave a tombstone. */
  | { readonly action: 'delete'; readonly eventTime: UpstreamTime }
  /** Nothing lives here: write the tombstone, or move the one there forward to `eventTime`. */
  | { readonly action: 'tombstone'; readonly eventTime: UpstreamTime }
  /** The title was written again later; only remember the deletion. */
  | { readonly action: 'remember'; readonly deletedTime: UpstreamTime }
  | { readonly action: 'ignore'; readonly reason: 'unchanged' | 'stale' };

export interface VisibilityMark {
  readonly eventTime: UpstreamTime;
  readonly visibility: Visibility;
}

export interface MarkDecision {
  /** The mark is newer than the one kept for this version and replaces it. */
  readonly keep: boolean;
  /** The version it speaks of is the one stored: it shows at once. */
  readonly applies: boolean;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function isSameRecord(stored: LiveEntry, incoming: IncomingRecord): boolean {
  const samePublished =
    stored.publishedTime === undefined || incoming.publishedTime === undefined
      ? stored.publishedTime === incoming.publishedTime
      : compareTimes(stored.publishedTime, incoming.publishedTime) === 0;
  // Redacted bytes differ from what was received by design; the same times and version are then the same record.
  return samePublished && (stored.isRedacted || sameBytes(stored.sha256, incoming.sha256));
}

/** Negative when `incoming` was published before the stored record, positive after, 0 when equal or not known of both. */
function comparePublished(incoming: IncomingRecord, stored: LiveEntry): number {
  if (incoming.publishedTime === undefined || stored.publishedTime === undefined) return 0;
  return compareTimes(incoming.publishedTime, stored.publishedTime);
}

/** An update, a snapshot or batch record, or an on-demand answer arrives for a title. */
export function decideRecord(entry: TitleEntry | undefined, incoming: IncomingRecord): RecordDecision {
  if (entry === undefined) return { action: 'insert', eventTime: incoming.eventTime, deletedTime: undefined };

  if (entry.kind === 'tombstone') {
    return compareTimes(incoming.eventTime, entry.eventTime) > 0
      ? { action: 'insert', eventTime: incoming.eventTime, deletedTime: entry.eventTime }
      : { action: 'ignore', reason: 'stale' };
  }

  const { deletedTime } = entry;
  if (deletedTime !== undefined && compareTimes(incoming.eventTime, deletedTime) <= 0)
    return { action: 'ignore', reason: 'stale' };

  const byTime = compareTimes(incoming.eventTime, entry.eventTime);
  const byVersion = incoming.versionId - entry.versionId;
  const byPublished = comparePublished(incoming, entry);

  if (byTime > 0) return { action: 'replace', eventTime: incoming.eventTime, deletedTime };
  if (byTime === 0) {
    if (byVersion === 0 && isSameRecord(entry, incoming)) return { action: 'ignore', reason: 'unchanged' };
    // Same event, same version, other bytes: a stream record has its position, a snapshot record has not. The first one stays, so
    // that replays in any order change nothing; only an operator's file replaces it, which heals what a damaged file left.
    if (byVersion === 0 && (byPublished < 0 || (byPublished === 0 && !incoming.replacesEqual))) {
      return { action: 'ignore', reason: 'unchanged' };
    }
    return byVersion >= 0
      ? { action: 'replace', eventTime: incoming.eventTime, deletedTime }
      : { action: 'ignore', reason: 'stale' };
  }
  // Earlier event, newer page: a retried event carries the page as it was when it was fetched at last.
  if (byVersion > 0 && byPublished >= 0) return { action: 'replace', eventTime: entry.eventTime, deletedTime };
  return { action: 'ignore', reason: 'stale' };
}

/** A delete event, or a removal that was settled otherwise, arrives for a title. Never decided by page id (moves). */
export function decideDelete(entry: TitleEntry | undefined, incoming: IncomingDelete): DeleteDecision {
  if (entry === undefined) return { action: 'tombstone', eventTime: incoming.eventTime };
  if (entry.kind === 'tombstone') {
    return compareTimes(incoming.eventTime, entry.eventTime) > 0
      ? { action: 'tombstone', eventTime: incoming.eventTime }
      : { action: 'ignore', reason: 'unchanged' };
  }
  if (compareTimes(incoming.eventTime, entry.eventTime) >= 0) return { action: 'delete', eventTime: incoming.eventTime };
  if (entry.deletedTime !== undefined && compareTimes(incoming.eventTime, entry.deletedTime) <= 0) {
    return { action: 'ignore', reason: 'unchanged' };
  }
  return {
    action: 'remember',
    deletedTime: entry.deletedTime === undefined ? incoming.eventTime : laterOf(entry.deletedTime, incoming.eventTime),
  };
}

/**
 * A visibility-change arrives. Marks are kept per version whether or not that version is stored, since the event may come before
 * its update; the latest one counts.
 */
export function decideVisibility(
  entry: TitleEntry | undefined,
  known: VisibilityMark | undefined,
  incoming: VisibilityMark & { readonly versionId: number },
): MarkDecision {
  const keep = known === undefined || compareTimes(incoming.eventTime, known.eventTime) > 0;
  return { keep, applies: keep && entry?.kind === 'live' && entry.versionId === incoming.versionId };
}
