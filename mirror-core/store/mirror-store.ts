/** The data directory: its identity and lock, the catalogue, and the datasets in it. */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { DATA_LAYOUT, DATA_SCHEMA_VERSION } from '../contracts/data-layout.ts';
import { MirrorError } from '../contracts/errors.ts';
import { parseDatasetId, type DatasetId } from '../contracts/identifiers.ts';
import type { DatasetWriter, MirrorStorePort } from '../contracts/store-port.ts';
import { Catalog } from './catalog.ts';
import { Dataset } from './dataset.ts';
import { DatasetFiles } from './dataset-files.ts';
import { encodeMeta, newMeta } from './dataset-meta.ts';
import { readIdentity, requireSameUpstream, writeIdentity } from './identity.ts';
import { META_KEY } from './index-keys.ts';
import { isLocked, isUnwritable, storeError, withStoreErrors } from './level-errors.ts';
import { SequenceAllocator } from './sequence-allocator.ts';

/** A dataset being made or destroyed lies under such a name, which is no dataset's; what a crash leaves there is removed at opening. */
const UNFINISHED = '.unfinished-';
const TRASH = '.trash-';
const DEFAULT_ERASE_DELAY_MS = 15 * 60_000;

export interface MirrorStoreOptions {
  readonly directory: string;
  /** The upstream whose data this is; a directory with another one's is refused. */
  readonly upstreamAddress: string;
  /** Made-up content and real content never share a directory. */
  readonly isPractice: boolean;
  readonly logger: Logger;
  /** Ms since the epoch. */
  readonly now?: () => number;
  /** How long removed and hidden text may stay on disk before `erase` takes it; 15 minutes unless told. */
  readonly eraseDelayMs?: number;
}

export class MirrorStore implements MirrorStorePort {
  readonly directory: string;
  readonly catalog: Catalog;
  readonly #datasetsDirectory: string;
  readonly #sequence: SequenceAllocator;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #eraseDelayMs: number;
  readonly #open = new Map<DatasetId, Promise<Dataset | undefined>>();
  /** Making and destroying datasets, one at a time. */
  readonly #changes = new PQueue({ concurrency: 1 });

  private constructor(options: MirrorStoreOptions, catalog: Catalog, sequence: SequenceAllocator) {
    this.directory = options.directory;
    this.catalog = catalog;
    this.#datasetsDirectory = join(options.directory, DATA_LAYOUT.datasets);
    this.#sequence = sequence;
    this.#logger = options.logger;
    this.#now = options.now ?? Date.now;
    this.#eraseDelayMs = options.eraseDelayMs ?? DEFAULT_ERASE_DELAY_MS;
  }

  /**
   * Opens or makes a data directory and locks it.
   * @throws MirrorError DATA_UNWRITABLE, DATA_NEWER, DATA_MISMATCH, DATA_LOCKED, STORE_CORRUPT, NO_SPACE, STORE_IO
   */
  static async open(options: MirrorStoreOptions): Promise<MirrorStore> {
    const { directory } = options;
    const catalog = await openCatalog(options);
    try {
      await withStoreErrors(directory, async () => {
        // Read again under the lock: another process may have made the directory in between.
        const identity = await readIdentity(directory);
        if (identity === undefined) await writeIdentity(directory, newIdentity(options));
        else requireSameUpstream(directory, identity, options);
        await removeUnfinished(join(directory, DATA_LAYOUT.datasets), options.logger);
      });
      return new MirrorStore(options, catalog, await SequenceAllocator.load(catalog));
    } catch (error) {
      await catalog.close();
      throw isUnwritable(error) ? unwritable(directory, error) : error;
    }
  }

  async list(): Promise<readonly DatasetId[]> {
    const names = await withStoreErrors(this.directory, () => readdir(this.#datasetsDirectory));
    return names.flatMap((name) => parseDatasetId(name)?.id ?? []).sort();
  }

  async dataset(id: DatasetId): Promise<DatasetWriter | undefined> {
    return this.#opened(id);
  }

  #opened(id: DatasetId): Promise<Dataset | undefined> {
    const known = this.#open.get(id);
    if (known !== undefined) return known;
    const forget = (): void => {
      if (this.#open.get(id) === opening) this.#open.delete(id);
    };
    const opening: Promise<Dataset | undefined> = this.#openExisting(id).then(
      (dataset) => {
        if (dataset === undefined) forget();
        return dataset;
      },
      (error: unknown) => {
        // It may be put right and asked for again.
        forget();
        throw error;
      },
    );
    this.#open.set(id, opening);
    return opening;
  }

  async #openExisting(id: DatasetId): Promise<Dataset | undefined> {
    if (!(await this.list()).includes(id)) return undefined;
    return Dataset.open({
      id,
      directory: join(this.#datasetsDirectory, id),
      sequence: this.#sequence,
      logger: this.#logger,
      now: this.#now,
      eraseDelayMs: this.#eraseDelayMs,
    });
  }

  async create(id: DatasetId): Promise<DatasetWriter> {
    return this.#changes.add(async () => {
      if (!(await this.list()).includes(id)) await withStoreErrors(id, () => this.#make(id));
      const dataset = await this.#opened(id);
      if (dataset === undefined) throw new MirrorError('STORE_IO', `${id} was made but cannot be found: check the disk`);
      return dataset;
    });
  }

