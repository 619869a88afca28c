/** Cuts a byte stream into lines: bytes in, bytes out, each byte copied once, nothing decoded. */
import { MAX_RECORD_BYTES } from '../../contracts/limits.ts';
import { MirrorError } from '../../contracts/errors.ts';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * NDJSON as it comes from a socket: pieces may be cut anywhere, also within a character or between CR and LF. Blank lines are
 * skipped, line ends removed. Time is linear: a line spread over many pieces is joined once, at its end.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  #pieces: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(maxLineBytes: number = MAX_RECORD_BYTES) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * The lines that `piece` completes. Each owns its memory, so that a small line does not keep a large network buffer alive.
   * @throws MirrorError LINE_TOO_LONG; the splitter is then of no further use
   */
  *push(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    let start = 0;
    for (let end = piece.indexOf(LINE_FEED); end !== -1; end = piece.indexOf(LINE_FEED, start)) {
      this.#hold(piece.subarray(start, end));
      start = end + 1;
      const line = this.#take();
      if (line.length > 0) yield line;
    }
    this.#hold(piece.subarray(start));
  }

  /** What followed the last line end; `undefined` when nothing did. */
  rest(): Uint8Array | undefined {
    const line = this.#take();
    return line.length > 0 ? line : undefined;
  }

  #hold(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#heldBytes += piece.length;
    // One byte more is allowed for the CR that may belong to the line end.
    if (this.#heldBytes > this.#maxLineBytes + 1) throw lineTooLong(this.#maxLineBytes);
    this.#pieces.push(piece);
  }

  #take(): Uint8Array {
    const pieces = this.#pieces;
    const endsInReturn = pieces.at(-1)?.at(-1) === CARRIAGE_RETURN;
    const line = new Uint8Array(endsInReturn ? this.#heldBytes - 1 : this.#heldBytes);
    this.#pieces = [];
    this.#heldBytes = 0;
    if (line.length > this.#maxLineBytes) throw lineTooLong(this.#maxLineBytes);
    let offset = 0;
    for (const piece of pieces) {
      const room = line.length - offset;
      line.set(piece.length <= room ? piece : piece.subarray(0, room), offset);
      offset += piece.length;
    }
    return line;
  }
}

/** The error for a record longer than upstream's own limit (contract §8). */
export function lineTooLong(maxLineBytes: number): MirrorError {
  return new MirrorError(
    'LINE_TOO_LONG',
    `The stream sent a record of more than ${maxLineBytes} bytes, which is more than upstream can hold. It was not read, so its partition and offset are not known; the positions of the records before it are.`,
    { context: { maxLineBytes } },
  );
}
