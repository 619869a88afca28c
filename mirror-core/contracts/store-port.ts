/**
 * What the rest of the mirror may ask of the store. Readers (server, command line) see `DatasetReader`;
 * only the sync engine gets a `DatasetWriter`. Implemented in `store/`.
 */
import type { Codec, EncodedRecord, EventType, StreamPosition, Visibility } from './article.ts';
import type { DatasetId, ProjectId, TitleKey } from './identifiers.ts';
import type { UpstreamTime } from './upstream-time.ts';

/** Where a change came from. */
export type ChangeSource = 'snapshot' | 'batch' | 'realtime' | 'on-demand' | 'import' | 'reconcile';

/** A live title as the index has it. */
export interface LiveEntry {
  readonly kind: 'live';
  readonly seq: number;
  readonly pageId: number;
  readonly versionId: number;
  readonly namespaceId: number;
  /** Latest event time known of the title; may be later than the stored record's own (contract §15.2, third row). */
  readonly eventTime: UpstreamTime;
  readonly publishedTime: UpstreamTime | undefined;
  /** Latest deletion known of this title, though it lives again: an update from before it is stale. */
  readonly deletedTime: UpstreamTime | undefined;
  /** What may be shown of this version. */
  readonly visibility: Visibility;
  /** Hidden parts were cut out of the stored bytes and erased. */
  readonly isRedacted: boolean;
  /** Another title took this page id and nothing newer confirmed this one (contract §15.2, moves). */
  readonly isSuspect: boolean;
  /** Number of the last snapshot generation that contained the title; 0 when none did. */
  readonly generation: number;
  readonly rawBytes: number;
  readonly storedBytes: number;
  readonly sha256: Uint8Array;
  /** Ms since the epoch: when the mirror stored this record. */
  readonly mirroredAtMs: number;
}

/** What remains of a deleted title. */
export interface Tombstone {
  readonly kind: 'tombstone';
  readonly seq: number;
  readonly pageId: number;
  readonly versionId: number;
  readonly eventTime: UpstreamTime;
  readonly generation: number;
  readonly mirroredAtMs: number;
}

export type TitleEntry = LiveEntry | Tombstone;

/** A stored record as it lies on disk. */
export interface StoredRecord {
  readonly entry: LiveEntry;
  readonly codec: Codec;
  /** Compressed bytes, without the store's own prefix; may be sent as they are under `Content-Encoding: codec`. */
  readonly stored: Uint8Array;
  /** `true` when a hidden part is still inside `stored`, so that it must not be sent as it is: use `readJson`. */
  readonly mustRedact: boolean;
}

export interface ManifestRow {
  readonly title: string;
  readonly page_id: number;
  readonly namespace: number;
  readonly version: number;
  readonly event_time: string;
  readonly state: 'live' | 'deleted';
  readonly visibility?: Visibility;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly redacted?: boolean;
}

/** A bad line, kept so that nothing is dropped silently. */
export interface QuarantineRow {
  readonly id: string;
  readonly at: string;
  readonly source: string;
  /** 1-based; 0 when the source has no lines. */
  readonly line: number;
  readonly reason: string;
  readonly bytes: number;
  readonly sha256: string;
  /** First part of the raw bytes as text, at most 64 KiB; the rest of a longer line is counted by `bytes`. */
  readonly excerpt: string;
}

export interface DatasetStats {
  readonly live: number;
  readonly tombstones: number;
  readonly rawBytes: number;
  readonly storedBytes: number;
  /** Superseded bodies not yet reclaimed. */
  readonly garbageBytes: number;
  readonly quarantined: number;
  /** Titles in doubt (moves, unconfirmed absences), to be settled. */
  readonly doubtful: number;
  /** Live titles per claimed licence identifier. */
  readonly licenses: Readonly<Record<string, number>>;
  readonly lastSeq: number;
}

export interface VerifyProblem {
  readonly title: string | null;
  readonly seq: number | null;
  readonly problem: string;
}

export interface VerifyReport {
  readonly dataset: DatasetId;
  readonly checked: number;
  readonly problems: number;
  /** The first problems, at most 1,000. */
  readonly examples: readonly VerifyProblem[];
}

export interface DatasetReader {
  readonly id: DatasetId;
  readonly project: ProjectId;
  readonly namespaceId: number;

  entry(title: TitleKey): Promise<TitleEntry | undefined>;
  /** The live record under `title`, or `undefined`. One index read and one body read, no parsing. */
  read(title: TitleKey): Promise<StoredRecord | undefined>;
  /** The record as JSON bytes, decompressed, hidden parts cut out. */
  readJson(record: StoredRecord): Promise<Uint8Array>;
  titlesOfPage(pageId: number): Promise<readonly TitleKey[]>;
  /** Live titles that list `title` among their redirects. */
  redirectTargets(title: TitleKey): Promise<readonly TitleKey[]>;
  titlesOfEntity(entityId: string): Promise<readonly TitleKey[]>;
  manifest(options?: { readonly tombstones?: boolean }): AsyncIterable<ManifestRow>;
  quarantine(limit?: number): Promise<readonly QuarantineRow[]>;
  stats(): DatasetStats;
  verify(options: {
    readonly signal?: AbortSignal;
    readonly onProgress?: (checked: number, total: number) => void;
  }): Promise<VerifyReport>;
}

