/** From an article file, or a stream of one, to records ready to be stored. */
import { stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import type { Codec } from '../contracts/article.ts';
import { messageOf, MirrorError } from '../contracts/errors.ts';
import { MAX_RECORD_BYTES } from '../contracts/limits.ts';
import { openFile, startLocalFeed, startThreadFeed } from './feed.ts';
import type { BadLine } from './line-splitter.ts';
import { type ReadSummary, type RecordBatch, RecordReader } from './record-reader.ts';

export type { BadLine, ReadSummary, RecordBatch };

/** A file by its path, or bytes from elsewhere: exactly one of the two. */
export interface RecordSource {
  readonly path?: string;
  readonly bytes?: AsyncIterable<Uint8Array>;
  /** For messages and bad lines. */
  readonly name: string;
}

export interface ReadOptions {
  readonly codec: Codec;
  readonly signal: AbortSignal;
  /** Called for each line that cannot be stored; the reading goes on. */
  readonly onBadLine: (bad: BadLine) => void;
  /** Threads that compress; by default one per core but one, at most 8. */
  readonly workers?: number;
  /** Longer lines are bad lines. */
  readonly maxLineBytes?: number;
  /** Memory between unpacking and compressing; never less than the longest line and the byte that shows where it ends. */
  readonly ringBytes?: number;
}

/** Upstream's limit holds for the record in its queue; the line may be a little longer by escapes. */
const MAX_LINE_BYTES = MAX_RECORD_BYTES + 1024 * 1024;
/** Holds the longest line and a tenth of a second of an ordinary load; 32 and 64 MiB were no faster and cost as much memory more. */
const RING_BYTES = 24 * 1024 * 1024;
/** Starting threads takes some 50 ms, in which one thread is through with this much (measured: 0.3 MB of gzip, 1.5 MB of lines). */
const SMALL_FILE_BYTES = 256 * 1024;
const SMALL_RAW_BYTES = 1024 * 1024;
const MAX_WORKERS = 8;
/**
 * Pieces of unpacked bytes. Those of 256 KiB are unpacked as fast as those of 1 MiB and leave 40 MB less for the collector;
 * of a corrupt file the piece with the damage is lost, hence smaller ones where they cost nothing.
 */
const LARGE_CHUNK_BYTES = 256 * 1024;
const SMALL_CHUNK_BYTES = 32 * 1024;

/**
 * Reads all records of `source`: tar.gz, tar, gzipped or plain NDJSON, told apart by content. Bytes are kept as received; order is the
 * file's. Memory is bounded whatever the size. Threads are ended when the generator ends, however it does.
 * @returns when all is read, what was in it; `isDamaged` when too many lines were bad
 * @throws MirrorError ARCHIVE_DAMAGED (after the good records before the damaged place), NOT_FOUND, STORE_IO;
 *   the signal's reason when aborted
 */
export async function* readRecords(
  source: RecordSource,
  options: ReadOptions,
): AsyncGenerator<RecordBatch, ReadSummary, undefined> {
  const { codec, signal, onBadLine } = options;
  signal.throwIfAborted();
  const maxLineBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
  const fileBytes = source.path === undefined ? undefined : await sizeOf(source.path, source.name);
  const isLarge = fileBytes !== undefined && fileBytes > SMALL_FILE_BYTES;
  const reader = new RecordReader({
    name: source.name,
    codec,
    onBadLine,
    maxLineBytes,
    ringBytes: Math.max(options.ringBytes ?? RING_BYTES, maxLineBytes + 1),
    workers: options.workers ?? Math.min(MAX_WORKERS, Math.max(1, availableParallelism() - 1)),
    localBytes: isLarge ? 0 : SMALL_RAW_BYTES,
  });
  const onAbort = (): void => reader.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    reader.start((memory, onMessage) => {
      const { name, path } = source;
      if (path !== undefined && isLarge) return startThreadFeed({ path, name, memory, chunkBytes: LARGE_CHUNK_BYTES }, onMessage);
      const bytes = path === undefined ? source.bytes : openFile(path);
      if (bytes === undefined) throw new MirrorError('USAGE', `${name}: neither a path nor bytes were given to read`);
      return startLocalFeed(
        bytes,
        { name, memory, chunkBytes: path === undefined ? LARGE_CHUNK_BYTES : SMALL_CHUNK_BYTES },
        onMessage,
      );
    });
    for (;;) {
      const batch = reader.take();
      if (batch !== undefined) yield batch;
      else if (reader.isFinished) return reader.summary();
      else await reader.changed();
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    await reader.close();
  }
}

async function sizeOf(path: string, name: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw new MirrorError('NOT_FOUND', `${name} cannot be read: ${messageOf(error)}`, { cause: error, context: { file: name } });
  }
}
