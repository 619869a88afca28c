/** Downloads of snapshots, chunks and batches: resumed, verified, and never more requests than needed (contract §7.3). */
import { createHash } from 'node:crypto';
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { MirrorError, isAbortError, messageOf } from '../../contracts/errors.ts';
import type { DownloadedFile, DownloadRequest } from '../../contracts/upstream-port.ts';
import { anySignal, throwIfAborted } from './abort.ts';
import { DownloadSource, strongEtag, type FileFacts, type SourceParts } from './download-source.ts';
import type { HttpResponse } from './http.ts';
import { PartFile, diskError, hashFile } from './part-file.ts';
import { DOWNLOAD_POLICY } from './retry-policy.ts';
import type { RetryRunner } from './retry-runner.ts';

/** After a crash at most this much is fetched again; each checkpoint costs one flush to disk. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
/** Four progress reports a second are enough for any display (house rule). */
const PROGRESS_INTERVAL_MS = 250;
/** A file that changes under our hands more often than this is being rewritten; come back later. */
const MAX_RESTARTS = 2;

export interface DownloaderParts extends SourceParts {
  /** Aborts when the client is closed. */
  readonly closing: AbortSignal;
  readonly retry: RetryRunner;
  readonly logger: Logger;
  /** Runs before the first request of a download: learns the account's caps. */
  readonly prepare: (signal: AbortSignal) => Promise<unknown>;
  /** Bytes free for us where `path` lies. */
  readonly freeBytes: (path: string) => Promise<number>;
  /** Bytes that must stay free. */
  readonly reserveBytes: number;
}

/** Free bytes of the file system that holds the directory of `path`, for users without special rights. */
export async function freeBytesAt(path: string): Promise<number> {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    try {
      const { bavail, bsize } = await statfs(directory);
      return bavail * bsize;
    } catch (error) {
      // The directory is made later; its nearest existing ancestor lies on the same disk.
      if (directory === dirname(directory)) throw diskError(error, path);
    }
  }
}

type Transfer = 'complete' | 'changed';

export class Downloader {
  readonly #parts: DownloaderParts;
  readonly #running = new Set<string>();

  constructor(parts: DownloaderParts) {
    this.#parts = parts;
  }

  /**
   * Fetches one file into place.
   * @throws MirrorError NOT_FOUND, FORBIDDEN, QUOTA_EXHAUSTED, CHECKSUM_MISMATCH, SNAPSHOT_CHANGED, NO_SPACE, STORE_IO, CONFLICT,
   *   UPSTREAM_*, or AbortError
   */
  async download(request: DownloadRequest): Promise<DownloadedFile> {
    const signal = anySignal(this.#parts.closing, request.signal);
    throwIfAborted(signal);
    if (this.#running.has(request.path)) {
      throw new MirrorError('CONFLICT', `${request.path} is being downloaded already.`);
    }
    this.#running.add(request.path);
    try {
      const existing = await this.#finishedEarlier(request, signal);
      if (existing !== undefined) return existing;
      await this.#parts.prepare(signal);
      const source = new DownloadSource(this.#parts, request.target);
      const report = progressReporter(request, this.#parts.now);
      return await this.#parts.retry.run(() => this.#attempt(request, source, report, signal), source.route, {
        signal,
        policy: DOWNLOAD_POLICY,
      });
    } finally {
      this.#running.delete(request.path);
    }
  }

  /** A file that is in place already and has the right MD5: an earlier run finished it and was stopped before it could say so. */
  async #finishedEarlier(request: DownloadRequest, signal: AbortSignal): Promise<DownloadedFile | undefined> {
    if (request.md5 === undefined) return undefined;
    let sizeBytes: number;
    try {
      const found = await stat(request.path);
      if (!found.isFile()) return undefined;
      sizeBytes = found.size;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw diskError(error, request.path);
    }
    const hash = createHash('md5');
    await hashFile(request.path, sizeBytes, hash, signal);
    if (hash.digest('hex') !== request.md5) return undefined;
    request.onProgress?.({ doneBytes: sizeBytes, totalBytes: sizeBytes });
    return { path: request.path, sizeBytes, md5: request.md5, lastModifiedMs: undefined };
  }

