/** Carries out what the decision table decides: one change at a time, on the staging area, without waiting for anything. */
import { FULLY_VISIBLE, isFullyVisible, type RecordKeys } from '../contracts/article.ts';
import type { TitleKey } from '../contracts/identifiers.ts';
import type { Change, LiveEntry, Outcome } from '../contracts/store-port.ts';
import { compareTimes } from '../contracts/upstream-time.ts';
import { encodeBodyValue } from './body-codec.ts';
import { decideDelete, decideRecord, decideVisibility, type RecordDecision, type VisibilityMark } from './decision-table.ts';
import { hiddenBits, mustRedact, type IndexedLive, type IndexedTitle, type Links } from './entry-codec.ts';
import type { LicenseTable } from './license-table.ts';
import type { Staging } from './staging.ts';

export interface ApplyContext {
  readonly staging: Staging;
  readonly licenses: LicenseTable;
  /** Reserved beforehand: one number for each change at most. */
  readonly takeSeq: () => number;
  readonly nowMs: number;
  readonly eraseDelayMs: number;
  /** Snapshot generation that is running or was last. */
  readonly generation: number;
  /** Whether the dataset has doubts at all; saves work where it has none. */
  readonly hasDoubts: boolean;
}

type RecordChange = Extract<Change, { kind: 'record' }>;
type DeleteChange = Extract<Change, { kind: 'delete' }>;
type VisibilityChange = Extract<Change, { kind: 'visibility' }>;
type Storing = Extract<RecordDecision, { deletedTime: unknown }>;
type Keeping = Exclude<RecordDecision, Storing>;

/** Applies one change to the staging area and says what became of it. */
export function applyChange(change: Change, context: ApplyContext): Outcome {
  switch (change.kind) {
    case 'record':
      return applyRecord(change, context);
    case 'delete':
      return applyDelete(change, context);
    case 'visibility':
      return applyVisibility(change, context);
  }
}

function applyRecord(change: RecordChange, context: ApplyContext): Outcome {
  const { staging } = context;
  const { keys, sha256 } = change.record;
  const previous = staging.entry(keys.title);
  const mark = takeMarkOfRecord(keys, previous, context);
  const { eventTime, publishedTime, versionId } = keys;
  const decision = decideRecord(previous?.entry, {
    eventTime,
    publishedTime,
    versionId,
    sha256,
    replacesEqual: change.source === 'import',
  });
  if (decision.action !== 'ignore') return storeRecord(change, decision, previous, mark, context);
  if (previous === undefined) return 'stale';
  if (previous.kind === 'live' && bringsBackErasedText(previous, change, mark, decision)) {
    const { eventTime: latest, deletedTime } = previous.entry;
    return storeRecord(change, { action: 'replace', eventTime: latest, deletedTime }, previous, mark, context);
  }
  return keepRecord(change, decision, previous, mark, context);
}

/** A record with a `visibility` member says the same as a visibility event for its version. */
function takeMarkOfRecord(
  keys: RecordKeys,
  previous: IndexedTitle | undefined,
  { staging }: ApplyContext,
): VisibilityMark | undefined {
  const { title, versionId, eventTime, visibility } = keys;
  const known = staging.mark(title, versionId);
  if (visibility === undefined) return known;
  const incoming = { eventTime, visibility };
  if (!decideVisibility(previous?.entry, known, { ...incoming, versionId }).keep) return known;
  staging.putMark(title, versionId, incoming);
  return incoming;
}

/** After text was hidden, erased and shown again, the same record is the only way to have it back: it must not count as known. */
function bringsBackErasedText(
  previous: IndexedLive,
  change: RecordChange,
  mark: VisibilityMark | undefined,
  decision: RecordDecision,
): boolean {
  const { keys, sha256 } = change.record;
  const isKnown = decision.action === 'ignore' && decision.reason === 'unchanged' && keys.versionId === previous.entry.versionId;
  const shown = ~hiddenBits(mark?.visibility ?? FULLY_VISIBLE);
  return isKnown && (previous.cut & shown) !== 0 && Buffer.compare(previous.entry.sha256, sha256) !== 0;
}

