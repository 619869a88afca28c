/**
 * What has been decided and not committed: the bodies and index rows to write, the counters' changes, and an overlay of the
 * entries, so that later decisions see earlier ones. Nothing here touches the disk.
 */
import type { TitleKey } from '../contracts/identifiers.ts';
import type { ChangeRow, Doubt, QuarantineRow } from '../contracts/store-port.ts';
import { encodeIndexed, type IndexedTitle, type Links } from './entry-codec.ts';
import type { VisibilityMark } from './decision-table.ts';
import {
  bodyKey,
  changeKey,
  entryKey,
  eraseKey,
  garbageKey,
  linkKey,
  markKey,
  pageKey,
  ROW,
  type LinkKind,
} from './index-keys.ts';
import { del, put, type PutOperation, type WriteOperation } from './level-database.ts';
import { encodeChange, encodeErase, encodeGarbage, encodeMark, encodePageTitles, type EraseTask } from './row-codecs.ts';

/** A doubt to set, or which ones to clear: every doubt, or only an absence that a snapshot refuted. */
export type DoubtChange =
  | { readonly kind: 'set'; readonly doubt: Doubt; readonly keepsAbsences: boolean }
  | { readonly kind: 'clear' }
  | { readonly kind: 'clear-absence' };

/** What the index holds, as far as the changes at hand need it. */
export interface LoadedRows {
  readonly entries: Map<TitleKey, IndexedTitle | undefined>;
  readonly pages: Map<number, readonly TitleKey[]>;
  readonly marks: Map<string, VisibilityMark>;
}

export function emptyRows(): LoadedRows {
  return { entries: new Map(), pages: new Map(), marks: new Map() };
}

/** Key of `marks`. */
export function markId(title: TitleKey, versionId: number): string {
  return `${versionId}:${title}`;
}

export interface CounterChanges {
  live: number;
  tombstones: number;
  rawBytes: number;
  storedBytes: number;
  garbageBytes: number;
  marks: number;
  /** By number in the licence table. */
  licenses: Map<number, number>;
}

export class Staging {
  readonly bodies: PutOperation[] = [];
  readonly rows: WriteOperation[] = [];
  readonly entries = new Map<TitleKey, IndexedTitle>();
  readonly pages = new Map<number, readonly TitleKey[]>();
  readonly marks = new Map<string, VisibilityMark>();
  readonly doubts = new Map<TitleKey, DoubtChange>();
  readonly quarantine: Omit<QuarantineRow, 'id'>[] = [];
  readonly counters: CounterChanges = {
    live: 0,
    tombstones: 0,
    rawBytes: 0,
    storedBytes: 0,
    garbageBytes: 0,
    marks: 0,
    licenses: new Map(),
  };
  bodyBytes = 0;
  lastSeq = 0;
  /** What the index had when the current changes were read; replaced by each call of `stage`. */
  loaded: LoadedRows = emptyRows();

  get isEmpty(): boolean {
    return this.rows.length === 0 && this.doubts.size === 0 && this.quarantine.length === 0;
  }

  entry(title: TitleKey): IndexedTitle | undefined {
    return this.entries.get(title) ?? this.loaded.entries.get(title);
  }

  titlesOfPage(pageId: number): readonly TitleKey[] {
    return this.pages.get(pageId) ?? this.loaded.pages.get(pageId) ?? [];
  }

  mark(title: TitleKey, versionId: number): VisibilityMark | undefined {
    const id = markId(title, versionId);
    return this.marks.get(id) ?? this.loaded.marks.get(id);
  }

  addBody(seq: number, value: Buffer): void {
    this.bodies.push(put(bodyKey(seq), value));
    this.bodyBytes += value.length;
  }

  addChange(row: ChangeRow): void {
    this.rows.push(put(changeKey(row.seq), encodeChange(row)));
    this.lastSeq = Math.max(this.lastSeq, row.seq);
  }

  addGarbage(title: TitleKey, seq: number, versionId: number, storedBytes: number): void {
    this.rows.push(put(garbageKey(title, seq), encodeGarbage({ versionId, storedBytes })));
    this.counters.garbageBytes += storedBytes;
  }

  addErase(seq: number, task: EraseTask): void {
    this.rows.push(put(eraseKey(seq), encodeErase(task)));
  }

  putMark(title: TitleKey, versionId: number, mark: VisibilityMark): void {
    if (this.mark(title, versionId) === undefined) this.counters.marks += 1;
    this.marks.set(markId(title, versionId), mark);
    this.rows.push(put(markKey(title, versionId), encodeMark(mark)));
  }

  /** Stores `next` as the title's entry and brings counters and secondary indexes along. */
  setEntry(title: TitleKey, next: IndexedTitle): void {
    const previous = this.entry(title);
    if (previous !== undefined) this.#count(previous, -1);
    this.#count(next, 1);
    this.#moveLinks(title, linksOf(previous), linksOf(next));
    this.#movePage(title, pageOf(previous), pageOf(next));
    this.entries.set(title, next);
    this.rows.push(put(entryKey(title), encodeIndexed(next)));
  }

  /** Takes over doubts and bad lines that came while this was being written in vain. */
  absorb(later: Staging): void {
    for (const [title, change] of later.doubts) this.doubts.set(title, change);
    this.quarantine.push(...later.quarantine);
  }

  #count(title: IndexedTitle, sign: 1 | -1): void {
    const { counters } = this;
    if (title.kind === 'tombstone') {
      counters.tombstones += sign;
      return;
    }
    counters.live += sign;
    counters.rawBytes += sign * title.entry.rawBytes;
    counters.storedBytes += sign * title.entry.storedBytes;
    counters.licenses.set(title.licenseSet, (counters.licenses.get(title.licenseSet) ?? 0) + sign);
  }

  #moveLinks(title: TitleKey, from: Links, to: Links): void {
    if (from.entityId !== to.entityId) {
      this.#moveLink(ROW.entity, title, from.entityId, to.entityId);
    }
    if (from.redirects.length === 0 && to.redirects.length === 0) return;
    const before = new Set(from.redirects);
    for (const redirect of to.redirects) {
      if (!before.delete(redirect)) this.#moveLink(ROW.redirect, title, undefined, redirect);
    }
    for (const redirect of before) this.#moveLink(ROW.redirect, title, redirect, undefined);
  }

  #moveLink(kind: LinkKind, title: TitleKey, from: string | undefined, to: string | undefined): void {
    if (from !== undefined) this.rows.push(del(linkKey(kind, from, title)));
    if (to !== undefined) this.rows.push(put(linkKey(kind, to, title), Buffer.alloc(0)));
  }

  #movePage(title: TitleKey, from: number, to: number): void {
    if (from === to) return;
    if (from !== 0) {
      const rest = this.titlesOfPage(from).filter((other) => other !== title);
      this.#setPage(from, rest);
    }
    if (to !== 0) this.#setPage(to, [...this.titlesOfPage(to).filter((other) => other !== title), title]);
  }

  #setPage(pageId: number, titles: readonly TitleKey[]): void {
    this.pages.set(pageId, titles);
    this.rows.push(titles.length === 0 ? del(pageKey(pageId)) : put(pageKey(pageId), encodePageTitles(titles)));
  }
}

const NO_LINKS: Links = { entityId: undefined, redirects: [] };

function linksOf(title: IndexedTitle | undefined): Links {
  return title?.kind === 'live' ? title.links : NO_LINKS;
}

/** 0 stands for no page: it is never a valid page id. */
function pageOf(title: IndexedTitle | undefined): number {
  return title?.kind === 'live' ? title.entry.pageId : 0;
}
