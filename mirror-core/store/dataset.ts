/** One dataset: reads, and writes by group commit. All writing happens one call at a time. */
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { MirrorError } from '../contracts/errors.ts';
import { parseDatasetId, type DatasetId, type ProjectId, type TitleKey } from '../contracts/identifiers.ts';
import type {
  Change,
  ChangeRow,
  CheckpointPatch,
  DatasetStats,
  DatasetWriter,
  Doubt,
  LiveEntry,
  ManifestRow,
  Outcome,
  QuarantineRow,
  StoredRecord,
  TitleEntry,
  VerifyReport,
} from '../contracts/store-port.ts';
import { formatUpstreamTime, timeFromMs, type UpstreamTime } from '../contracts/upstream-time.ts';
import { applyChange } from './apply-change.ts';
import { composeIndexBatch, writeBodies } from './commit.ts';
import { DatasetFiles } from './dataset-files.ts';
import { DatasetReads } from './dataset-reads.ts';
import { encodeMeta, statsOf, type DatasetMeta } from './dataset-meta.ts';
import { eraseDue } from './erase.ts';
import { META_KEY } from './index-keys.ts';
import { put, type WriteOperation } from './level-database.ts';
import { eachWithStoreErrors, withStoreErrors } from './level-errors.ts';
import { LicenseTable } from './license-table.ts';
import { loadRows } from './load-rows.ts';
import { recoverDataset } from './recover.ts';
import { requireStorable } from './require-storable.ts';
import type { SequenceAllocator } from './sequence-allocator.ts';
import { Staging } from './staging.ts';
import { dropOldTombstones } from './tombstones.ts';
import { verifyDataset } from './verify.ts';
import type { WriteAccess } from './write-access.ts';

const MAX_EXCERPT_BYTES = 64 * 1024;
const DEFAULT_QUARANTINE_ROWS = 1000;

export interface DatasetOptions {
  readonly id: DatasetId;
  readonly directory: string;
  readonly sequence: SequenceAllocator;
  readonly logger: Logger;
  /** Ms since the epoch. */
  readonly now: () => number;
  /** How long removed and hidden text may stay on disk. */
  readonly eraseDelayMs: number;
}

export class Dataset implements DatasetWriter {
  readonly id: DatasetId;
  readonly project: ProjectId;
  readonly namespaceId: number;
  readonly #options: DatasetOptions;
  readonly #files: DatasetFiles;
  readonly #reads: DatasetReads;
  readonly #writes = new PQueue({ concurrency: 1 });
  /** Erasing is a write in several steps, with compactions between them that need not hold up the others. */
  readonly #erasures = new PQueue({ concurrency: 1 });
  #meta: DatasetMeta;
  readonly #licenses: LicenseTable;
  #staging = new Staging();
  /** The last write, when it failed: whether it got in is known only after opening the files again. */
  #failed: { readonly commits: number; readonly staging: Staging | undefined } | undefined;

  private constructor(options: DatasetOptions, files: DatasetFiles, meta: DatasetMeta) {
    const parts = parseDatasetId(options.id);
    if (parts === undefined) throw new MirrorError('INTERNAL', `${options.id} is not the name of a dataset`);
    this.id = parts.id;
    this.project = parts.project;
    this.namespaceId = parts.namespaceId;
    this.#options = options;
    this.#files = files;
    this.#reads = new DatasetReads(files, parts.namespaceId);
    this.#meta = meta;
    this.#licenses = new LicenseTable(meta.licenseSets);
  }

