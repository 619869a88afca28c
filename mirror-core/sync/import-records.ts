/** Records from a file or standard input: snapshots from disk, older public dumps, single articles (design §2, sideload). */
import { createHash } from 'node:crypto';
import { MirrorError } from '../contracts/errors.ts';
import type { Codec } from '../contracts/article.ts';
import type { ImportRequest } from '../contracts/control-port.ts';
import type { ImportResult } from '../contracts/control-api.ts';
import { datasetId, type DatasetId } from '../contracts/identifiers.ts';
import type { Change, CheckpointPatch, DatasetWriter } from '../contracts/store-port.ts';
import { formatUpstreamTime } from '../contracts/upstream-time.ts';
import { readRecords, type BadLine, type ReadSummary } from '../pipeline/read-records.ts';
import { decodeSnapshot, type SnapshotCheckpoint } from './checkpoints.ts';
import { quarantineLine } from './quarantine.ts';
import { toChange } from './record-change.ts';
import { boundsOf } from './snapshot/start-point.ts';

const COMMIT_BYTES = 4 * 1024 * 1024;
const PROGRESS_EVERY_MS = 250;
/** More lines of other datasets than this, and the file is not what it was said to be (article-schema §12 draws the same line for bad ones). */
const LARGEST_FOREIGN_SHARE = 1 / 10_000;

export interface ImportContext {
  readonly codec: Codec;
  readonly now: () => number;
  /** The dataset's store, made when it does not exist. */
  readonly open: (id: DatasetId) => Promise<DatasetWriter>;
  readonly ensureSpace: (bytes: number) => Promise<void>;
  /** Added to the commit that completes a generation. */
  readonly onComplete: (store: DatasetWriter, snapshot: SnapshotCheckpoint) => CheckpointPatch;
}

/**
 * Applies every record through the decision table: nothing newer is overwritten, and importing twice changes nothing.
 * @throws MirrorError RECORD_INVALID when nothing in the file is a record; ARCHIVE_DAMAGED when it is torn (what was good is kept)
 */
export async function importRecords(context: ImportContext, request: ImportRequest): Promise<ImportResult> {
  const run = new ImportRun(context, request);
  return run.finish(await run.read());
}

class ImportRun {
  readonly #context: ImportContext;
  readonly #request: ImportRequest;
  readonly #stores = new Map<DatasetId, DatasetWriter>();
  readonly #bad: BadLine[] = [];
  readonly #md5 = createHash('md5');
  #generation: number | undefined;
  #records = 0;
  #applied = 0;
  #unchanged = 0;
  #quarantined = 0;
  #foreign = 0;
  #lastProgressMs = 0;

  constructor(context: ImportContext, request: ImportRequest) {
    this.#context = context;
    this.#request = request;
  }

