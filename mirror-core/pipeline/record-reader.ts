/**
 * The coordinator of one load. It takes what the feed put into the ring, cuts it into lines, takes their keys, gives jobs of lines to
 * the compressor and collects the results in order. Everything happens in `#pump`, which runs whenever something has changed, so the
 * threads stay busy while the consumer is storing the batch before.
 *
 * Backpressure: a place in the ring is released when all before it is compressed. Jobs start only while few are unconsumed; so a slow
 * consumer fills the ring, a full ring blocks the feed, and memory stays the same however large the file is.
 */
import type { Codec, EncodedRecord, RecordKeys } from '../contracts/article.ts';
import { isMirrorError, MirrorError } from '../contracts/errors.ts';
import { laterOf, type UpstreamTime } from '../contracts/upstream-time.ts';
import { scanRecord } from '../records/scan.ts';
import { HASH_BYTES, type CompressedLines } from './compress-lines.ts';
import { type Compressor, createCompressorPool, createLocalCompressor } from './compressor.ts';
import type { Feed, FeedMessage } from './feed.ts';
import { type BadLine, LineSplitter } from './line-splitter.ts';
import { createRing, type RingMemory, RingReader } from './ring.ts';
import type { ArchiveFormat, UnpackResult } from './unpack.ts';

/** Some records, in the order of the file. */
export interface RecordBatch {
  readonly records: readonly EncodedRecord[];
  /** Bytes of the file consumed so far. */
  readonly readBytes: number;
  /** Bytes of records so far, as received. */
  readonly rawBytes: number;
  /** Lines seen so far. */
  readonly lines: number;
}

export interface ArchiveMember {
  readonly name: string;
  /** Ms since the epoch; 0 where there is no archive that says. */
  readonly mtimeMs: number;
}

export interface ReadSummary {
  readonly format: ArchiveFormat;
  /** All lines, bad and blank ones included. */
  readonly lines: number;
  readonly blankLines: number;
  readonly records: number;
  readonly badLines: number;
  /** Too many bad lines to be chance (article-schema §12): the caller decides what that means. */
  readonly isDamaged: boolean;
  /** Bytes of all records, as received, without line ends. */
  readonly rawBytes: number;
  /** Bytes of the file. */
  readonly compressedBytes: number;
  readonly members: readonly ArchiveMember[];
  /** Entries of the archive that are no NDJSON; they were passed over. */
  readonly skippedEntries: number;
  /** Latest `event.date_published` of all records. */
  readonly maxPublished: UpstreamTime | undefined;
  /** Something follows the end of the archive and was ignored. */
  readonly hasTrailingGarbage: boolean;
}

export interface ReaderSettings {
  readonly name: string;
  readonly codec: Codec;
  readonly maxLineBytes: number;
  readonly ringBytes: number;
  readonly workers: number;
  /** Raw bytes of lines that are compressed on this thread before threads are started for the rest. */
  readonly localBytes: number;
  readonly onBadLine: (bad: BadLine) => void;
}

/** Raw bytes of one job: large enough that handing it over costs nothing, small enough to keep all threads busy. */
const JOB_BYTES = 2 * 1024 * 1024;
/** Finished batches that may wait for the consumer, beyond the jobs in work: rides out a slow commit. */
const READY_BATCHES = 8;

/** Upstream's own measure of a damaged file (article-schema §12). */
const BAD_LINE_SHARE = 1 / 10_000;
/** In a small file one or two bad lines exceed any share and still are two bad lines. */
const BAD_LINES_TOLERATED = 2;

interface Job {
  readonly id: number;
  readonly start: number;
  readonly places: number[];
  readonly keys: RecordKeys[];
  rawBytes: number;
  progress: Omit<RecordBatch, 'records'>;
  result?: CompressedLines;
}

export class RecordReader {
  readonly memory: RingMemory;
  readonly #settings: ReaderSettings;
  readonly #ring: RingReader;
  readonly #splitter: LineSplitter;
  #compressor: Compressor;
  #isPool = false;
  #feed: Feed | undefined;
  #isClosed = false;