/** One thing to apply. The store decides by the table of contract §15.2. */
export type Change =
  | { readonly kind: 'record'; readonly record: EncodedRecord; readonly source: ChangeSource; readonly generation?: number }
  | {
      readonly kind: 'delete';
      readonly title: TitleKey;
      readonly pageId: number;
      readonly versionId: number;
      readonly eventTime: UpstreamTime;
      readonly publishedTime: UpstreamTime | undefined;
      readonly position: StreamPosition | undefined;
      readonly source: ChangeSource;
    }
  | {
      readonly kind: 'visibility';
      readonly title: TitleKey;
      readonly pageId: number;
      readonly versionId: number;
      readonly eventTime: UpstreamTime;
      readonly publishedTime: UpstreamTime | undefined;
      readonly visibility: Visibility;
      readonly position: StreamPosition | undefined;
      readonly source: ChangeSource;
    };

/** `unchanged`: known already (a replay); `stale`: the store is newer; `kept-aside`: a visibility mark whose version is not (yet) stored. */
export type Outcome = 'inserted' | 'replaced' | 'deleted' | 'hidden' | 'tombstoned' | 'kept-aside' | 'unchanged' | 'stale';

/** A row of the change log, oldest first by `seq`. */
export interface ChangeRow {
  readonly seq: number;
  readonly type: EventType;
  readonly title: TitleKey;
  readonly versionId: number;
  readonly eventTime: UpstreamTime;
  readonly publishedTime: UpstreamTime | undefined;
  readonly position: StreamPosition | undefined;
  readonly source: ChangeSource;
}

/** A title whose state is not certain, to be settled by a look-up, a newer snapshot, or a second absence. */
export interface Doubt {
  readonly title: TitleKey;
  readonly reason: 'moved-away' | 'absent-from-snapshot' | 'text-erased';
  /** ISO time. */
  readonly since: string;
  /** Snapshot generations that lacked the title so far. */
  readonly absences: number;
}

/** Named JSON values that move atomically with data: checkpoints, load progress, gaps. Values must be plain JSON. */
export type CheckpointPatch = Readonly<Record<string, unknown>>;

export interface DatasetWriter extends DatasetReader {
  /** Decides and stages changes in order. Nothing is durable, nor visible to readers, until `commit`. Safe to call concurrently. */
  stage(changes: readonly Change[]): Promise<readonly Outcome[]>;
  /**
   * Makes everything staged so far durable: bodies first (synced), then one synced index batch with the pointers and `checkpoints`.
   * @throws MirrorError NO_SPACE, STORE_IO — nothing of the batch is in the index, the checkpoint has not moved
   */
  commit(checkpoints?: CheckpointPatch): Promise<void>;
  /** Bytes staged and not committed. */
  readonly stagedBytes: number;
  checkpoint(name: string): Promise<unknown>;
  /** Starts the next snapshot generation and returns its number (stored at once). */
  beginGeneration(): Promise<number>;
  /** Number of the running or last generation; 0 before the first. */
  readonly generation: number;
  /** Live titles whose generation is older than `generation` and whose event time is before `before`. */
  absentees(generation: number, before: UpstreamTime): AsyncIterable<{ readonly title: TitleKey; readonly entry: LiveEntry }>;
  doubts(): AsyncIterable<Doubt>;
  /** Sets or (with `undefined`) clears a doubt; part of the next commit. */
  doubt(title: TitleKey, doubt: Doubt | undefined): void;
  putQuarantine(row: Omit<QuarantineRow, 'id' | 'at'>): void;
  changes(fromSeq: number): AsyncIterable<ChangeRow>;
  /** Erases from disk the bodies of removed, hidden and superseded records that are due. Returns bytes freed (stored bytes). */
  erase(options: { readonly superseded: boolean; readonly signal?: AbortSignal }): Promise<number>;
  /** Drops tombstones older than `before` that the last two generations lacked. */
  dropTombstones(before: UpstreamTime): Promise<number>;
  close(): Promise<void>;
}

/** Small durable JSON values: quota ledger, metadata lists, dataset settings. */
export interface KeyValuePort {
  get(key: string): Promise<unknown>;
  /** Durable (synced) when the promise resolves. */
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  entries(prefix: string): AsyncIterable<readonly [key: string, value: unknown]>;
}

/** The whole data directory, owned by one process. */
export interface MirrorStorePort {
  readonly directory: string;
  readonly catalog: KeyValuePort;
  /** Datasets that exist on disk, in id order. */
  list(): Promise<readonly DatasetId[]>;
  /** Opens (at first use) and returns the dataset, or `undefined` when it does not exist. Rejects with STORE_CORRUPT for that dataset alone. */
  dataset(id: DatasetId): Promise<DatasetWriter | undefined>;
  create(id: DatasetId): Promise<DatasetWriter>;
  /** Destroys the dataset's files. Returns the bytes that became free. */
  drop(id: DatasetId): Promise<number>;
  close(): Promise<void>;
}
