/** The state of all practice wikis, changed only by operations, so that a journal of them is the whole of what must be kept. */
import { PARTITION_COUNT } from '../contracts/limits.ts';
import { EventLog } from './event-log.ts';
import { keyOf, type HiddenParts, type LogEntry, type PageState } from './page-state.ts';
import { randomFor } from './random.ts';

/** One change of state. A list of them is done whole or not at all. */
export type Operation =
  | { readonly op: 'live'; readonly page: PageState }
  | { readonly op: 'gone'; readonly project: string; readonly key: string }
  /** Keeps a deleted page for undeletion. */
  | { readonly op: 'archived'; readonly page: PageState; readonly deletedAt: number }
  | { readonly op: 'unarchived'; readonly project: string; readonly key: string }
  | { readonly op: 'hidden'; readonly project: string; readonly key: string; readonly visibility: HiddenParts | null }
  | { readonly op: 'event'; readonly entry: LogEntry }
  | { readonly op: 'offsets'; readonly partition: number; readonly first: number; readonly next: number }
  | {
      readonly op: 'counters';
      readonly project: string;
      readonly pageId: number;
      readonly revision: number;
      readonly later: number;
    }
  | { readonly op: 'acts'; readonly acts: number; readonly publishedMicros: number; readonly createdMicros: number };

export interface ArchivedPage {
  readonly page: PageState;
  readonly deletedAt: number;
}

export interface WikiCounters {
  pageId: number;
  revision: number;
  /** How many of the subjects kept for later have been used. */
  later: number;
}

export class WorldState {
  readonly live = new Map<string, Map<string, PageState>>();
  readonly archive = new Map<string, Map<string, ArchivedPage>>();
  readonly hidden = new Map<string, HiddenParts>();
  readonly counters = new Map<string, WikiCounters>();
  readonly log: EventLog;
  acts = 0;
  /** Log times grow strictly, so that no two events were published in the same microsecond. */
  publishedMicros = 0;
  createdMicros = 0;

  constructor(seed: number) {
    // Some partitions begin at a real 0, which has to be written and read as such.
    this.log = new EventLog((partition) => (partition % 7 === 0 ? 0 : randomFor(seed, 'offset', partition).below(1_000_000)));
  }

  pagesOf(project: string): Map<string, PageState> {
    return entryOf(this.live, project);
  }

  archivedOf(project: string): Map<string, ArchivedPage> {
    return entryOf(this.archive, project);
  }

  page(project: string, key: string): PageState | undefined {
    return this.live.get(project)?.get(key);
  }

  visibilityOf(project: string, key: string): HiddenParts | undefined {
    return this.hidden.get(`${project}/${key}`);
  }

  apply(operation: Operation): void {
    switch (operation.op) {
      case 'live':
        this.pagesOf(operation.page.project).set(keyOf(operation.page.title), operation.page);
        return;
      case 'gone':
        this.pagesOf(operation.project).delete(operation.key);
        return;
      case 'archived':
        this.archivedOf(operation.page.project).set(keyOf(operation.page.title), {
          page: operation.page,
          deletedAt: operation.deletedAt,
        });
        return;
      case 'unarchived':
        this.archivedOf(operation.project).delete(operation.key);
        return;
      case 'hidden': {
        const key = `${operation.project}/${operation.key}`;
        if (operation.visibility === null) this.hidden.delete(key);
        else this.hidden.set(key, operation.visibility);
        return;
      }
      case 'event':
        this.log.append(operation.entry);
        return;
      case 'offsets':
        this.log.restoreOffsets(operation.partition, operation.first, operation.next);
        return;
      case 'counters': {
        const { pageId, revision, later } = operation;
        this.counters.set(operation.project, { pageId, revision, later });
        return;
      }
      case 'acts':
        this.acts = operation.acts;
        this.publishedMicros = operation.publishedMicros;
        this.createdMicros = operation.createdMicros;
        return;
    }
  }

  /** The operations that make an empty state equal to this one. */
  *operations(): Generator<Operation> {
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      yield { op: 'offsets', partition, first: this.log.firstOffset(partition), next: this.log.nextOffset(partition) };
    }
    for (const [project, counters] of this.counters) yield { op: 'counters', project, ...counters };
    for (const pages of this.live.values()) for (const page of pages.values()) yield { op: 'live', page };
    for (const pages of this.archive.values()) for (const archived of pages.values()) yield { op: 'archived', ...archived };
    for (const [place, visibility] of this.hidden) {
      const slash = place.indexOf('/');
      yield { op: 'hidden', project: place.slice(0, slash), key: place.slice(slash + 1), visibility };
    }
    for (const entry of this.log.entries()) yield { op: 'event', entry };
    yield { op: 'acts', acts: this.acts, publishedMicros: this.publishedMicros, createdMicros: this.createdMicros };
  }
}

function entryOf<V>(table: Map<string, Map<string, V>>, project: string): Map<string, V> {
  let entry = table.get(project);
  if (entry === undefined) {
    entry = new Map<string, V>();
    table.set(project, entry);
  }
  return entry;
}
