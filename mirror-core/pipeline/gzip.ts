/**
 * gunzip as an async generator that loses nothing: whatever was unpacked before the input turned out broken is yielded first. The
 * runtime's own gunzip drops the output of the call that fails, which with large pieces is the last megabyte of records, and
 * cannot tell a broken member from bytes that follow a complete one. So the gzip frame (RFC 1952) is read here and only the
 * deflate data within is left to zlib.
 */
import { crc32, createInflateRaw } from 'node:zlib';
import { MirrorError } from '../contracts/errors.ts';

/** gzip cannot exceed 1032:1; real articles are near 5:1. Judged only after this much output, as short runs may shrink that far. */
const MAX_RATIO = 1000;
const RATIO_GRACE_BYTES = 100_000_000;

const FLAG = { headerCrc: 2, extra: 4, name: 8, comment: 16 } as const;
const TRAILER_BYTES = 8;

/** The input behind a complete gzip member is not gzip. Whether that matters depends on what the members held. */
export class TrailingBytesError extends MirrorError {}

export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * Unpacks gzip, concatenated members included. Zero bytes behind the last member are padding and ignored.
 * What comes just before a damaged place may itself be damaged: gzip has its checksum at the end of the member only.
 * @param chunkBytes size of the output pieces; the larger, the faster
 * @throws MirrorError ARCHIVE_DAMAGED — truncated, corrupt, or unpacking without bound; with the byte of the input in `context.byte`
 */
export async function* gunzip(
  source: AsyncIterable<Uint8Array>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new Input(source);
  const total = { bytes: 0 };
  try {
    for (let isFirst = true; ; isFirst = false) {
      if (!isFirst && !(await skipPadding(input))) return;
      await readHeader(input, isFirst);
      yield* readMember(input, chunkBytes, total);
    }
  } finally {
    await input.close();
  }
}

/** Bytes of the source, taken in any portions. */
class Input {
  /** Bytes taken so far. */
  position = 0;
  #rest: Uint8Array = new Uint8Array(0);
  readonly #iterator: AsyncIterator<Uint8Array>;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** What there is, at least one byte; `undefined` at the end. */
  async piece(): Promise<Uint8Array | undefined> {
    while (this.#rest.length === 0) {
      const step = await this.#iterator.next();
      if (step.done === true) return undefined;
      this.#rest = step.value;
    }
    const piece = this.#rest;
    this.#rest = new Uint8Array(0);
    this.position += piece.length;
    return piece;
  }

  /** Gives back the unused end of the last piece. */
  putBack(rest: Uint8Array): void {
    this.#rest = rest;
    this.position -= rest.length;
  }

  async byte(): Promise<number> {
    const piece = await this.piece();
    if (piece === undefined) throw truncated(this.position);
    this.putBack(piece.subarray(1));
    return piece[0] ?? 0;
  }

  async take(count: number): Promise<Buffer> {
    const taken = Buffer.alloc(count);
    for (let index = 0; index < count; index += 1) taken[index] = await this.byte();
    return taken;
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/** Goes behind zero bytes; `false` when nothing else is left. */
async function skipPadding(input: Input): Promise<boolean> {
  for (;;) {
    const piece = await input.piece();
    if (piece === undefined) return false;
    const first = piece.findIndex((byte) => byte !== 0);
    if (first < 0) continue;
    input.putBack(piece.subarray(first));
    return true;
  }
}

async function readHeader(input: Input, isFirst: boolean): Promise<void> {
  const start = input.position;
  const magic = [await input.byte()];
  // What follows a member is judged by its first bytes alone, however few they are.
  if (magic[0] === 0x1f) magic.push(await input.byte());
  if (magic[1] !== 0x8b) {
    const message = `bytes that are not gzip follow the gzip data at byte ${start}`;
    if (isFirst) throw damaged(start, 'there is no gzip header');
    throw new TrailingBytesError('ARCHIVE_DAMAGED', message, { context: { byte: start } });
  }
  const fixed = await input.take(8);
  const flags = fixed[1] ?? 0;
  if (fixed[0] !== 8 || (flags & 0xe0) !== 0) throw damaged(start, 'the gzip header is not one this program knows');
  if ((flags & FLAG.extra) !== 0) await input.take((await input.take(2)).readUInt16LE());
  if ((flags & FLAG.name) !== 0) while ((await input.byte()) !== 0);
  if ((flags & FLAG.comment) !== 0) while ((await input.byte()) !== 0);
  if ((flags & FLAG.headerCrc) !== 0) await input.take(2);
}

async function* readMember(
  input: Input,
  chunkBytes: number,
  total: { bytes: number },
): AsyncGenerator<Uint8Array, void, undefined> {
  const inflate = createInflateRaw({ chunkSize: chunkBytes });
  const start = input.position;
  const state: { outputs: Buffer[]; failure?: Error; isEnded: boolean } = { outputs: [], isEnded: false };
  let memberBytes = 0;
  let checksum = 0;
  inflate.on('data', (chunk: Buffer) => {
    state.outputs.push(chunk);
    memberBytes += chunk.length;
    total.bytes += chunk.length;
    if (total.bytes > RATIO_GRACE_BYTES && total.bytes > MAX_RATIO * input.position) {
      inflate.destroy(new RangeError(`it unpacks to more than ${MAX_RATIO} times its size, which no article file does`));
    }
  });
  inflate.on('error', (error) => (state.failure = error));
  const failure = (): Error | undefined => state.failure;
  const isEnded = (): boolean => state.isEnded;
  inflate.on('end', () => (state.isEnded = true));

  /** Settles when the piece is worked off; zlib does not call back for input behind the end, hence the other two. */
  const settled = (begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        inflate.off('end', done).off('close', done);
        resolve();
      };
      inflate.once('end', done).once('close', done);
      begin(done);
    });
  function* handOn(): Generator<Uint8Array, void, undefined> {
    const ready = state.outputs;
    state.outputs = [];
    for (const chunk of ready) {
      checksum = crc32(chunk, checksum);
      yield chunk;
    }
  }

  try {
    while (!isEnded() && failure() === undefined) {
      const piece = await input.piece();
      if (piece === undefined) {
        yield* handOn();
        throw truncated(input.position);
      }
      // One piece is being unpacked while the output of the one before is handed on.
      const working = settled((done) => inflate.write(piece, done));
      yield* handOn();
      await working;
      if (isEnded()) input.putBack(piece.subarray(piece.length - (input.position - start - inflate.bytesWritten)));
    }
    yield* handOn();
    const cause = failure();
    if (cause !== undefined) throw damaged(start + inflate.bytesWritten, cause.message, cause);
  } finally {
    inflate.destroy();
  }
  const trailer = await input.take(TRAILER_BYTES);
  if (trailer.readUInt32LE(0) !== checksum || trailer.readUInt32LE(4) !== memberBytes % 2 ** 32) {
    throw damaged(input.position - TRAILER_BYTES, 'the unpacked data does not have the checksum stated there');
  }
}

function truncated(byte: number): MirrorError {
  return new MirrorError('ARCHIVE_DAMAGED', `the gzip data ends early, after ${byte} bytes: the file is incomplete`, {
    context: { byte },
  });
}

function damaged(byte: number, reason: string, cause?: Error): MirrorError {
  const message = `the gzip data is damaged near byte ${byte}: ${reason}`;
  return new MirrorError('ARCHIVE_DAMAGED', message, cause === undefined ? { context: { byte } } : { cause, context: { byte } });
}
