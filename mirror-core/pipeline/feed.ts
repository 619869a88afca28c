/**
 * Where unpacked bytes come from: a thread of its own for files worth it, this thread for the rest. Either way they
 * arrive in the ring, and what happened arrives as a sequence of messages, in order.
 */
import { createReadStream } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { type ErrorCode, isMirrorError, type JsonValue, messageOf } from '../contracts/errors.ts';
import { type RingMemory, RingWriter } from './ring.ts';
import { unpack, type UnpackResult } from './unpack.ts';

/** Places are counted in unpacked NDJSON bytes; `readBytes` in bytes of the file. */
export type FeedMessage =
  | { readonly kind: 'bytes'; readonly written: number; readonly readBytes: number }
  | { readonly kind: 'begin'; readonly place: number; readonly name: string; readonly mtimeMs: number }
  | { readonly kind: 'end'; readonly place: number }
  | { readonly kind: 'done'; readonly readBytes: number; readonly result: UnpackResult }
  | {
      readonly kind: 'failed';
      readonly readBytes: number;
      readonly code: ErrorCode;
      readonly message: string;
      readonly context: Readonly<Record<string, JsonValue>>;
    };

/** What the unpacking thread is started with. */
export interface FeedJob {
  readonly path: string;
  readonly name: string;
  readonly memory: RingMemory;
  readonly chunkBytes: number;
}

export interface Feed {
  /** Tells a feed on this thread that the ring has room again; the thread of its own is woken by the ring itself. */
  roomMade(): void;
  close(): Promise<void>;
}

/** 256 KiB: measured best for reading ahead of gunzip. */
const READ_BYTES = 256 * 1024;

export function openFile(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: READ_BYTES });
}

/**
 * Unpacks `source` into the ring and tells `post` about it; never rejects, a failure is the last message.
 * @param waitForRoom called when the ring is full, after everything in it has been announced
 * @param stop ends the work, and the reading of `source`, with the next bytes
 */
export async function runFeed(
  source: AsyncIterable<Uint8Array>,
  options: { readonly name: string; readonly memory: RingMemory; readonly chunkBytes: number },
  waitForRoom: (writer: RingWriter) => Promise<void> | void,
  post: (message: FeedMessage) => void,
  stop?: AbortSignal,
): Promise<void> {
  const writer = new RingWriter(options.memory);
  let readBytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of source) {
      readBytes += piece.length;
      yield piece;
    }
  }
  try {
    const result = await unpack(counted(), options.name, options.chunkBytes, {
      beginMember: (name, mtimeMs) => post({ kind: 'begin', place: writer.written, name, mtimeMs }),
      endMember: () => post({ kind: 'end', place: writer.written }),
      write: async (bytes) => {
        let rest = bytes;
        while (rest.length > 0) {
          stop?.throwIfAborted();
          const taken = writer.put(rest);
          rest = rest.subarray(taken);
          if (taken > 0) post({ kind: 'bytes', written: writer.written, readBytes });
          else await waitForRoom(writer);
        }
      },
    });
    post({ kind: 'done', readBytes, result });
  } catch (error) {
    if (isMirrorError(error))
      post({ kind: 'failed', readBytes, code: error.code, message: error.message, context: error.context });
    else post({ kind: 'failed', readBytes, code: readFailureCode(error), message: messageOf(error), context: {} });
  }
}

/** A file that is not there or cannot be read is the user's to mend; anything else is a fault of ours. */
function readFailureCode(error: unknown): ErrorCode {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'NOT_FOUND';
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? 'STORE_IO' : 'INTERNAL';
}

/** Unpacks on a thread of its own. */
export function startThreadFeed(job: FeedJob, onMessage: (message: FeedMessage) => void): Feed {
  const worker = new Worker(new URL('./unpack-worker' + (import.meta.url.endsWith('.ts') ? '.ts' : '.js'), import.meta.url), {
    workerData: job,
    name: 'unpack',
    // Pieces of output are freed when the small objects around them are collected: soon, with little room for those.
    resourceLimits: { maxYoungGenerationSizeMb: 1 },
  });
  let isClosed = false;
  const fail = (message: string): void => {
    if (!isClosed) onMessage({ kind: 'failed', readBytes: 0, code: 'INTERNAL', message, context: {} });
  };
  worker.on('message', (message: FeedMessage) => {
    if (!isClosed) onMessage(message);
  });
  worker.on('error', (error) => fail(`the unpacking thread failed: ${messageOf(error)}`));
  return {
    roomMade: () => undefined,
    close: async () => {
      isClosed = true;
      await worker.terminate();
    },
  };
}

/** Unpacks on this thread (zlib itself works in the runtime's pool). */
export function startLocalFeed(
  source: AsyncIterable<Uint8Array>,
  options: { readonly name: string; readonly memory: RingMemory; readonly chunkBytes: number },
  onMessage: (message: FeedMessage) => void,
): Feed {
  let wake: (() => void) | undefined;
  const stop = new AbortController();
  // Never rejects. Not waited for on closing: a source that yields nothing more would keep the caller for ever.
  void runFeed(
    source,
    options,
    () => new Promise<void>((resolve) => (wake = resolve)),
    (message) => {
      if (!stop.signal.aborted) onMessage(message);
    },
    stop.signal,
  );
  return {
    roomMade: () => wake?.(),
    close: () => {
      stop.abort();
      wake?.();
      return Promise.resolve();
    },
  };
}
