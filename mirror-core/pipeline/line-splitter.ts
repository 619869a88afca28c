/** Cuts the stream of unpacked bytes into lines, wherever its pieces were cut, and never makes a string of one. */
import { createHash, type Hash } from 'node:crypto';
import { sha256Of } from '../records/encode.ts';
import type { RingReader } from './ring.ts';

/** A line that cannot be stored, and enough of it to find out why. */
export interface BadLine {
  /** 1-based, within the member. */
  readonly line: number;
  /** Member of the archive, or the name of the source. */
  readonly member: string;
  readonly reason: string;
  readonly bytes: number;
  /** Hexadecimal, of the whole line. */
  readonly sha256: string;
  /** At most the first 64 KiB, as text. */
  readonly excerpt: string;
}

export interface LineSink {
  /** A line that is not blank, without its line end: it lies at `offset` of the ring's memory until its place is released. */
  line(offset: number, length: number, startPlace: number): void;
  bad(bad: BadLine): void;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const EXCERPT_BYTES = 64 * 1024;

/** A line over the limit is not kept: it is hashed and counted as it passes. */
interface LongLine {
  readonly hash: Hash;
  readonly excerpt: string;
  bytes: number;
}

export class LineSplitter {
  /** Lines seen, bad and blank ones included. */
  lines = 0;
  blankLines = 0;
  readonly #ring: RingReader;
  readonly #sink: LineSink;
  readonly #maxLineBytes: number;
  #member = '';
  #lineNumber = 0;
  #lineStart = 0;
  #searched = 0;
  #long: LongLine | undefined;

  constructor(ring: RingReader, maxLineBytes: number, sink: LineSink) {
    this.#ring = ring;
    this.#maxLineBytes = maxLineBytes;
    this.#sink = sink;
  }

  /** Everything before this place has been dealt with. */
  get lineStart(): number {
    return this.#lineStart;
  }

  beginMember(name: string): void {
    this.#member = name;
    this.#lineNumber = 0;
  }

  /**
   * Deals with lines that end before `limit`.
   * @param shouldPause asked after each line; `true` ends the call early
   * @returns whether all bytes before `limit` were looked at
   */
  advance(limit: number, shouldPause: () => boolean): boolean {
    while (this.#searched < limit) {
      if (shouldPause()) return false;
      const end = this.#ring.indexOf(NEWLINE, this.#searched, limit);
      if (end < 0) {
        this.#searched = limit;
        break;
      }
      this.#finishLine(end);
      this.#lineStart = end + 1;
      this.#searched = end + 1;
    }
    if (this.#searched - this.#lineStart > this.#maxLineBytes || this.#long !== undefined) this.#passLongLine(this.#searched);
    return true;
  }

  /** The member ends at `place`: a last line without a line end counts. */
  endMember(place: number): void {
    if (place > this.#lineStart || this.#long !== undefined) this.#finishLine(place);
    this.#lineStart = place;
    this.#searched = place;
  }

  #finishLine(end: number): void {
    this.lines += 1;
    this.#lineNumber += 1;
    if (this.#long === undefined && end - this.#lineStart > this.#maxLineBytes) this.#passLongLine(end);
    if (this.#long !== undefined) {
      this.#passLongLine(end);
      this.#sink.bad(this.#badLongLine(this.#long));
      this.#long = undefined;
      return;
    }
    const memory = this.#ring.bytes;
    let offset = this.#ring.contiguous(this.#lineStart, end);
    let length = end - this.#lineStart;
    if (this.#lineNumber === 1 && length >= 3 && memory.compare(BYTE_ORDER_MARK, 0, 3, offset, offset + 3) === 0) {
      offset += 3;
      length -= 3;
    }
    if (length > 0 && memory[offset + length - 1] === RETURN) length -= 1;
    if (this.#isBlank(offset, length)) this.blankLines += 1;
    else this.#sink.line(offset, length, this.#lineStart);
  }

  #isBlank(offset: number, length: number): boolean {
    for (let at = offset; at < offset + length; at += 1) {
      const byte = this.#ring.bytes[at] ?? 0;
      if (byte !== 0x20 && byte !== 0x09 && byte !== RETURN) return false;
    }
    return true;
  }

  /** Describes a line just given to the sink that turned out not to be a record. */
  badLine(offset: number, length: number, reason: string): BadLine {
    const line = this.#ring.bytes.subarray(offset, offset + length);
    return {
      line: this.#lineNumber,
      member: this.#member,
      reason,
      bytes: length,
      sha256: Buffer.from(sha256Of(line)).toString('hex'),
      excerpt: line.toString('utf8', 0, Math.min(length, EXCERPT_BYTES)),
    };
  }

  #passLongLine(to: number): void {
    if (this.#long === undefined) {
      const pieces: Buffer[] = [];
      this.#ring.forEachPiece(this.#lineStart, this.#lineStart + EXCERPT_BYTES, (piece) => pieces.push(piece));
      this.#long = { hash: createHash('sha256'), excerpt: Buffer.concat(pieces).toString('utf8'), bytes: 0 };
    }
    const { hash } = this.#long;
    this.#ring.forEachPiece(this.#lineStart, to, (piece) => hash.update(piece));
    this.#long.bytes += to - this.#lineStart;
    this.#lineStart = to;
  }

  #badLongLine({ hash, excerpt, bytes }: LongLine): BadLine {
    return {
      line: this.#lineNumber,
      member: this.#member,
      reason: `the line is too long: ${bytes} bytes, and at most ${this.#maxLineBytes} are accepted`,
      bytes,
      sha256: hash.digest('hex'),
      excerpt,
    };
  }
}
