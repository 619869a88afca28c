/** What can happen to a practice wiki, each as the operations and events upstream would make of it (contract §10.3, §10.4, §15.2). */
import { namespaceOf, subjectsFor, titleOf, type Subject } from './content/subjects.ts';
import { findWiki, type PracticeWiki } from './content/wikis.ts';
import { EDITOR_COUNT, editorName, STEWARD } from './editors.ts';
import { sixDecimals, wholeSeconds } from './genesis.ts';
import { keyOf, partitionOf, type EventStamp, type HiddenParts, type LogEntry, type PageState } from './page-state.ts';
import { uuidFrom, type Random } from './random.ts';
import { wikitextOf } from './record.ts';
import type { Operation, WorldState } from './world-state.ts';

const HISTORY_LENGTH = 8;

/** Collects the operations of one act; numbers and times are taken from the state as if all before had been applied. */
export class Act {
  readonly operations: Operation[] = [];
  readonly titles: string[] = [];
  readonly wiki: PracticeWiki;
  readonly #state: WorldState;
  readonly #random: Random;
  readonly #nowMs: number;
  readonly #seed: number;
  #publishedMicros: number;
  #createdMicros: number;
  #pageId: number;
  #revision: number;
  #later: number;
  readonly #offsets = new Map<number, number>();

  constructor(input: { state: WorldState; project: string; random: Random; nowMs: number; seed: number }) {
    const wiki = findWiki(input.project);
    if (wiki === undefined) throw new RangeError(`${input.project} is not a practice wiki`);
    const counters = input.state.counters.get(input.project) ?? {
      pageId: wiki.firstPageId,
      revision: wiki.firstRevision,
      later: 0,
    };
    this.wiki = wiki;
    this.#state = input.state;
    this.#random = input.random;
    this.#nowMs = input.nowMs;
    this.#seed = input.seed;
    this.#publishedMicros = input.state.publishedMicros;
    this.#createdMicros = input.state.createdMicros;
    this.#pageId = counters.pageId;
    this.#revision = counters.revision;
    this.#later = counters.later;
  }

  /** Ends the act with the counters it moved on. */
  finish(): readonly Operation[] {
    this.operations.push({
      op: 'counters',
      project: this.wiki.id,
      pageId: this.#pageId,
      revision: this.#revision,
      later: this.#later,
    });
    this.operations.push({
      op: 'acts',
      acts: this.#state.acts + 1,
      publishedMicros: this.#publishedMicros,
      createdMicros: this.#createdMicros,
    });
    return this.operations;
  }

