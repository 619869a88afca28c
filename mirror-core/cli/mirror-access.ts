/** The mirror as the commands see it, whether a daemon runs it or this process opens it. */
import type { CatalogueProject, DatasetStatus, ImportResult, MirrorEvent, MirrorStatus } from '../contracts/control-api.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import type { ManifestRow, QuarantineRow, VerifyProblem } from '../contracts/store-port.ts';

export interface VerifyOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (checked: number, total: number) => void;
}

/** What a check of a dataset found. */
export interface VerifyOutcome {
  readonly dataset: string;
  readonly checked: number;
  readonly problems: number;
  /** The first problems. */
  readonly examples: readonly VerifyProblem[];
}

export interface ImportOptions {
  readonly source: AsyncIterable<Uint8Array>;
  readonly sourceName: string;
  readonly completeSnapshotOf: DatasetId | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: (readBytes: number, records: number) => void;
}

export interface LookupRequest {
  readonly title: string;
  readonly project: string | undefined;
  readonly fields: readonly string[] | undefined;
}

export interface MirrorAccess {
  /** For messages: a URL or a directory. */
  readonly where: string;
  status(): Promise<MirrorStatus>;
  projects(search?: string): Promise<readonly CatalogueProject[]>;
  add(ids: readonly DatasetId[]): Promise<readonly DatasetStatus[]>;
  remove(id: DatasetId): Promise<{ readonly freedBytes: number }>;
  /** @throws MirrorError DAEMON_REQUIRED for `sync` when no daemon runs */
  act(id: DatasetId, action: 'pause' | 'resume' | 'sync'): Promise<DatasetStatus>;
  manifest(id: DatasetId, tombstones: boolean): AsyncIterable<ManifestRow>;
  /** Bad lines kept aside, the newest thousand, oldest first. */
  quarantine(id: DatasetId): Promise<readonly QuarantineRow[]>;
  verify(id: DatasetId, options: VerifyOptions): Promise<VerifyOutcome>;
  import(options: ImportOptions): Promise<ImportResult>;
  /** Records of this title. @throws MirrorError NOT_FOUND */
  lookup(request: LookupRequest): Promise<readonly unknown[]>;
  events(signal: AbortSignal): AsyncIterable<MirrorEvent>;
}
