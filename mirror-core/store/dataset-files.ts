/** The two LevelDBs of one dataset, and what may have to happen to them as files. */
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MirrorError } from '../contracts/errors.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import { openBodies, openIndex, type LevelDatabase, type OpenOptions } from './level-database.ts';
import { isLocked, storeError } from './level-errors.ts';

/** Recovery writes what the logs hold into tables: a write buffer of each database, and as much again to be safe. */
const REOPEN_BYTES = 48 * 1024 * 1024;

export class DatasetFiles {
  readonly id: DatasetId;
  readonly directory: string;
  #bodies: LevelDatabase;
  #index: LevelDatabase;
  #reopening: Promise<void> | undefined;

  private constructor(id: DatasetId, directory: string, bodies: LevelDatabase, index: LevelDatabase) {
    this.id = id;
    this.directory = directory;
    this.#bodies = bodies;
    this.#index = index;
  }

  /** @throws MirrorError STORE_CORRUPT, STORE_IO, NO_SPACE, DATA_LOCKED */
  static async open(id: DatasetId, directory: string, options: OpenOptions): Promise<DatasetFiles> {
    const [bodies, index] = await openBoth(id, directory, options);
    return new DatasetFiles(id, directory, bodies, index);
  }

  get bodies(): LevelDatabase {
    return this.#bodies;
  }

  get index(): LevelDatabase {
    return this.#index;
  }

  /** Resolves when the databases may be read; `undefined`, and so free of cost, except while they are being opened again. */
  get settled(): Promise<void> | undefined {
    return this.#reopening;
  }

  /**
   * Closes and opens both databases. Needed after a failed write: LevelDB's log then ends in half a record, and only recovery
   * at opening makes it writable again.
   * @throws MirrorError NO_SPACE while the disk is full: the databases then stay open, so that reading goes on
   */
  async reopen(): Promise<void> {
    await this.#requireSpace();
    const reopening = (async (): Promise<void> => {
      await this.close();
      [this.#bodies, this.#index] = await openBoth(this.id, this.directory, { create: false });
    })();
    // Readers only wait for the end of it; the failure is reported to the caller below.
    this.#reopening = reopening.catch(() => undefined);
    try {
      await reopening;
    } finally {
      this.#reopening = undefined;
    }
  }

  async #requireSpace(): Promise<void> {
    const { bavail, bsize } = await statfs(this.directory);
    if (bavail * bsize >= REOPEN_BYTES) return;
    throw new MirrorError(
      'NO_SPACE',
      `no space is left for ${this.id}: nothing was lost, free some space on that disk and go on`,
      {
        context: { subject: this.id, freeBytes: bavail * bsize },
      },
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#bodies.close(), this.#index.close()]);
  }
}

async function openBoth(id: DatasetId, directory: string, options: OpenOptions): Promise<[LevelDatabase, LevelDatabase]> {
  const results = await Promise.allSettled([
    openBodies(join(directory, 'bodies'), options),
    openIndex(join(directory, 'index'), options),
  ]);
  const [bodies, index] = results;
  if (bodies.status === 'fulfilled' && index.status === 'fulfilled') return [bodies.value, index.value];
  const failures: unknown[] = [];
  for (const result of results) {
    if (result.status === 'fulfilled') await result.value.close();
    else failures.push(result.reason);
  }
  if (failures.some(isLocked)) {
    throw new MirrorError('DATA_LOCKED', `${id} is open in another process: stop that one first`, { cause: failures[0] });
  }
  throw storeError(failures[0], id);
}