  /**
   * A stamp for an event that entered the pipeline about `agoMs` before now; it is published now.
   * Changes enter in the order they happen, so `dateCreated` grows strictly too.
   */
  stamp(agoMs: number = 5 + this.#random.below(120), identifier: string = uuidFrom(this.#random)): EventStamp {
    this.#publishedMicros = Math.max(this.#publishedMicros + 1 + this.#random.below(40), this.#nowMs * 1000);
    this.#createdMicros = Math.max(this.#createdMicros + 1, this.#publishedMicros - agoMs * 1000 - this.#random.below(900));
    return {
      identifier,
      dateCreated: sixDecimals(this.#createdMicros),
      datePublished: sixDecimals(this.#publishedMicros),
    };
  }

  #publish(entry: Omit<LogEntry, 'partition' | 'offset' | 'publishedMs'>): void {
    const partition = partitionOf(entry.page.project, entry.page.title);
    const offset = this.#offsets.get(partition) ?? this.#state.log.nextOffset(partition);
    // Filtered and internal events keep their offsets, so offsets jump.
    this.#offsets.set(partition, offset + 1 + (this.#random.chance(0.2) ? this.#random.below(4) : 0));
    const next = this.#offsets.get(partition) ?? offset + 1;
    this.operations.push({
      op: 'event',
      entry: { ...entry, partition, offset, publishedMs: Math.floor(this.#publishedMicros / 1000) },
    });
    if (next > offset + 1)
      this.operations.push({ op: 'offsets', partition, first: this.#state.log.firstOffset(partition), next });
  }

  #publishUpdate(page: PageState, stamp: EventStamp): void {
    this.#publish({ type: 'update', stamp, page: { ...page, event: stamp } });
  }

  #revised(page: PageState, comment: string): PageState {
    const editor = this.#random.below(EDITOR_COUNT);
    const editCount = page.editCount + 1;
    this.#revision += 1 + this.#random.below(60);
    const modified = wholeSeconds(this.#nowMs);
    return {
      ...page,
      modified,
      previouslyModified: page.modified,
      revision: this.#revision,
      previousRevision: page.revision,
      previousCharacters: Array.from(wikitextOf(page)).length,
      comment,
      editor,
      isMinor: this.#random.chance(0.25),
      tags: this.#random.chance(0.5) ? [this.#random.pick(['visualeditor', 'mobile edit', 'wikieditor', 'mw-reverted'])] : [],
      editCount,
      history: [{ at: modified, editor: editorName(editor), number: editCount }, ...page.history].slice(0, HISTORY_LENGTH),
      isBulk: false,
    };
  }

  #replaceLive(page: PageState): void {
    this.operations.push({ op: 'live', page });
    this.operations.push({ op: 'hidden', project: page.project, key: keyOf(page.title), visibility: null });
  }

  edit(page: PageState): PageState {
    const stamp = this.stamp();
    const next = { ...this.#revised(page, this.wiki.phrases.comment.edit), event: stamp };
    this.#replaceLive(next);
    this.#publishUpdate(next, stamp);
    return next;
  }

  /** Two edits so close together that both events carry the page as it was after the second. */
  doubleEdit(page: PageState): PageState {
    const twice = this.#revised(this.#revised(page, this.wiki.phrases.comment.edit), this.wiki.phrases.comment.edit);
    const first = this.stamp(200);
    this.#publishUpdate(twice, first);
    const second = this.stamp(10);
    const next = { ...twice, event: second };
    this.#replaceLive(next);
    this.#publishUpdate(next, second);
    return next;
  }

  create(title?: string): PageState {
    const { subject, name } = this.#nextSubject(title);
    const stamp = this.stamp();
    const editor = this.#random.below(EDITOR_COUNT);
    const at = wholeSeconds(this.#nowMs);
    this.#pageId += 1;
    this.#revision += 1 + this.#random.below(60);
    const page: PageState = {
      project: this.wiki.id,
      pageId: this.#pageId,
      namespaceId: namespaceOf(subject),
      title: name,
      subject,
      created: at,
      modified: at,
      previouslyModified: undefined,
      revision: this.#revision,
      previousRevision: undefined,
      previousCharacters: undefined,
      comment: this.wiki.phrases.comment.create,
      editor,
      isMinor: false,
      tags: ['mw-new-page'],
      editCount: 1,
      history: [{ at, editor: editorName(editor), number: 1 }],
      redirects: [],
      isBulk: false,
      event: stamp,
    };
    this.operations.push({ op: 'unarchived', project: page.project, key: keyOf(name) });
    this.#replaceLive(page);
    this.#publishUpdate(page, stamp);
    return page;
  }

  /** The next subject that has no page yet; when none is left, notes about those there are. */
  #nextSubject(wanted: string | undefined): { readonly subject: Subject; readonly name: string } {
    const { initial, later } = subjectsFor(this.wiki, this.#seed);
    const isFree = (name: string) => this.#state.page(this.wiki.id, keyOf(name)) === undefined;
    for (;;) {
      const index = this.#later;
      this.#later += 1;
      const about = initial[index % initial.length];
      const family = about?.family;
      const note: Subject = {
        family: 'note',
        code: String(index + 1),
        about:
          about === undefined || family === 'category' || family === 'template' || family === 'note' || family === undefined
            ? { family: 'region', code: 'JP' }
            : { family, code: about.code },
      };
      const subject = later[index] ?? note;
      const name = wanted ?? titleOf(this.wiki, subject);
      if (wanted !== undefined || isFree(name)) return { subject, name };
    }
  }

  /** A rename: an update under the new title and a delete under the old one, sharing one event identifier, either may come first. */
  move(page: PageState, target?: string): PageState {
    const title = target ?? this.#freeTitle(page.title);
    const identifier = uuidFrom(this.#random);
    const deleteFirst = this.#random.chance(0.5);
    const moved = { ...this.#revised(page, this.wiki.phrases.comment.move), title, redirects: redirectsAfter(page, title) };
    const publishDelete = () =>
      this.#publish({ type: 'delete', stamp: this.stamp(8, identifier), page, performer: STEWARD, movedTo: moved });
    if (deleteFirst) publishDelete();
    const stamp = this.stamp(8, identifier);
    const next = { ...moved, event: stamp };
    this.operations.push({ op: 'gone', project: page.project, key: keyOf(page.title) });
    this.operations.push({ op: 'hidden', project: page.project, key: keyOf(page.title), visibility: null });
    this.operations.push({ op: 'unarchived', project: page.project, key: keyOf(title) });
    this.#replaceLive(next);
    this.#publishUpdate(next, stamp);
    if (!deleteFirst) publishDelete();
    return next;
  }

  #freeTitle(title: string): string {
    const base = title.replace(/ \[\d+\]$| – \d+$/u, '');
    for (let number = 2; ; number += 1) {
      const candidate = number === 2 && base !== title ? base : `${base} – ${number}`;
      if (candidate !== title && this.#state.page(this.wiki.id, keyOf(candidate)) === undefined) return candidate;
    }
  }

  delete(page: PageState): void {
    this.operations.push({ op: 'gone', project: page.project, key: keyOf(page.title) });
    this.operations.push({ op: 'archived', page, deletedAt: this.#nowMs });
    this.#publish({ type: 'delete', stamp: this.stamp(), page, performer: STEWARD });
  }

  /** The page comes back with its old revision, whose number may be lower than what was seen since. */
  undelete(page: PageState): PageState {
    const stamp = this.stamp();
    const next = { ...page, event: stamp };
    this.operations.push({ op: 'unarchived', project: page.project, key: keyOf(page.title) });
    this.operations.push({ op: 'live', page: next });
    this.#publishUpdate(next, stamp);
    return next;
  }

  /** Hides or shows parts of the current revision. The record itself, and what On-demand answers, stay as they are (contract §15.7). */
  setVisibility(page: PageState, visibility: HiddenParts): void {
    const isFull = visibility.text && visibility.editor && visibility.comment;
    this.operations.push({ op: 'hidden', project: page.project, key: keyOf(page.title), visibility: isFull ? null : visibility });
    this.#publish({ type: 'visibility-change', stamp: this.stamp(), page, performer: STEWARD, visibility });
  }

  /** An edit whose event is overtaken by the deletion that followed it: the update comes last and is older (contract §10.4). */
  overtake(page: PageState): void {
    const edited = this.#revised(page, this.wiki.phrases.comment.edit);
    const before = this.stamp(900);
    const last = { ...edited, event: before };
    this.operations.push({ op: 'gone', project: page.project, key: keyOf(page.title) });
    this.operations.push({ op: 'archived', page: last, deletedAt: this.#nowMs });
    this.#publish({ type: 'delete', stamp: this.stamp(100), page: last, performer: STEWARD });
    const late = this.stamp();
    this.#publishUpdate(edited, { ...late, dateCreated: before.dateCreated });
  }

  /** After a restart of the ingest: earlier changes again, in order, under new identifiers, with the pages as they are now. */
  replay(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      const now = this.#state.page(entry.page.project, keyOf(entry.page.title));
      if (entry.type === 'update' && now !== undefined) {
        const stamp = this.stamp();
        this.operations.push({ op: 'live', page: { ...now, event: stamp } });
        this.#publishUpdate(now, stamp);
      } else if (entry.type === 'delete' && now === undefined) {
        this.#publish({ ...entry, stamp: this.stamp() });
      }
    }
  }
}

function redirectsAfter(page: PageState, title: string): string[] {
  return [...new Set([...page.redirects, page.title])].filter((name) => name !== title).slice(-6);
}