function storeRecord(
  change: RecordChange,
  decision: Storing,
  previous: IndexedTitle | undefined,
  mark: VisibilityMark | undefined,
  context: ApplyContext,
): Outcome {
  const { staging, nowMs } = context;
  const { record } = change;
  const { keys } = record;
  const { title, pageId, versionId } = keys;
  const seq = context.takeSeq();
  const visibility = mark?.visibility ?? FULLY_VISIBLE;
  const rivals = rivalsOf(title, pageId, context);
  const isOlder = rivals.some((rival) => isNewer(rival.entry, { eventTime: decision.eventTime, versionId }));
  const entry: LiveEntry = {
    kind: 'live',
    seq,
    pageId,
    versionId,
    namespaceId: keys.namespaceId,
    eventTime: decision.eventTime,
    publishedTime: keys.publishedTime,
    deletedTime: decision.deletedTime,
    visibility,
    isRedacted: false,
    isSuspect: isOlder,
    generation: Math.max(change.generation ?? 0, previous?.entry.generation ?? 0),
    rawBytes: record.rawBytes,
    storedBytes: record.stored.length,
    sha256: record.sha256,
    mirroredAtMs: nowMs,
  };
  staging.addBody(seq, encodeBodyValue(title, record.codec, record.stored));
  addGarbageOf(title, previous, context);
  const licenseSet = context.licenses.numberOf(keys.licenses);
  staging.setEntry(title, { kind: 'live', entry, cut: 0, licenseSet, links: linksOf(keys) });
  staging.addChange({ ...rowOf(keys), seq, type: 'update', source: change.source });
  if (!isFullyVisible(visibility)) scheduleHiding(seq, title, versionId, context);
  clearDoubts(title, context);
  if (isOlder) raiseDoubt(title, 'moved-away', context);
  for (const rival of rivals) {
    if (!isNewer(rival.entry, entry)) suspect(rival, context);
  }
  return decision.action === 'insert' ? 'inserted' : 'replaced';
}

/** The stored record stays; what else the incoming one says about the title is kept. */
function keepRecord(
  change: RecordChange,
  decision: Keeping,
  previous: IndexedTitle,
  mark: VisibilityMark | undefined,
  context: ApplyContext,
): Outcome {
  const { staging } = context;
  const { title, versionId } = change.record.keys;
  const generation = Math.max(previous.entry.generation, change.generation ?? 0);
  let next: IndexedTitle = previous;
  if (generation !== previous.entry.generation) {
    next =
      next.kind === 'live'
        ? { ...next, entry: { ...next.entry, generation } }
        : { ...next, entry: { ...next.entry, generation } };
    refuteAbsence(title, context);
  }
  if (next.kind === 'live' && mark !== undefined && next.entry.versionId === versionId) {
    const isNews = hiddenBits(mark.visibility) !== hiddenBits(next.entry.visibility);
    if (isNews) {
      const seq = context.takeSeq();
      staging.addChange({ ...rowOf(change.record.keys), seq, type: 'visibility-change', source: change.source });
      next = show(title, next, mark, seq, context);
    }
  }
  if (next !== previous) staging.setEntry(title, next);
  return decision.reason;
}

function applyDelete(change: DeleteChange, context: ApplyContext): Outcome {
  const { staging, nowMs } = context;
  const { title } = change;
  const previous = staging.entry(title);
  const decision = decideDelete(previous?.entry, { eventTime: change.eventTime });
  if (decision.action === 'ignore') return decision.reason;
  if (decision.action === 'remember') {
    if (previous?.kind === 'live') {
      staging.setEntry(title, { ...previous, entry: { ...previous.entry, deletedTime: decision.deletedTime } });
    }
    return 'stale';
  }
  const seq = context.takeSeq();
  addGarbageOf(title, previous, context);
  if (previous?.kind === 'live') {
    staging.addErase(seq, { kind: 'removed', title, versionId: previous.entry.versionId, dueMs: nowMs + context.eraseDelayMs });
  }
  staging.setEntry(title, {
    kind: 'tombstone',
    entry: {
      kind: 'tombstone',
      seq,
      pageId: previous?.entry.pageId ?? change.pageId,
      versionId: change.versionId,
      eventTime: decision.eventTime,
      generation: previous?.entry.generation ?? 0,
      mirroredAtMs: nowMs,
    },
    sinceGeneration: context.generation,
  });
  staging.addChange({ ...rowOf(change), seq, type: 'delete', source: change.source });
  clearDoubts(title, context);
  return decision.action === 'delete' ? 'deleted' : 'tombstoned';
}

function applyVisibility(change: VisibilityChange, context: ApplyContext): Outcome {
  const { staging } = context;
  const { title, versionId, eventTime, visibility } = change;
  const previous = staging.entry(title);
  const known = staging.mark(title, versionId);
  const decision = decideVisibility(previous?.entry, known, { eventTime, visibility, versionId });
  if (!decision.keep) return known !== undefined && compareTimes(eventTime, known.eventTime) === 0 ? 'unchanged' : 'stale';
  const mark: VisibilityMark = { eventTime, visibility };
  staging.putMark(title, versionId, mark);
  const seq = context.takeSeq();
  staging.addChange({ ...rowOf(change), seq, type: 'visibility-change', source: change.source });
  if (!decision.applies || previous?.kind !== 'live') {
    // A body of that version may lie in the garbage: what is hidden has to vanish there as well.
    if (!isFullyVisible(visibility)) scheduleHiding(seq, title, versionId, context);
    return 'kept-aside';
  }
  staging.setEntry(title, show(title, previous, mark, seq, context));
  return 'hidden';
}

