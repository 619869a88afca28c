/**
 * The ring that unpacked bytes pass through on their way from the unpacking thread to the compressing ones. Places are counted
 * from the begin of the stream and never wrap; only memory does. A line that crosses the end of the memory is completed
 * behind it (`overflowBytes`), so that every line lies in one piece for whoever works on it.
 */

/** Two shared pieces of memory; can be posted to a worker as they are. */
export interface RingMemory {
  readonly bytes: SharedArrayBuffer;
  /** One 64-bit number: the place up to which the bytes are no longer needed. */
  readonly released: SharedArrayBuffer;
  readonly sizeBytes: number;
}

/** Untouched pages cost nothing: a small file uses a small part of the ring. */
export function createRing(sizeBytes: number, overflowBytes: number): RingMemory {
  return {
    bytes: new SharedArrayBuffer(sizeBytes + overflowBytes),
    released: new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
    sizeBytes,
  };
}

export class RingWriter {
  readonly #bytes: Uint8Array;
  readonly #released: BigInt64Array;
  readonly #size: number;
  #written = 0;

  constructor(memory: RingMemory) {
    this.#bytes = new Uint8Array(memory.bytes);
    this.#released = new BigInt64Array(memory.released);
    this.#size = memory.sizeBytes;
  }

  /** Place behind the last byte written. */
  get written(): number {
    return this.#written;
  }

  /** Copies as much of `chunk` as there is room for and returns how many bytes that was; 0 when the ring is full. */
  put(chunk: Uint8Array): number {
    const free = this.#size - (this.#written - Number(Atomics.load(this.#released, 0)));
    const total = Math.min(free, chunk.length);
    let done = 0;
    while (done < total) {
      const offset = this.#written % this.#size;
      const piece = Math.min(total - done, this.#size - offset);
      this.#bytes.set(chunk.subarray(done, done + piece), offset);
      this.#written += piece;
      done += piece;
    }
    return done;
  }

  /** Blocks the thread until the ring has room. Only for workers, which have nothing else to do. */
  waitForRoom(): void {
    const released = Atomics.load(this.#released, 0);
    if (this.#written - Number(released) >= this.#size) Atomics.wait(this.#released, 0, released);
  }
}

export class RingReader {
  /** The whole memory; line places from `contiguous` are offsets into it. */
  readonly bytes: Buffer;
  readonly sizeBytes: number;
  readonly #released: BigInt64Array;
  #releasedTo = 0;

  constructor(memory: RingMemory) {
    this.bytes = Buffer.from(memory.bytes);
    this.sizeBytes = memory.sizeBytes;
    this.#released = new BigInt64Array(memory.released);
  }

  /** Place of the first `byte` in `[from, to)`, or -1. */
  indexOf(byte: number, from: number, to: number): number {
    let at = from;
    while (at < to) {
      const offset = at % this.sizeBytes;
      const piece = Math.min(to - at, this.sizeBytes - offset);
      const found = this.bytes.subarray(offset, offset + piece).indexOf(byte);
      if (found >= 0) return at + found;
      at += piece;
    }
    return -1;
  }

  /** Offset into `bytes` at which `[from, to)` lies in one piece, until it is released. */
  contiguous(from: number, to: number): number {
    const offset = from % this.sizeBytes;
    const beyond = offset + (to - from) - this.sizeBytes;
    if (beyond > 0) this.bytes.copyWithin(this.sizeBytes, 0, beyond);
    return offset;
  }

  /** Calls `visit` with the one or two pieces of `[from, to)`. */
  forEachPiece(from: number, to: number, visit: (piece: Buffer) => void): void {
    let at = from;
    while (at < to) {
      const offset = at % this.sizeBytes;
      const piece = Math.min(to - at, this.sizeBytes - offset);
      visit(this.bytes.subarray(offset, offset + piece));
      at += piece;
    }
  }

  /** Gives everything before `place` back to the writer and wakes it. */
  release(place: number): boolean {
    if (place <= this.#releasedTo) return false;
    this.#releasedTo = place;
    Atomics.store(this.#released, 0, BigInt(place));
    Atomics.notify(this.#released, 0);
    return true;
  }
}