  async #make(id: DatasetId): Promise<void> {
    const unfinished = join(this.#datasetsDirectory, UNFINISHED + id);
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { mode: 0o700 });
    const files = await DatasetFiles.open(id, unfinished, { create: true });
    try {
      await files.index.put(META_KEY, encodeMeta(newMeta(id)), { sync: true });
    } finally {
      await files.close();
    }
    // Only a complete dataset ever has its own name.
    await rename(unfinished, join(this.#datasetsDirectory, id));
  }

  async drop(id: DatasetId): Promise<number> {
    return this.#changes.add(async () => {
      const opened = this.#open.get(id);
      this.#open.delete(id);
      if (opened !== undefined) await closeQuietly(opened, this.#logger);
      if (!(await this.list()).includes(id)) return 0;
      return withStoreErrors(id, () => this.#destroy(id));
    });
  }

  async #destroy(id: DatasetId): Promise<number> {
    const path = join(this.#datasetsDirectory, id);
    const trash = join(this.#datasetsDirectory, TRASH + id);
    const freed = await sizeOf(path);
    await rm(trash, { recursive: true, force: true });
    // Gone at once and as a whole, even if the power fails while the files are being removed.
    await rename(path, trash);
    await rm(trash, { recursive: true, force: true });
    return freed;
  }

  async close(): Promise<void> {
    const opened = [...this.#open.values()];
    this.#open.clear();
    for (const dataset of opened) await closeQuietly(dataset, this.#logger);
    await this.catalog.close();
  }
}

async function openCatalog(options: MirrorStoreOptions): Promise<Catalog> {
  const { directory } = options;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const identity = await readIdentity(directory);
    if (identity !== undefined) requireSameUpstream(directory, identity, options);
    await mkdir(join(directory, DATA_LAYOUT.datasets), { recursive: true, mode: 0o700 });
    return await Catalog.open(join(directory, DATA_LAYOUT.catalog));
  } catch (error) {
    if (error instanceof MirrorError) throw error;
    if (isLocked(error)) {
      throw new MirrorError(
        'DATA_LOCKED',
        `another Wikimirror uses ${directory}: stop it, talk to it instead, or choose another data directory`,
        { cause: error, context: { directory } },
      );
    }
    throw isUnwritable(error) ? unwritable(directory, error) : storeError(error, directory);
  }
}

function unwritable(directory: string, cause: unknown): MirrorError {
  return new MirrorError(
    'DATA_UNWRITABLE',
    `${directory} cannot be written: give this user write access to it, or choose another data directory`,
    { cause, context: { directory } },
  );
}

function newIdentity({ upstreamAddress, isPractice, now = Date.now }: MirrorStoreOptions): Parameters<typeof writeIdentity>[1] {
  return { schemaVersion: DATA_SCHEMA_VERSION, upstreamAddress, isPractice, createdAt: new Date(now()).toISOString() };
}

async function removeUnfinished(datasetsDirectory: string, logger: Logger): Promise<void> {
  for (const name of await readdir(datasetsDirectory)) {
    if (!name.startsWith(UNFINISHED) && !name.startsWith(TRASH)) continue;
    await rm(join(datasetsDirectory, name), { recursive: true, force: true });
    logger.info({ event: 'store.cleaned', name }, 'removed a dataset that was being made or removed when the mirror stopped');
  }
}

/** A dataset that never opened has nothing to close, and its failure was reported to whoever asked for it. */
async function closeQuietly(opened: Promise<Dataset | undefined>, logger: Logger): Promise<void> {
  try {
    await (await opened)?.close();
  } catch (error) {
    logger.debug({ event: 'store.close', err: error }, 'a dataset that had not opened properly was left as it is');
  }
}

/** Bytes of all files below `path`. */
async function sizeOf(path: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
