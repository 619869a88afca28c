/** From a file's bytes to the NDJSON inside, whatever of gzip and tar lies around it; told apart by content, never by name. */
import { setImmediate } from 'node:timers/promises';
import * as tar from 'tar-stream';
import { messageOf, MirrorError } from '../contracts/errors.ts';
import { gunzip, isGzip, TrailingBytesError } from './gzip.ts';

export type ArchiveFormat = 'tar.gz' | 'tar' | 'ndjson.gz' | 'ndjson';

export interface UnpackSink {
  beginMember(name: string, mtimeMs: number): void;
  /** Must have taken the bytes when the promise resolves: their memory is used again. */
  write(bytes: Uint8Array): Promise<void> | void;
  endMember(): void;
}

export interface UnpackResult {
  readonly format: ArchiveFormat;
  /** Something follows the end of the archive; it was not read. */
  readonly hasTrailingGarbage: boolean;
  /** Directories, links and files that are no NDJSON. */
  readonly skippedEntries: number;
}

const BLOCK_BYTES = 512;
const NDJSON_NAME = /(?:^|\/)[^./][^/]*\.(?:ndjson|jsonl|json)$/i;

/**
 * Unpacks `source` into `sink`, in order. Everything good before a damaged place has reached the sink when this throws.
 * @param name what the content is called where there is no archive that says
 * @throws MirrorError ARCHIVE_DAMAGED — truncated, corrupt or not an article file at all
 */
export async function unpack(
  source: AsyncIterable<Uint8Array>,
  name: string,
  chunkBytes: number,
  sink: UnpackSink,
): Promise<UnpackResult> {
  const input = await peek(source, 2);
  const isPacked = isGzip(input.head);
  const content = await peek(isPacked ? gunzip(input.all, chunkBytes) : input.all, BLOCK_BYTES);
  if (isTarHeader(content.head)) {
    const tail = await untar(content.all, sink);
    return {
      format: isPacked ? 'tar.gz' : 'tar',
      hasTrailingGarbage: tail.hasTrailingGarbage,
      skippedEntries: tail.skipped,
    };
  }
  if (content.head.includes(0)) {
    throw new MirrorError('ARCHIVE_DAMAGED', `${name} holds binary data: neither gzip, nor tar, nor NDJSON`);
  }
  sink.beginMember(name, 0);
  for await (const chunk of content.all) await sink.write(chunk);
  sink.endMember();
  return { format: isPacked ? 'ndjson.gz' : 'ndjson', hasTrailingGarbage: false, skippedEntries: 0 };
}

interface Peeked {
  /** At least the bytes asked for, unless there are fewer. */
  readonly head: Buffer;
  /** The whole content, the head included. */
  readonly all: AsyncGenerator<Uint8Array, void, undefined>;
}

async function peek(source: AsyncIterable<Uint8Array>, wantedBytes: number): Promise<Peeked> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let failure: Error | undefined;
  while (length < wantedBytes) {
    try {
      const step = await iterator.next();
      if (step.done === true) break;
      chunks.push(step.value);
      length += step.value.length;
    } catch (error) {
      // The few bytes before the damage still count; who reads on gets the error.
      failure = error instanceof Error ? error : new Error(messageOf(error));
      break;
    }
  }
  async function* all(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* chunks;
      if (failure !== undefined) throw failure;
      for (let step = await iterator.next(); step.done !== true; step = await iterator.next()) yield step.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(chunks), all: all() };
}