  readonly #marks: (FeedMessage & { readonly kind: 'begin' | 'end' })[] = [];
  #written = 0;
  #readBytes = 0;
  #result: UnpackResult | undefined;
  /** Raised once all good records are consumed. */
  #feedFailure: MirrorError | undefined;
  /** Raised at once: abort, or a fault on our side. */
  #failure: { readonly reason: unknown } | undefined;

  #open: Job | undefined;
  /** Submitted and not consumed, in order. */
  readonly #jobs: Job[] = [];
  #nextId = 0;
  #wake: (() => void) | undefined;

  readonly #members: ArchiveMember[] = [];
  #records = 0;
  #badLines = 0;
  #rawBytes = 0;
  #maxPublished: UpstreamTime | undefined;

  constructor(settings: ReaderSettings) {
    this.#settings = settings;
    this.memory = createRing(settings.ringBytes, settings.maxLineBytes);
    this.#ring = new RingReader(this.memory);
    this.#splitter = new LineSplitter(this.#ring, settings.maxLineBytes, {
      line: (offset, length, start) => this.#takeLine(offset, length, start),
      bad: (bad) => this.#reportBad(bad),
    });
    this.#compressor = createLocalCompressor({ memory: this.memory, codec: settings.codec }, this.#onCompressed);
    if (settings.localBytes === 0) this.#startPool();
  }

  start(startFeed: (memory: RingMemory, onMessage: (message: FeedMessage) => void) => Feed): void {
    this.#feed = startFeed(this.memory, (message) => this.#onMessage(message));
  }

  /** The next batch that is ready. */
  take(): RecordBatch | undefined {
    this.#throwFailure();
    const job = this.#jobs[0];
    if (job?.result === undefined) return undefined;
    this.#jobs.shift();
    const records = encodedRecords(job, job.result, this.#settings.codec);
    this.#pump();
    return { ...job.progress, records };
  }

  /** Everything was consumed. Throws what stopped the feed, if something did. */
  get isFinished(): boolean {
    this.#throwFailure();
    const isThrough = this.#jobs.length === 0 && this.#open === undefined && this.#marks.length === 0;
    if (!isThrough || (this.#result === undefined && this.#feedFailure === undefined)) return false;
    if (this.#feedFailure !== undefined) throw this.#feedFailure;
    return true;
  }

  /** Resolves when there may be something new to take. */
  changed(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  summary(): ReadSummary {
    const result = this.#result;
    if (result === undefined) throw new MirrorError('INTERNAL', `${this.#settings.name} was summed up before it was read`);
    const { lines, blankLines } = this.#splitter;
    const isDamaged = this.#badLines > BAD_LINES_TOLERATED && this.#badLines > lines * BAD_LINE_SHARE;
    return {
      format: result.format,
      lines,
      blankLines,
      records: this.#records,
      badLines: this.#badLines,
      isDamaged: isDamaged || (this.#badLines > 0 && this.#records === 0),
      rawBytes: this.#rawBytes,
      compressedBytes: this.#readBytes,
      members: this.#members,
      skippedEntries: result.skippedEntries,
      maxPublished: this.#maxPublished,
      hasTrailingGarbage: result.hasTrailingGarbage,
    };
  }

  /** Stops at once; the next `take` throws `reason`. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#signal();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#feed?.close(), this.#compressor.close()]);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.reason;
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  #onMessage(message: FeedMessage): void {
    switch (message.kind) {
      case 'bytes':
        this.#written = message.written;
        this.#readBytes = message.readBytes;
        break;
      case 'begin':
      case 'end':
        this.#marks.push(message);
        break;
      case 'done':
        this.#readBytes = message.readBytes;
        this.#result = message.result;
        break;
      case 'failed': {
        const { name } = this.#settings;
        this.#feedFailure ??= new MirrorError(message.code, `${name}: ${message.message}`, {
          context: { ...message.context, file: name },
        });
        break;
      }
    }
    this.#pump();
  }

  readonly #onCompressed = (id: number, outcome: CompressedLines | MirrorError): void => {
    if (isMirrorError(outcome)) this.fail(outcome);
    else {
      const job = this.#jobs.find((candidate) => candidate.id === id);
      if (job !== undefined) job.result = outcome;
    }
    this.#pump();
  };

  #isPumping = false;

  #pump(): void {
    // The local compressor answers within `submit`, from inside the pump.
    if (this.#isPumping || this.#isClosed || this.#failure !== undefined) return;
    this.#isPumping = true;
    try {
      this.#readLines();
      const isLast = this.#result !== undefined || this.#feedFailure !== undefined;
      if (this.#open !== undefined && this.#hasRoom && (isLast || this.#compressor.isIdle)) this.#submit(this.#open);
      this.#release();
    } catch (error) {
      this.fail(error);
    } finally {
      this.#isPumping = false;
    }
    this.#signal();
  }

  #readLines(): void {
    for (;;) {
      const mark = this.#marks[0];
      if (!this.#splitter.advance(mark?.place ?? this.#written, this.#shouldPause) || mark === undefined) return;
      this.#marks.shift();
      if (mark.kind === 'end') this.#splitter.endMember(mark.place);
      else {
        this.#splitter.beginMember(mark.name);
        this.#members.push({ name: mark.name, mtimeMs: mark.mtimeMs });
      }
    }
  }

  get #hasRoom(): boolean {
    return this.#jobs.length < this.#settings.workers * 2 + READY_BATCHES && this.#compressor.hasCapacity;
  }

  readonly #shouldPause = (): boolean => {
    if (this.#open === undefined || this.#open.rawBytes < JOB_BYTES) return false;
    if (!this.#hasRoom) return true;
    this.#submit(this.#open);
    return false;
  };

  #takeLine(offset: number, length: number, start: number): void {
    let keys: RecordKeys;
    try {
      keys = scanRecord(this.#ring.bytes.subarray(offset, offset + length));
    } catch (error) {
      if (!isMirrorError(error, 'RECORD_INVALID')) throw error;
      this.#reportBad(this.#splitter.badLine(offset, length, error.message));
      return;
    }
    this.#open ??= {
      id: this.#nextId++,
      start,
      places: [],
      keys: [],
      rawBytes: 0,
      progress: { readBytes: 0, rawBytes: 0, lines: 0 },
    };
    this.#open.places.push(offset, length);
    this.#open.keys.push(keys);
    this.#open.rawBytes += length;
    this.#records += 1;
    this.#rawBytes += length;
    if (keys.publishedTime !== undefined) {
      this.#maxPublished =
        this.#maxPublished === undefined ? keys.publishedTime : laterOf(this.#maxPublished, keys.publishedTime);
    }
  }

  #reportBad(bad: BadLine): void {
    this.#badLines += 1;
    this.#settings.onBadLine(bad);
  }

  #submit(job: Job): void {
    this.#open = undefined;
    if (!this.#isPool && this.#rawBytes > this.#settings.localBytes) this.#startPool();
    job.progress = { readBytes: this.#readBytes, rawBytes: this.#rawBytes, lines: this.#splitter.lines };
    this.#jobs.push(job);
    this.#compressor.submit({ id: job.id, places: Uint32Array.from(job.places) });
  }

  #startPool(): void {
    this.#isPool = true;
    const { codec, workers } = this.#settings;
    this.#compressor = createCompressorPool({ memory: this.memory, codec }, workers, this.#onCompressed);
  }

  #release(): void {
    const unfinished = this.#jobs.find((job) => job.result === undefined) ?? this.#open;
    if (this.#ring.release(unfinished?.start ?? this.#splitter.lineStart)) this.#feed?.roomMade();
  }
}

function encodedRecords(job: Job, { bytes, ends }: CompressedLines, codec: Codec): EncodedRecord[] {
  const hashes = ends.at(-1) ?? 0;
  return job.keys.map((keys, index) => {
    const start = index === 0 ? 0 : (ends[index - 1] ?? 0);
    return {
      keys,
      codec,
      stored: new Uint8Array(bytes, start, (ends[index] ?? 0) - start),
      rawBytes: job.places[2 * index + 1] ?? 0,
      sha256: new Uint8Array(bytes, hashes + HASH_BYTES * index, HASH_BYTES),
    };
  });
}
