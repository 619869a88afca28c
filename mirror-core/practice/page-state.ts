/** The state of one page and of one published event: small, immutable, and all that is kept; texts are rendered from it when asked for. */
import type { HistoryNote } from './content/articles.ts';
import type { Subject } from './content/subjects.ts';
import { hash32 } from './random.ts';

export interface EventStamp {
  readonly identifier: string;
  /** RFC 3339 with six decimals: when the change entered the pipeline. */
  readonly dateCreated: string;
  /** RFC 3339 with six decimals: when the record was written to the log. */
  readonly datePublished: string;
}

export interface PageState {
  readonly project: string;
  readonly pageId: number;
  readonly namespaceId: number;
  /** With spaces and namespace prefix. */
  readonly title: string;
  readonly subject: Subject;
  /** RFC 3339, whole seconds, as are the other two. */
  readonly created: string;
  readonly modified: string;
  readonly previouslyModified: string | undefined;
  readonly revision: number;
  readonly previousRevision: number | undefined;
  readonly previousCharacters: number | undefined;
  readonly comment: string;
  /** Index into the practice editors; see editors.ts. */
  readonly editor: number;
  readonly isMinor: boolean;
  readonly tags: readonly string[];
  readonly editCount: number;
  /** The last few edits, newest first; the page tells of them. */
  readonly history: readonly HistoryNote[];
  /** Titles that redirect here, with spaces. */
  readonly redirects: readonly string[];
  /** Imported in bulk and not edited since: such records lack many members (article-schema §2). */
  readonly isBulk: boolean;
  readonly event: EventStamp;
}

export interface HiddenParts {
  readonly text: boolean;
  readonly editor: boolean;
  readonly comment: boolean;
}

/** One message of the Realtime log. */
export interface LogEntry {
  readonly partition: number;
  readonly offset: number;
  /** `stamp.datePublished` in ms since the epoch. */
  readonly publishedMs: number;
  readonly type: 'update' | 'delete' | 'visibility-change';
  readonly stamp: EventStamp;
  /** The page as it was when the event was written; for deletes under its old title. */
  readonly page: PageState;
  /** Who deleted, moved or hid. */
  readonly performer?: number;
  /** Deletes that are the second half of a move: the page under its new title. */
  readonly movedTo?: PageState;
  readonly visibility?: HiddenParts;
}

/** Upstream's key of a title. */
export function keyOf(title: string): string {
  return title.replaceAll(' ', '_');
}

/** The partition of a title: all its events, and no rename of it, stay there (contract §10.2). */
export function partitionOf(project: string, title: string): number {
  return hash32(`/${project}/${keyOf(title)}`) % 50;
}
