/** The rows of contract §15.2, one by one. */
import { describe, expect, it } from 'vitest';
import type { LiveEntry, TitleEntry, Tombstone } from '../../mirror-core/contracts/store-port.ts';
import { decideDelete, decideRecord, decideVisibility } from '../../mirror-core/store/decision-table.ts';

const at = (seconds: number, nanos = 0): { seconds: number; nanos: number } => ({ seconds, nanos });
const HASH = Uint8Array.of(1);

function live(t: number, v: number, more: Partial<LiveEntry> = {}): LiveEntry {
  return {
    kind: 'live',
    seq: 1,
    pageId: 7,
    versionId: v,
    namespaceId: 0,
    eventTime: at(t),
    publishedTime: at(t, 1),
    deletedTime: undefined,
    visibility: { text: true, editor: true, comment: true },
    isRedacted: false,
    isSuspect: false,
    generation: 0,
    rawBytes: 1,
    storedBytes: 1,
    sha256: HASH,
    mirroredAtMs: 0,
    ...more,
  };
}
const tombstone = (t: number): Tombstone => ({
  kind: 'tombstone',
  seq: 1,
  pageId: 7,
  versionId: 3,
  eventTime: at(t),
  generation: 0,
  mirroredAtMs: 0,
});
const update = (t: number, v: number, published?: number): Parameters<typeof decideRecord>[1] => ({
  eventTime: at(t),
  publishedTime: published === undefined ? at(t, 1) : at(published),
  versionId: v,
  sha256: HASH,
  replacesEqual: false,
});

describe('update, snapshot and batch records', () => {
  const rows: [string, TitleEntry | undefined, ReturnType<typeof update>, string][] = [
    ['title unknown: insert', undefined, update(10, 5), 'insert'],
    ['later time: replace', live(10, 5), update(11, 6), 'replace'],
    ['later time, same version (re-rendered): replace', live(10, 5), update(11, 5), 'replace'],
    ['later time, lower version (undelete): replace', live(10, 5), update(11, 4), 'replace'],
    ['same time, higher version: replace', live(10, 5), update(10, 6), 'replace'],
    ['same time, lower version: ignore', live(10, 5), update(10, 4), 'ignore'],
    ['the very same record: ignore', live(10, 5), update(10, 5), 'ignore'],
    [
      'a nanosecond later counts as later',
      live(10, 5, { publishedTime: undefined }),
      { ...update(10, 5), eventTime: at(10, 1) },
      'replace',
    ],
    ['earlier time, higher version, published later (a retried event): replace', live(10, 5), update(9, 6, 12), 'replace'],
    ['earlier time, higher version, published earlier (undone since): ignore', live(10, 4), update(8, 6, 9), 'ignore'],
    ['earlier time, same version: ignore', live(10, 5), update(9, 5), 'ignore'],
    ['tombstone, later time: insert, also with a lower version', tombstone(10), update(11, 1), 'insert'],
    ['tombstone, same time: ignore', tombstone(10), update(10, 9), 'ignore'],
    ['tombstone, earlier time (overtaken by its delete): ignore', tombstone(10), update(9, 9), 'ignore'],
    [
      'from before a deletion that was followed by new life: ignore',
      live(20, 3, { deletedTime: at(15) }),
      update(14, 9, 30),
      'ignore',
    ],
  ];
  it.each(rows)('%s', (_name, entry, incoming, action) => {
    expect(decideRecord(entry, incoming).action).toBe(action);
  });

  it('keeps the later time of the title when a retried event brings a newer page', () => {
    expect(decideRecord(live(10, 5), update(9, 6, 12))).toMatchObject({ action: 'replace', eventTime: at(10) });
  });

  it('remembers the tombstone it replaces', () => {
    expect(decideRecord(tombstone(10), update(11, 1))).toMatchObject({ action: 'insert', deletedTime: at(10) });
  });
});

describe('delete events', () => {
  it.each([
    ['stored live, later: delete', live(10, 5), 11, 'delete'],
    ['stored live, same time: delete', live(10, 5), 10, 'delete'],
    ['stored live, earlier: only remembered', live(10, 5), 9, 'remember'],
    ['title unknown: tombstone', undefined, 9, 'tombstone'],
    ['later than the tombstone: moves it forward', tombstone(10), 11, 'tombstone'],
    ['not later than the tombstone: ignore', tombstone(10), 10, 'ignore'],
  ] as [string, TitleEntry | undefined, number, string][])('%s', (_name, entry, t, action) => {
    expect(decideDelete(entry, { eventTime: at(t) }).action).toBe(action);
  });
});

describe('visibility-change events', () => {
  const hidden = { text: false, editor: true, comment: true };
  const mark = (t: number, versionId: number): Parameters<typeof decideVisibility>[2] => ({
    eventTime: at(t),
    visibility: hidden,
    versionId,
  });

  it('applies to the stored version', () => {
    expect(decideVisibility(live(10, 5), undefined, mark(11, 5))).toEqual({ keep: true, applies: true });
  });
  it('is kept aside for a version that is not stored, and for an unknown title', () => {
    expect(decideVisibility(live(10, 5), undefined, mark(11, 6))).toEqual({ keep: true, applies: false });
    expect(decideVisibility(undefined, undefined, mark(11, 6))).toEqual({ keep: true, applies: false });
    expect(decideVisibility(tombstone(10), undefined, mark(11, 6))).toEqual({ keep: true, applies: false });
  });
  it('does not undo a later one', () => {
    const known = { eventTime: at(12), visibility: { text: true, editor: true, comment: true } };
    expect(decideVisibility(live(10, 5), known, mark(11, 5))).toEqual({ keep: false, applies: false });
    expect(decideVisibility(live(10, 5), known, mark(12, 5))).toEqual({ keep: false, applies: false });
    expect(decideVisibility(live(10, 5), known, mark(13, 5))).toEqual({ keep: true, applies: true });
  });
});