  /**
   * Opens a dataset and puts right what a crash left.
   * @throws MirrorError STORE_CORRUPT, STORE_IO, NO_SPACE, DATA_NEWER
   */
  static async open(options: DatasetOptions): Promise<Dataset> {
    const files = await DatasetFiles.open(options.id, options.directory, { create: false });
    try {
      const meta = await withStoreErrors(options.id, () => recoverDataset(files, options.logger));
      options.sequence.skipPast(meta.lastSeq);
      return new Dataset(options, files, meta);
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  get stagedBytes(): number {
    return this.#staging.bodyBytes + (this.#failed?.staging?.bodyBytes ?? 0);
  }

  get generation(): number {
    return this.#meta.generation;
  }

  stats(): DatasetStats {
    return statsOf(this.#meta);
  }

  async stage(changes: readonly Change[]): Promise<readonly Outcome[]> {
    for (const change of changes) requireStorable(change);
    return this.#exclusively(async () => {
      const { sequence, now, eraseDelayMs } = this.#options;
      const staging = this.#staging;
      const hasMarks = this.#meta.marks > 0;
      staging.loaded = await loadRows(this.#files.index, staging, changes, hasMarks);
      return sequence.allocate(changes.length, (takeSeq) => {
        const { generation, doubtful } = this.#meta;
        const hasDoubts = doubtful > 0;
        const context = { staging, licenses: this.#licenses, takeSeq, nowMs: now(), eraseDelayMs, generation, hasDoubts };
        return changes.map((change) => applyChange(change, context));
      });
    });
  }

  async commit(checkpoints: CheckpointPatch = {}): Promise<void> {
    await this.#exclusively(() => this.#commit(checkpoints));
  }

  async #commit(checkpoints: CheckpointPatch): Promise<void> {
    const staging = this.#staging;
    if (staging.isEmpty && Object.keys(checkpoints).length === 0) return;
    // Doubts and bad lines may be added at any time, also while this is written: they belong to the next commit.
    this.#staging = new Staging();
    await this.#guarded(staging, async () => {
      await writeBodies(this.#files.bodies, staging.bodies);
      const batch = await composeIndexBatch(this.#files.index, staging, this.#meta, checkpoints, this.#licenses);
      await this.#writeIndex(batch.operations, batch.meta);
    });
  }

  /** One synced index batch, with the meta row that belongs to it. */
  async #writeIndex(operations: readonly WriteOperation[], meta: DatasetMeta): Promise<void> {
    const next = { ...meta, commits: this.#meta.commits + 1 };
    await this.#files.index.batch([...operations, put(META_KEY, encodeMeta(next))], { sync: true });
    this.#meta = next;
  }

  /** Runs a write; when it fails, `staging`, which it was about, is kept and the files are opened again before the next write. */
  async #guarded<T>(staging: Staging | undefined, write: () => Promise<T>): Promise<T> {
    const commits = this.#meta.commits + 1;
    try {
      return await write();
    } catch (error) {
      this.#failed = { commits, staging };
      throw error;
    }
  }

  /**
   * After a failed write LevelDB's log may end in half a record: opening again repairs it and shows whether the batch got in. If
   * not, its changes are staged again, so the caller only has to repeat the commit.
   */
  async #recoverFromFailure(): Promise<void> {
    const failed = this.#failed;
    if (failed === undefined) return;
    await this.#files.reopen();
    this.#meta = await recoverDataset(this.#files, this.#options.logger);
    if (failed.staging !== undefined && this.#meta.commits !== failed.commits) {
      failed.staging.absorb(this.#staging);
      this.#staging = failed.staging;
    }
    this.#failed = undefined;
  }

  /** Runs `work` when all earlier writes are done. */
  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#writes.add(() =>
      withStoreErrors(this.id, async () => {
        await this.#recoverFromFailure();
        return work();
      }),
    );
  }

  async beginGeneration(): Promise<number> {
    return this.#exclusively(async () => {
      const generation = this.#meta.generation + 1;
      await this.#guarded(undefined, () => this.#writeIndex([], { ...this.#meta, generation }));
      return generation;
    });
  }

  doubt(title: TitleKey, doubt: Doubt | undefined): void {
    this.#staging.doubts.set(title, doubt === undefined ? { kind: 'clear' } : { kind: 'set', doubt, keepsAbsences: false });
  }

  putQuarantine(row: Omit<QuarantineRow, 'id' | 'at'>): void {
    const at = formatUpstreamTime(timeFromMs(this.#options.now()));
    this.#staging.quarantine.push({ ...row, at, excerpt: shortened(row.excerpt) });
  }

  async erase(options: { readonly superseded: boolean; readonly signal?: AbortSignal }): Promise<number> {
    return this.#erasures.add(() => withStoreErrors(this.id, () => eraseDue(this.#access(), options)));
  }

  async dropTombstones(before: UpstreamTime): Promise<number> {
    return this.#erasures.add(() => withStoreErrors(this.id, () => dropOldTombstones(this.#access(), before)));
  }

  #access(): WriteAccess {
    const { sequence, now } = this.#options;
    return {
      id: this.id,
      files: this.#files,
      nowMs: now(),
      exclusively: (work) =>
        this.#exclusively(() =>
          this.#guarded(undefined, () =>
            work({
              meta: this.#meta,
              isStaged: (title) => this.#staging.entries.has(title),
              takeSeq: () => sequence.allocate(1, (take) => take()),
              writeIndex: (operations, meta) => this.#writeIndex(operations, meta),
            }),
          ),
        ),
    };
  }

  async verify(options: {
    readonly signal?: AbortSignal;
    readonly onProgress?: (checked: number, total: number) => void;
  }): Promise<VerifyReport> {
    return withStoreErrors(this.id, () => verifyDataset(this.#files, options));
  }

  async close(): Promise<void> {
    await this.#erasures.onIdle();
    await this.#writes.onIdle();
    await this.#files.close();
  }

  entry(title: TitleKey): Promise<TitleEntry | undefined> {
    return this.#reads.entry(title);
  }

  read(title: TitleKey): Promise<StoredRecord | undefined> {
    return this.#reads.read(title);
  }

  readJson(record: StoredRecord): Promise<Uint8Array> {
    return this.#reads.readJson(record);
  }

  titlesOfPage(pageId: number): Promise<readonly TitleKey[]> {
    return this.#reads.titlesOfPage(pageId);
  }

  redirectTargets(title: TitleKey): Promise<readonly TitleKey[]> {
    return this.#reads.redirectTargets(title);
  }

  titlesOfEntity(entityId: string): Promise<readonly TitleKey[]> {
    return this.#reads.titlesOfEntity(entityId);
  }

  manifest(options?: { readonly tombstones?: boolean }): AsyncIterable<ManifestRow> {
    return eachWithStoreErrors(this.id, this.#reads.manifest(options));
  }

  absentees(generation: number, before: UpstreamTime): AsyncIterable<{ readonly title: TitleKey; readonly entry: LiveEntry }> {
    return eachWithStoreErrors(this.id, this.#reads.absentees(generation, before));
  }

  doubts(): AsyncIterable<Doubt> {
    return eachWithStoreErrors(this.id, this.#reads.doubts());
  }

  changes(fromSeq: number): AsyncIterable<ChangeRow> {
    return eachWithStoreErrors(this.id, this.#reads.changes(fromSeq));
  }

  quarantine(limit: number = DEFAULT_QUARANTINE_ROWS): Promise<readonly QuarantineRow[]> {
    return this.#reads.quarantine(limit);
  }

  checkpoint(name: string): Promise<unknown> {
    return this.#reads.checkpoint(name);
  }
}

/** At most 64 KiB of UTF-8, never cut within a character. */
function shortened(excerpt: string): string {
  if (Buffer.byteLength(excerpt) <= MAX_EXCERPT_BYTES) return excerpt;
  let end = MAX_EXCERPT_BYTES;
  const bytes = Buffer.from(excerpt);
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
