/** gunzip as an async generator that loses nothing: what was unpacked before the input turned out broken is yielded first. */
import { createGunzip } from 'node:zlib';
import { MirrorError } from '../contracts/errors.ts';

/** gzip cannot exceed 1032:1; real articles are near 5:1. Judged only after this much output, as short runs may shrink that far. */
const MAX_RATIO = 1000;
const RATIO_GRACE_BYTES = 100_000_000;

export interface InflateOptions {
  /** Size of output pieces: 1 MiB for speed with large files, less where losing the last piece of a broken file matters more. */
  readonly chunkBytes: number;
  /** Bytes of a complete gzip member are followed by something that is none. */
  readonly onTrailingBytes: () => void;
}

/** The input behind a complete gzip member is not gzip. Whether that matters depends on what the member held. */
export class TrailingBytesError extends MirrorError {
  constructor(message: string, byte: number) {
    super('ARCHIVE_DAMAGED', message, { context: { byte } });
  }
}

/**
 * Unpacks gzip, concatenated members included. Zero bytes behind the last member are padding and ignored.
 * @throws MirrorError ARCHIVE_DAMAGED — truncated, corrupt, or unpacking without bound; with the byte of the input in `context.byte`
 */
export async function* inflate(
  source: AsyncIterable<Uint8Array>,
  options: InflateOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: options.chunkBytes });
  let outputs: Buffer[] = [];
  let unpackedBytes = 0;
  let receivedBytes = 0;
  const outcome: { failure?: Error; isEnded: boolean } = { isEnded: false };
  gunzip.on('data', (chunk: Buffer) => {
    outputs.push(chunk);
    unpackedBytes += chunk.length;
    if (unpackedBytes > RATIO_GRACE_BYTES && unpackedBytes > MAX_RATIO * receivedBytes) {
      gunzip.destroy(new RangeError(`it unpacks to more than ${MAX_RATIO} times its size, which no article file does`));
    }
  });
  gunzip.on('error', (error) => (outcome.failure = error));
  gunzip.on('end', () => (outcome.isEnded = true));

  /** Settles when the piece is worked off; zlib does not call back for input behind the end, hence the other two. */
  const settled = (start: (done: () => void) => void): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        gunzip.off('end', done).off('close', done);
        resolve();
      };
      gunzip.once('end', done).once('close', done);
      start(done);
    });

  try {
    // One piece is being unpacked while the output of the one before is handed on.
    for await (const piece of source) {
      const ready = outputs;
      outputs = [];
      receivedBytes += piece.length;
      const working = settled((done) => gunzip.write(piece, done));
      yield* ready;
      await working;
      if (outcome.isEnded || outcome.failure !== undefined) break;
    }
    if (outcome.isEnded) options.onTrailingBytes();
    else if (outcome.failure === undefined) await settled(() => gunzip.end());
    yield* outputs;
    if (outcome.failure !== undefined) throw damage(outcome.failure, gunzip.bytesWritten, unpackedBytes);
  } finally {
    gunzip.destroy();
  }
}

function damage(error: Error, byte: number, unpackedBytes: number): MirrorError {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'Z_BUF_ERROR') {
    return new MirrorError('ARCHIVE_DAMAGED', `the gzip data ends early, after ${byte} bytes: the file is incomplete`, {
      cause: error,
      context: { byte, unpackedBytes },
    });
  }
  const message = `the gzip data is damaged near byte ${byte}: ${error.message}`;
  if (unpackedBytes > 0 && error.message === 'incorrect header check') return new TrailingBytesError(message, byte);
  return new MirrorError('ARCHIVE_DAMAGED', message, { cause: error, context: { byte, unpackedBytes } });
}
