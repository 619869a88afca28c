/** Compact binary values: variable-length integers, times and length-prefixed text. Used by the codecs of the index rows. */
import type { UpstreamTime } from '../contracts/upstream-time.ts';
import { decodeText, encodeText } from './text-bytes.ts';

const INITIAL_BYTES = 4096;

/** Writes one value at a time into a buffer that is reused; `finish` copies the result out. */
export class BinaryWriter {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = 0;

  #reserve(count: number): void {
    if (this.#at + count <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + count));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
    return this;
  }

  /** @param value a safe integer, 0 or more: 7 bits a byte, lowest first */
  varint(value: number): this {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
    return this;
  }

  time(time: UpstreamTime): this {
    // Zigzag: seconds before 1970 are negative.
    this.varint(time.seconds >= 0 ? time.seconds * 2 : -time.seconds * 2 - 1);
    return this.varint(time.nanos);
  }

  bytes(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** Byte length as a varint, then the text. */
  text(value: string): this {
    const encoded = encodeText(value);
    return this.varint(encoded.length).bytes(encoded);
  }

  /** What was written since the last `finish`. */
  finish(): Buffer {
    const result = Buffer.from(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
    // One article with thousands of redirects must not keep a large buffer for ever.
    if (this.#bytes.length > INITIAL_BYTES * 16) this.#bytes = Buffer.allocUnsafe(INITIAL_BYTES);
    return result;
  }
}

/** Reads what `BinaryWriter` wrote. Reading past the end throws a RangeError, which callers report as damage. */
export class BinaryReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, start = 0) {
    this.#bytes = bytes;
    this.#at = start;
  }

  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#at++);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      if (byte < 0x80) return value + byte * scale;
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (scale > Number.MAX_SAFE_INTEGER) throw new RangeError('an integer is longer than 53 bits');
    }
  }

  time(): UpstreamTime {
    const zigzag = this.varint();
    const seconds = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    return { seconds, nanos: this.varint() };
  }

  /** A view of the next `count` bytes. */
  bytes(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new RangeError('a value ends too early');
    const view = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return view;
  }

  text(): string {
    return decodeText(this.bytes(this.varint()));
  }

  rest(): Buffer {
    return this.bytes(this.#bytes.length - this.#at);
  }
}