/** The checksum is in every tar format, older ones without the word `ustar` included. */
function isTarHeader(head: Buffer): boolean {
  if (head.length < BLOCK_BYTES) return false;
  let sum = 0;
  for (let at = 0; at < BLOCK_BYTES; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (head[at] ?? 0);
  const stated = /^ *([0-7]+)[ \0]*$/.exec(head.toString('latin1', 148, 156))?.[1];
  return stated !== undefined && Number.parseInt(stated, 8) === sum;
}

/** What tar-stream said about the chunk just given to it, in order. */
type TarPiece =
  | { readonly kind: 'begin'; readonly name: string; readonly mtimeMs: number }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' };

/** Archives from before the word `ustar` are read too; the option is missing from the library's types. */
const TAR_OPTIONS = { allowUnknownFormat: true, highWaterMark: 16 * 1024 };

async function untar(
  content: AsyncIterable<Uint8Array>,
  sink: UnpackSink,
): Promise<{ skipped: number; hasTrailingGarbage: boolean }> {
  const extract = tar.extract(TAR_OPTIONS);
  const state = {
    pieces: new Array<TarPiece>(),
    failure: undefined as Error | undefined,
    skipped: 0,
    openEntries: 0,
    position: 0,
    zeros: 0,
  };
  extract.on('error', (error) => (state.failure = error));
  extract.on('entry', (header, stream, next) => {
    state.openEntries += 1;
    const isWanted = (header.type === 'file' || header.type === 'contiguous-file') && NDJSON_NAME.test(header.name);
    if (isWanted) state.pieces.push({ kind: 'begin', name: header.name, mtimeMs: header.mtime.getTime() });
    else state.skipped += 1;
    stream.on('error', (error) => (state.failure ??= error));
    stream.on('data', (bytes) => {
      if (isWanted && bytes instanceof Uint8Array) state.pieces.push({ kind: 'bytes', bytes });
    });
    stream.on('end', () => {
      state.openEntries -= 1;
      if (isWanted) state.pieces.push({ kind: 'end' });
      next();
    });
  });
  const handOn = async (): Promise<void> => {
    for (const piece of state.pieces) {
      if (piece.kind === 'bytes') await sink.write(piece.bytes);
      else if (piece.kind === 'begin') sink.beginMember(piece.name, piece.mtimeMs);
      else sink.endMember();
    }
    state.pieces = [];
  };
  /** Starts something and waits for tar-stream to be through with it. Pieces come in microtasks: all are here at the next turn. */
  const settled = async (start: () => boolean): Promise<void> => {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        extract.off('drain', done).off('close', done);
        resolve();
      };
      extract.once('drain', done).once('close', done);
      if (start()) done();
    });
    await setImmediate();
  };

  try {
    for await (const chunk of content) {
      await settled(() => extract.write(chunk));
      state.position += chunk.length;
      state.zeros = trailingZeros(chunk, state.zeros);
      await handOn();
      if (state.failure !== undefined) throw tarDamage(state.failure, state.position);
    }
  } catch (error) {
    // Two zero blocks end an archive: then nothing is missing, whatever follows the compressed data.
    const isComplete = error instanceof TrailingBytesError && state.openEntries === 0 && state.zeros >= 2 * BLOCK_BYTES;
    extract.destroy();
    if (!isComplete) throw error;
    return { skipped: state.skipped, hasTrailingGarbage: true };
  }
  await settled(() => {
    extract.end(undefined);
    return false;
  });
  await handOn();
  if (state.failure !== undefined) throw tarDamage(state.failure, state.position);
  return { skipped: state.skipped, hasTrailingGarbage: false };
}

function trailingZeros(chunk: Uint8Array, before: number): number {
  let zeros = 0;
  while (zeros < chunk.length && zeros < 2 * BLOCK_BYTES && chunk[chunk.length - 1 - zeros] === 0) zeros += 1;
  return zeros === chunk.length ? before + zeros : zeros;
}

function tarDamage(error: Error, position: number): MirrorError {
  const isShort = error.message === 'Unexpected end of data';
  const message = isShort
    ? `the tar archive ends early, after ${position} unpacked bytes: the file is incomplete`
    : `the tar archive is damaged before unpacked byte ${position}: ${error.message}`;
  return new MirrorError('ARCHIVE_DAMAGED', message, { cause: error, context: { byte: position } });
}
