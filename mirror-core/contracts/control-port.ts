/** The one door to the sync engine: what the server's control routes, the command line and the host may ask of it. */
import type { CatalogueProject, DatasetStatus, ImportResult, MirrorEvent, MirrorStatus } from './control-api.ts';
import type { DatasetId, ProjectId } from './identifiers.ts';
import type { DatasetReader, VerifyReport } from './store-port.ts';
import type { Language, Project } from './wme.ts';

export interface ImportRequest {
  /** Compressed or plain bytes: .tar.gz, .gz, .tar or NDJSON, told apart by content. */
  readonly source: AsyncIterable<Uint8Array>;
  /** Shown in messages and in the quarantine; a file name or `standard input`. */
  readonly sourceName: string;
  /** The file is the whole snapshot of this dataset: titles absent from it may be reconciled, and it becomes the dataset's generation. */
  readonly completeSnapshotOf?: DatasetId;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: { readonly readBytes: number; readonly records: number }) => void;
}

export interface EventLogPort {
  /** Events after `afterId` that are still held. `lostBefore` is set when older ones were dropped from the buffer. */
  since(afterId: number): { readonly events: readonly MirrorEvent[]; readonly lostBefore: number | null };
  /** Calls `listener` for each new event until the returned function is called. A slow listener never slows the mirror. */
  subscribe(listener: (event: MirrorEvent) => void): () => void;
  readonly lastId: number;
}

export interface MirrorControl {
  readonly events: EventLogPort;
  status(): Promise<MirrorStatus>;
  /** @throws MirrorError NOT_FOUND when the dataset is not mirrored */
  dataset(id: DatasetId): Promise<DatasetStatus>;
  /** The upstream catalogue with what is mirrored here marked. */
  projects(search?: string): Promise<readonly CatalogueProject[]>;
  /** @throws MirrorError UNKNOWN_PROJECT, INVALID_INPUT, NO_SPACE; adding what is mirrored already changes nothing */
  add(ids: readonly DatasetId[]): Promise<readonly DatasetStatus[]>;
  remove(id: DatasetId): Promise<{ readonly freedBytes: number }>;
  pause(id: DatasetId): Promise<DatasetStatus>;
  resume(id: DatasetId): Promise<DatasetStatus>;
  /** Looks for something newer at once (snapshot, batches), also when the schedule says later. */
  sync(id: DatasetId): Promise<DatasetStatus>;
  verify(
    id: DatasetId,
    options: { readonly signal: AbortSignal; readonly onProgress?: (checked: number, total: number) => void },
  ): Promise<VerifyReport>;
  importRecords(request: ImportRequest): Promise<ImportResult>;
}

/** Read access to everything that is mirrored, for the server. */
export interface MirrorReader {
  /** Mirrored projects in look-up order: upstream's configuration order, the rest by identifier (contract §5.2). */
  projects(): readonly ProjectInMirror[];
  dataset(id: DatasetId): Promise<DatasetReader | undefined>;
  /** Upstream's stored lists, or what can be said of the mirrored ones alone. */
  projectList(): readonly Project[];
  languageList(): readonly Language[];
  /** Milliseconds behind upstream and the time up to which a dataset is complete; `null` when not known. */
  freshness(id: DatasetId): { readonly lagMs: number | null; readonly asOf: string | null };
  readonly isPractice: boolean;
}

export interface ProjectInMirror {
  readonly project: ProjectId;
  readonly language: string | undefined;
  readonly url: string | undefined;
  /** Upstream project code, such as `wiki` or `wiktionary`. */
  readonly code: string | undefined;
  readonly datasets: readonly DatasetId[];
}