  async read(): Promise<ReadSummary> {
    const request = this.#request;
    const context = this.#context;
    if (request.completeSnapshotOf !== undefined) {
      const store = await this.#store(request.completeSnapshotOf);
      this.#generation = await store.beginGeneration();
    }
    const batches = readRecords(
      { bytes: this.#hashed(request.source), name: request.sourceName },
      { codec: context.codec, signal: request.signal, onBadLine: (bad) => this.#keepBad(bad) },
    );
    try {
      for (;;) {
        const step = await batches.next();
        if (step.done === true) return step.value;
        await this.#apply(step.value.records);
        this.#progress(step.value.readBytes);
      }
    } finally {
      // Also of a torn file the good records are kept.
      for (const store of this.#stores.values()) await store.commit();
    }
  }

  async finish(summary: ReadSummary): Promise<ImportResult> {
    const request = this.#request;
    if (this.#stores.size === 0) {
      const first = this.#bad[0];
      throw new MirrorError(
        'RECORD_INVALID',
        `${request.sourceName} holds no article record${first === undefined ? '' : ` (line ${first.line}: ${first.reason})`}. ` +
          'Expected are Enterprise article records, one JSON object a line, plain or as .tar.gz.',
        { context: { source: request.sourceName, lines: summary.lines } },
      );
    }
    for (const bad of this.#bad) this.#quarantine(bad);
    const whole = request.completeSnapshotOf === undefined ? undefined : this.#stores.get(request.completeSnapshotOf);
    if (whole !== undefined && this.#generation !== undefined) {
      if (summary.isDamaged || this.#foreign > summary.lines * LARGEST_FOREIGN_SHARE) {
        await whole.commit();
        throw new MirrorError(
          'ARCHIVE_DAMAGED',
          `${request.sourceName} is not a whole snapshot of ${whole.id}: of ${summary.lines} lines ${summary.badLines} could not be read and ${this.#foreign} belong elsewhere. The good records are kept, the bad lines are in the quarantine; the file was not taken as a whole snapshot.`,
        );
      }
      await this.#complete(whole, summary, this.#generation);
    }
    for (const store of this.#stores.values()) await store.commit();
    request.onProgress?.({ readBytes: summary.compressedBytes, records: this.#records });
    return {
      records: this.#records,
      applied: this.#applied,
      unchanged: this.#unchanged,
      quarantined: this.#quarantined,
      datasets: [...this.#stores.keys()].sort(),
    };
  }

  async #complete(store: DatasetWriter, summary: ReadSummary, generation: number): Promise<void> {
    const last = decodeSnapshot(await store.checkpoint('snapshot'));
    const members = summary.members.map((member) => member.mtimeMs).filter((mtimeMs) => mtimeMs > 0);
    const bounds = boundsOf(summary.maxPublished, members.length === 0 ? undefined : Math.min(...members));
    const snapshot: SnapshotCheckpoint = {
      version: this.#md5.digest('hex'),
      modified: members.length === 0 ? null : new Date(Math.max(...members)).toISOString(),
      generation,
      records: summary.records,
      exportedAfter: bounds === undefined ? null : formatUpstreamTime(bounds.exportedAfter),
      since: bounds === undefined ? null : formatUpstreamTime(bounds.since),
      previousRecords: last?.records ?? null,
      completedAt: new Date(this.#context.now()).toISOString(),
      isReconciled: false,
    };
    await store.commit({ ...this.#context.onComplete(store, snapshot), snapshot, load: null });
  }

  async *#hashed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const bytes of source) {
      this.#md5.update(bytes);
      yield bytes;
    }
  }

  async #apply(records: readonly Extract<Change, { kind: 'record' }>['record'][]): Promise<void> {
    const byDataset = new Map<DatasetId, Change[]>();
    for (const record of records) {
      const id = datasetId(record.keys.project, record.keys.namespaceId);
      const only = this.#request.completeSnapshotOf;
      if (only !== undefined && id !== only) {
        this.#foreign += 1;
        this.#keepBad({
          line: 0,
          member: '',
          reason: `"${record.keys.name}" belongs to ${id}, not to ${only}`,
          bytes: record.rawBytes,
          sha256: Buffer.from(record.sha256).toString('hex'),
          excerpt: record.keys.name,
        });
        continue;
      }
      const changes = byDataset.get(id);
      const change = toChange(record, 'import', this.#generation);
      if (changes === undefined) byDataset.set(id, [change]);
      else changes.push(change);
    }
    for (const [id, changes] of byDataset) {
      const store = await this.#store(id);
      await this.#context.ensureSpace(COMMIT_BYTES);
      const outcomes = await store.stage(changes);
      this.#records += outcomes.length;
      for (const outcome of outcomes) {
        if (outcome === 'unchanged' || outcome === 'stale') this.#unchanged += 1;
        else this.#applied += 1;
      }
      if (store.stagedBytes >= COMMIT_BYTES) await store.commit();
    }
  }

  async #store(id: DatasetId): Promise<DatasetWriter> {
    const known = this.#stores.get(id);
    if (known !== undefined) return known;
    const store = await this.#context.open(id);
    this.#stores.set(id, store);
    return store;
  }

  /** Bad lines wait until a dataset is known to keep them in; then they go straight there. */
  #keepBad(bad: BadLine): void {
    this.#quarantined += 1;
    if (this.#stores.size === 0) this.#bad.push(bad);
    else this.#quarantine(bad);
  }

  #quarantine(bad: BadLine): void {
    const [store] = this.#stores.values();
    if (store !== undefined) quarantineLine(store, this.#request.sourceName, bad);
  }

  #progress(readBytes: number): void {
    const nowMs = this.#context.now();
    if (nowMs - this.#lastProgressMs < PROGRESS_EVERY_MS) return;
    this.#lastProgressMs = nowMs;
    this.#request.onProgress?.({ readBytes, records: this.#records });
  }
}