/** The live title under its new visibility; arranges the erasure of what is hidden now, or the return of what was erased. */
function show(title: TitleKey, live: IndexedLive, mark: VisibilityMark, seq: number, context: ApplyContext): IndexedLive {
  const { visibility } = mark;
  const next: IndexedLive = { ...live, entry: { ...live.entry, visibility } };
  if (mustRedact(next)) scheduleHiding(seq, title, live.entry.versionId, context);
  if ((next.cut & ~hiddenBits(visibility)) !== 0) raiseDoubt(title, 'text-erased', context);
  return next;
}

function scheduleHiding(seq: number, title: TitleKey, versionId: number, context: ApplyContext): void {
  context.staging.addErase(seq, { kind: 'hidden', title, versionId, dueMs: context.nowMs + context.eraseDelayMs });
}

function addGarbageOf(title: TitleKey, previous: IndexedTitle | undefined, { staging }: ApplyContext): void {
  if (previous?.kind !== 'live') return;
  const { seq, versionId, storedBytes } = previous.entry;
  staging.addGarbage(title, seq, versionId, storedBytes);
}

interface Rival {
  readonly title: TitleKey;
  readonly live: IndexedLive;
  readonly entry: LiveEntry;
}

/** Other live titles with the same page id: one of them moved away and its delete is missing, or has not come yet (contract §15.2). */
function rivalsOf(title: TitleKey, pageId: number, { staging }: ApplyContext): readonly Rival[] {
  if (pageId === 0) return [];
  const titles = staging.titlesOfPage(pageId);
  if (titles.length === 0 || (titles.length === 1 && titles[0] === title)) return [];
  return titles.flatMap((other) => {
    const live = other === title ? undefined : staging.entry(other);
    return live?.kind === 'live' && live.entry.pageId === pageId ? [{ title: other, live, entry: live.entry }] : [];
  });
}

/** Which of two titles with one page id spoke last; the other one is in doubt. */
function isNewer(a: Pick<LiveEntry, 'eventTime' | 'versionId'>, b: Pick<LiveEntry, 'eventTime' | 'versionId'>): boolean {
  return (compareTimes(a.eventTime, b.eventTime) || a.versionId - b.versionId) > 0;
}

function suspect({ title, live, entry }: Rival, context: ApplyContext): void {
  if (entry.isSuspect) return;
  context.staging.setEntry(title, { ...live, entry: { ...entry, isSuspect: true } });
  raiseDoubt(title, 'moved-away', context);
}

function raiseDoubt(title: TitleKey, reason: 'moved-away' | 'text-erased', { staging, nowMs }: ApplyContext): void {
  const doubt = { title, reason, since: new Date(nowMs).toISOString(), absences: 0 };
  staging.doubts.set(title, { kind: 'set', doubt, keepsAbsences: true });
}

/** The title spoke for itself: whatever was doubted is settled. */
function clearDoubts(title: TitleKey, { staging, hasDoubts }: ApplyContext): void {
  if (hasDoubts || staging.doubts.has(title)) staging.doubts.set(title, { kind: 'clear' });
}

/** A snapshot has the title after all: its absence from an earlier one is no longer in doubt. Other doubts stay. */
function refuteAbsence(title: TitleKey, { staging, hasDoubts }: ApplyContext): void {
  const staged = staging.doubts.get(title);
  if (staged?.kind === 'set') {
    if (staged.doubt.reason === 'absent-from-snapshot') staging.doubts.set(title, { kind: 'clear' });
  } else if (hasDoubts && staged === undefined) {
    staging.doubts.set(title, { kind: 'clear-absence' });
  }
}

function linksOf(keys: RecordKeys): Links {
  const redirects = keys.redirects.length < 2 ? keys.redirects : [...new Set(keys.redirects)];
  return { entityId: keys.entityId === '' ? undefined : keys.entityId, redirects };
}

type SharedMembers = Pick<RecordKeys, 'title' | 'versionId' | 'eventTime' | 'publishedTime' | 'position'>;

/** The members of a change row that records and events share. */
function rowOf({ title, versionId, eventTime, publishedTime, position }: SharedMembers): SharedMembers {
  return { title, versionId, eventTime, publishedTime, position };
}
