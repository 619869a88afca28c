/** What the sync engine asks of an upstream service. `upstream/enterprise` implements it; other sources can. */
import type { Code, Language, Namespace, Project, SnapshotInfo } from './wme.ts';
import type { DatasetId, ProjectId } from './identifiers.ts';
import type { UpstreamTime } from './upstream-time.ts';

/** What the account may do, learned at login, not assumed (contract §2, §13). */
export interface Capabilities {
  readonly snapshots: boolean;
  readonly chunks: boolean;
  readonly onDemand: boolean;
  readonly batches: boolean;
  readonly realtime: boolean;
  /** Whether answers carry the practice mark: made-up content. */
  readonly isPractice: boolean;
  /** How it was learned: the account's own record, or by trying each route. */
  readonly learnedFrom: 'get-user' | 'probe';
  readonly learnedAtMs: number;
}

export type QuotaKind = 'onDemand' | 'snapshot' | 'chunk';

/** One line of the quota ledger: requests this calendar month (UTC). */
export interface QuotaUse {
  readonly kind: QuotaKind;
  readonly used: number;
  /** `null` when the account has no cap. */
  readonly limit: number | null;
  readonly month: string;
}

/** Which file to download. */
export type DownloadTarget =
  | { readonly kind: 'snapshot'; readonly dataset: DatasetId }
  | { readonly kind: 'chunk'; readonly dataset: DatasetId; readonly chunk: string }
  | { readonly kind: 'batch'; readonly dataset: DatasetId; readonly hour: BatchHour };

export interface BatchHour {
  /** `YYYY-MM-DD`, UTC. */
  readonly date: string;
  /** `00` to `23`, UTC. */
  readonly hour: string;
}

export interface DownloadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface DownloadRequest {
  readonly target: DownloadTarget;
  /** Final path; the unfinished file lies beside it as `.part` with a sidecar `.part.json`. */
  readonly path: string;
  /** Lower-case hex MD5 the finished file must have (the metadata's `version`); `undefined` when upstream gave none. */
  readonly md5: string | undefined;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface DownloadedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly md5: string;
  /** HEAD's `Last-Modified`, ms since the epoch. */
  readonly lastModifiedMs: number | undefined;
}

/** Where the stream shall start. Every partition of the requested parts must have an entry, or it silently starts live (contract §10.2). */
export interface StreamRequest {
  readonly parts: readonly number[];
  /** Next offset wanted, per partition (inclusive). */
  readonly offsets: ReadonlyMap<number, number>;
  readonly sincePerPartition: ReadonlyMap<number, UpstreamTime>;
  readonly filters?: readonly { readonly field: string; readonly value: string | number | boolean }[];
  readonly fields?: readonly string[];
  readonly signal: AbortSignal;
  /** End the connection with a retryable error when nothing arrived for this long; `undefined` waits for ever. */
  readonly silenceMs?: number;
}

export interface UpstreamPort {
  /** For people and for the data directory's identity check: the API's base URL. */
  readonly address: string;

  /**
   * Logs in when needed and learns what the account may do. Cached; `refresh` asks again.
   * @throws MirrorError AUTH_REQUIRED, AUTH_FAILED, UPSTREAM_UNREACHABLE
   */
  capabilities(options?: { readonly refresh?: boolean; readonly signal?: AbortSignal }): Promise<Capabilities>;

  codes(signal?: AbortSignal): Promise<readonly Code[]>;
  languages(signal?: AbortSignal): Promise<readonly Language[]>;
  projects(signal?: AbortSignal): Promise<readonly Project[]>;
  namespaces(signal?: AbortSignal): Promise<readonly Namespace[]>;
  snapshots(signal?: AbortSignal): Promise<readonly SnapshotInfo[]>;

  /** `undefined` when upstream has no such snapshot. */
  snapshot(dataset: DatasetId, signal?: AbortSignal): Promise<SnapshotInfo | undefined>;
  chunks(dataset: DatasetId, signal?: AbortSignal): Promise<readonly SnapshotInfo[] | undefined>;
  /** One dataset's batch of one hour; `undefined` when there is none (which does not prove that nothing changed, contract §9). */
  batch(dataset: DatasetId, hour: BatchHour, signal?: AbortSignal): Promise<SnapshotInfo | undefined>;

  /**
   * HEAD, then a resumable ranged GET into `path`, verified against `md5`.
   * @throws MirrorError NOT_FOUND, QUOTA_EXHAUSTED, CHECKSUM_MISMATCH, SNAPSHOT_CHANGED, NO_SPACE, UPSTREAM_*, or AbortError
   */
  download(request: DownloadRequest): Promise<DownloadedFile>;

  /** Raw records, one per event, in arrival order, without line ends. Ends by AbortError, a retryable error, or a clean close. */
  stream(request: StreamRequest): AsyncIterable<Uint8Array>;

  /**
   * One on-demand look-up (counts against the quota, also when it ends in "not found").
   * @returns the raw record of `project`, or `undefined` when upstream has no such article
   */
  lookup(project: ProjectId, name: string, signal?: AbortSignal): Promise<Uint8Array | undefined>;

  quota(): readonly QuotaUse[];
  /** Whether one more request of `kind` may be spent now. */
  canSpend(kind: QuotaKind): boolean;
}