  /** One try: facts, the part that is there, the rest of the bytes, the check. Leaves a part that the next try continues. */
  async #attempt(
    request: DownloadRequest,
    source: DownloadSource,
    report: Reporter,
    signal: AbortSignal,
  ): Promise<DownloadedFile> {
    for (let restarts = 0; restarts <= MAX_RESTARTS; restarts += 1) {
      const facts = await source.head(signal);
      const identity = { etag: facts.etag, totalBytes: facts.sizeBytes, source: source.path, md5: request.md5 };
      const part = await PartFile.open(request.path, identity, signal);
      try {
        await this.#checkSpace(request.path, facts.sizeBytes - part.doneBytes);
        if ((await this.#transfer(part, source, facts, report, signal)) === 'complete') {
          return await this.#complete(part, request, facts);
        }
        await part.restart();
        this.#parts.logger.warn(
          { event: 'download.restarted', source: source.path, restarts: restarts + 1 },
          'the file upstream is no longer the one begun; starting over',
        );
      } finally {
        await part.close();
      }
    }
    throw new MirrorError(
      'SNAPSHOT_CHANGED',
      `${source.route}: the file changed ${MAX_RESTARTS + 1} times while it was fetched. A new generation is being written; it is tried again later.`,
    );
  }

  async #checkSpace(path: string, missingBytes: number): Promise<void> {
    const free = await this.#parts.freeBytes(path);
    const needed = missingBytes + this.#parts.reserveBytes;
    if (free >= needed) return;
    throw new MirrorError(
      'NO_SPACE',
      `Not enough space for ${path}: ${missingBytes} bytes are to come and ${this.#parts.reserveBytes} must stay free, but only ${free} are free. Free ${needed - free} bytes, or move the data directory.`,
      { context: { path, missingBytes, reserveBytes: this.#parts.reserveBytes, freeBytes: free } },
    );
  }

  async #transfer(
    part: PartFile,
    source: DownloadSource,
    facts: FileFacts,
    report: Reporter,
    signal: AbortSignal,
  ): Promise<Transfer> {
    report(part.doneBytes, facts.sizeBytes, 'always');
    if (part.doneBytes === facts.sizeBytes) return 'complete';
    const response = await source.open(part.doneBytes, facts.etag, signal);
    const continuation = judge(response, part.doneBytes, facts);
    if (continuation === 'changed') {
      await response.discard();
      return 'changed';
    }
    if (continuation === 'from-zero' && part.doneBytes > 0) {
      this.#parts.logger.warn(
        { event: 'download.not-resumed', source: source.path },
        'upstream sent the whole file instead of the rest',
      );
      await part.restart();
    }
    try {
      await receive(response, part, facts, report, source.route);
    } catch (error) {
      await this.#keepWhatIsThere(part, error);
      throw error;
    }
    return 'complete';
  }

  /** The failure that brought us here is the one to report; a part that cannot be kept only means more to fetch next time. */
  async #keepWhatIsThere(part: PartFile, failure: unknown): Promise<void> {
    try {
      await part.checkpoint();
    } catch (error) {
      this.#parts.logger.warn(
        { event: 'download.part-lost', reason: messageOf(error), after: isAbortError(failure) ? 'abort' : messageOf(failure) },
        'the unfinished download could not be saved',
      );
    }
  }

  async #complete(part: PartFile, request: DownloadRequest, facts: FileFacts): Promise<DownloadedFile> {
    const md5 = part.md5();
    if (request.md5 !== undefined && md5 !== request.md5) {
      await part.discard();
      throw new MirrorError(
        'CHECKSUM_MISMATCH',
        `${request.path}: the file received has MD5 ${md5}, upstream announced ${request.md5}. It was thrown away. Right after a publication the announcement can lag behind the file; read it again before the next try.`,
        { context: { expected: request.md5, actual: md5, sizeBytes: facts.sizeBytes } },
      );
    }
    await part.finish();
    this.#parts.logger.info(
      { event: 'download.finished', path: request.path, sizeBytes: facts.sizeBytes },
      'file downloaded and verified',
    );
    return { path: request.path, sizeBytes: facts.sizeBytes, md5, lastModifiedMs: facts.lastModifiedMs };
  }
}

/** Whether the answer continues the part, is the whole file anew, or belongs to another file than HEAD told of. */
function judge(response: HttpResponse, offset: number, facts: FileFacts): 'append' | 'from-zero' | 'changed' {
  const etag = strongEtag(response);
  if (etag !== undefined && facts.etag !== undefined && etag !== facts.etag) return 'changed';
  if (response.status === 206) {
    const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.header('content-range') ?? '');
    const isExact =
      offset > 0 &&
      Number(range?.[1]) === offset &&
      Number(range?.[3]) === facts.sizeBytes &&
      Number(range?.[2]) < facts.sizeBytes;
    return isExact ? 'append' : 'changed';
  }
  if (response.status !== 200) return 'changed';
  const length = response.header('content-length');
  return length === undefined || Number(length) === facts.sizeBytes ? 'from-zero' : 'changed';
}

async function receive(response: HttpResponse, part: PartFile, facts: FileFacts, report: Reporter, route: string): Promise<void> {
  let savedBytes = part.doneBytes;
  for await (const piece of response.bytes()) {
    if (part.doneBytes + piece.length > facts.sizeBytes) {
      throw new MirrorError('UPSTREAM_PROTOCOL', `${route} sent more than the ${facts.sizeBytes} bytes announced.`);
    }
    await part.write(piece);
    if (part.doneBytes - savedBytes >= CHECKPOINT_BYTES) {
      await part.checkpoint();
      savedBytes = part.doneBytes;
    }
    report(part.doneBytes, facts.sizeBytes);
  }
  if (part.doneBytes < facts.sizeBytes) {
    throw new MirrorError(
      'UPSTREAM_UNREACHABLE',
      `${route} ended after ${part.doneBytes} of ${facts.sizeBytes} bytes. It is continued from there.`,
    );
  }
  report(part.doneBytes, facts.sizeBytes, 'always');
}

type Reporter = (doneBytes: number, totalBytes: number, when?: 'always') => void;

function progressReporter(request: DownloadRequest, now: () => number): Reporter {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (doneBytes, totalBytes, when) => {
    if (request.onProgress === undefined) return;
    const nowMs = now();
    if (when === undefined && nowMs - lastMs < PROGRESS_INTERVAL_MS) return;
    lastMs = nowMs;
    request.onProgress({ doneBytes, totalBytes });
  };
}
