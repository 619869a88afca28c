/**
 * A value of the body log: a codec byte, the title, the compressed record. The title makes the log readable without the index.
 */
import type { Codec } from '../contracts/article.ts';
import type { TitleKey } from '../contracts/identifiers.ts';
import { BinaryReader } from './binary.ts';
import { encodeText } from './text-bytes.ts';

/** Positions are on disk: append only. */
const CODECS: readonly Codec[] = ['identity', 'zstd', 'br'];

export interface Body {
  readonly codec: Codec;
  readonly title: TitleKey;
  /** A view into the value. */
  readonly stored: Buffer;
}

export function encodeBodyValue(title: TitleKey, codec: Codec, stored: Uint8Array): Buffer {
  const name = encodeText(title);
  const long = name.length >= 0x80 ? (name.length >= 0x4000 ? 3 : 2) : 1;
  if (name.length >= 0x200000) throw new RangeError(`a title of ${name.length} bytes cannot be stored`);
  const value = Buffer.allocUnsafe(1 + long + name.length + stored.length);
  value[0] = CODECS.indexOf(codec);
  let at = 1;
  for (let rest = name.length; ; rest >>= 7) {
    value[at++] = rest >= 0x80 ? (rest & 0x7f) | 0x80 : rest;
    if (rest < 0x80) break;
  }
  name.copy(value, at);
  value.set(stored, at + name.length);
  return value;
}

/** Codec and record of a value; the title is skipped, not read. */
export function decodeBodyValue(value: Buffer): Omit<Body, 'title'> {
  const reader = new BinaryReader(value);
  const codec = codecAt(reader.byte());
  reader.bytes(reader.varint());
  return { codec, stored: reader.rest() };
}

export function decodeWholeBody(value: Buffer): Body {
  const reader = new BinaryReader(value);
  const codec = codecAt(reader.byte());
  const title = reader.text() as TitleKey;
  return { codec, title, stored: reader.rest() };
}

function codecAt(position: number): Codec {
  const codec = CODECS[position];
  if (codec === undefined) throw new RangeError(`a stored record has the unknown codec ${position}`);
  return codec;
}
