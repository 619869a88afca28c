/**
 * The `sideload/` folder: a file dropped there is verified and loaded, one at a time, for sites without a network. Loaded files move
 * to `sideload/loaded/`, refused ones to `sideload/failed/` with a text beside them that says why.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { DATA_LAYOUT } from '../../contracts/data-layout.ts';
import type { MirrorControl } from '../../contracts/control-port.ts';
import { isAbortError, messageOf, MirrorError } from '../../contracts/errors.ts';
import type { EventLog } from '../event-log.ts';
import { readChecksum, readFileName, type SideloadFile } from './file-names.ts';

/** A file counts as copied when its size has not changed for so long. */
const SETTLED_AFTER_MS = 2000;
const READ_CHUNK_BYTES = 1024 * 1024;

export interface SideloadOptions {
  readonly dataDirectory: string;
  readonly control: MirrorControl;
  readonly events: EventLog;
  readonly logger: Logger;
  readonly settledAfterMs?: number;
}

export class SideloadWatch {
  readonly #options: SideloadOptions;
  readonly #folder: string;
  readonly #queue = new PQueue({ concurrency: 1 });
  readonly #abort = new AbortController();
  #watcher: FSWatcher | undefined;

  private constructor(options: SideloadOptions) {
    this.#options = options;
    this.#folder = join(options.dataDirectory, DATA_LAYOUT.sideload);
  }

  static async start(options: SideloadOptions): Promise<SideloadWatch> {
    const sideload = new SideloadWatch(options);
    await mkdir(sideload.#folder, { recursive: true, mode: 0o700 });
    sideload.#watcher = watch(sideload.#folder, {
      depth: 0,
      awaitWriteFinish: { stabilityThreshold: options.settledAfterMs ?? SETTLED_AFTER_MS, pollInterval: 100 },
    });
    sideload.#watcher.on('add', (path) => sideload.#found(path));
    sideload.#watcher.on('error', (error) => {
      options.logger.error({ err: error, event: 'sideload.watch-failed' }, 'the sideload folder can no longer be watched');
    });
    return sideload;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#watcher?.close();
    this.#queue.clear();
    await this.#queue.onIdle();
  }

  #found(path: string): void {
    const file = readFileName(basename(path));
    if (file === undefined || this.#abort.signal.aborted) return;
    this.#queue
      .add(() => this.#load(path, file))
      .catch((error: unknown) => {
        // Also putting a refused file aside can fail: it may be gone by now, or the disk full.
        this.#options.logger.error(
          { err: error, event: 'sideload.failed', file: basename(path) },
          'a dropped file could not be moved',
        );
        this.#options.events.add('sideload.failed', null, `${basename(path)} could not be moved: ${messageOf(error)}`);
      });
  }

  async #load(path: string, file: SideloadFile): Promise<void> {
    const { control, events, logger } = this.#options;
    const name = basename(path);
    const dataset = file.kind === 'snapshot' ? file.dataset : null;
    events.add('sideload.found', dataset, `${name} was found in the sideload folder and is being loaded.`);
    try {
      const isVerified = await this.#verify(path, file);
      const result = await control.importRecords({
        source: bytesOf(path),
        sourceName: name,
        ...(file.kind === 'snapshot' ? { completeSnapshotOf: file.dataset } : {}),
        signal: this.#abort.signal,
      });
      await this.#moveTo('loaded', path);
      const checked = isVerified ? 'its checksum is right' : 'it came without a checksum, so only its structure could be checked';
      const message = `${name} is loaded: ${result.applied} records applied, ${result.unchanged} known, ${result.quarantined} set aside; ${checked}.`;
      events.add('sideload.loaded', dataset, message);
      logger.info({ event: 'sideload.loaded', file: name, ...result }, message);
    } catch (error) {
      if (this.#abort.signal.aborted || isAbortError(error)) return;
      logger.error({ err: error, event: 'sideload.failed', file: name }, 'a dropped file could not be loaded');
      events.add('sideload.failed', dataset, `${name} could not be loaded: ${messageOf(error)}`);
      await this.#moveTo('failed', path);
      await writeFile(join(this.#folder, 'failed', `${name}.txt`), `${messageOf(error)}\n`);
    }
  }

  /** Whether a checksum lay beside the file and is right. @throws MirrorError CHECKSUM_MISMATCH */
  async #verify(path: string, file: SideloadFile): Promise<boolean> {
    for (const checksumFile of file.checksumFiles) {
      const expected = await this.#checksumIn(join(dirname(path), checksumFile));
      if (expected === undefined) continue;
      const hash = createHash('md5');
      for await (const bytes of createReadStream(path, { highWaterMark: READ_CHUNK_BYTES, signal: this.#abort.signal }))
        hash.update(bytes as Buffer);
      const actual = hash.digest('hex');
      if (actual !== expected) {
        throw new MirrorError(
          'CHECKSUM_MISMATCH',
          `its MD5 is ${actual}, but ${checksumFile} says ${expected}. The copy is damaged or belongs to another file; copy it again.`,
          { retryable: false },
        );
      }
      return true;
    }
    return false;
  }

  async #checksumIn(path: string): Promise<string | undefined> {
    try {
      return readChecksum(await readFile(path, 'utf8'));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #moveTo(place: 'loaded' | 'failed', path: string): Promise<void> {
    const folder = join(this.#folder, place);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await rename(path, join(folder, basename(path)));
  }
}

/** Opens the file when it is read, not before: the error of one that is gone by then has somebody to catch it. */
async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  for await (const bytes of createReadStream(path, { highWaterMark: READ_CHUNK_BYTES })) yield bytes as Buffer;
}
