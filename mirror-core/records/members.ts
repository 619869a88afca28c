/** Walks the members of a JSON object and the elements of a JSON array by their places in the bytes, without parsing values. */
import { MirrorError } from '../contracts/errors.ts';
import {
  BACKSLASH,
  BROKEN,
  bufferOver,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  readString,
  skipSpace,
  skipString,
  skipValue,
  spells,
} from './json-bytes.ts';

/** Where one member lies. All are offsets into the bytes it was found in. */
export interface MemberSpan {
  readonly key: string;
  /** Of the key's opening quote. */
  readonly keyStart: number;
  readonly valueStart: number;
  /** Just behind the value. */
  readonly valueEnd: number;
}

/** A key to look for, both as text and as the bytes it usually is. */
export interface KeyWord {
  readonly text: string;
  readonly bytes: Uint8Array;
}

export function keyWord(text: string): KeyWord {
  return { text, bytes: Buffer.from(text) };
}

/**
 * Moves from member to member of the object that begins at `start`. It makes no string of a key, so that looking
 * for a few keys costs no garbage. Everything it throws is RECORD_INVALID with the byte at which the object is broken.
 */
export class MemberCursor {
  /** Of the key's opening quote. */
  keyStart = 0;
  valueStart = 0;
  /** Just behind the value; only valid after `skip`. */
  valueEnd = 0;
  /** Just behind the closing brace, once `next` has returned `false`. */
  end = 0;
  readonly #bytes: Buffer;
  readonly #limit: number;
  #keyEnd = 0;
  #hasEscapedKey = false;
  #at: number;
  #isFirst = true;

  constructor(bytes: Buffer, start: number, limit: number) {
    this.#bytes = bytes;
    this.#limit = limit;
    const open = skipSpace(bytes, start, limit);
    if (open >= limit || bytes[open] !== OPEN_OBJECT) throw brokenAt(open);
    this.#at = open + 1;
  }

  /** Goes to the next key. The value of the current one must have been skipped. */
  next(): boolean {
    const bytes = this.#bytes;
    let at = skipSpace(bytes, this.#at, this.#limit);
    if (bytes[at] === CLOSE_OBJECT && at < this.#limit) {
      this.end = at + 1;
      return false;
    }
    if (!this.#isFirst) {
      if (bytes[at] !== COMMA) throw brokenAt(at);
      at = skipSpace(bytes, at + 1, this.#limit);
    }
    this.#isFirst = false;
    if (at >= this.#limit || bytes[at] !== QUOTE) throw brokenAt(at);
    const keyEnd = skipString(bytes, at, this.#limit);
    if (keyEnd === BROKEN) throw brokenAt(at);
    this.keyStart = at;
    this.#keyEnd = keyEnd;
    this.#hasEscapedKey = false;
    for (let index = at + 1; index < keyEnd; index += 1) {
      if (bytes[index] === BACKSLASH) this.#hasEscapedKey = true;
    }
    at = skipSpace(bytes, keyEnd, this.#limit);
    if (at >= this.#limit || bytes[at] !== COLON) throw brokenAt(at);
    this.valueStart = skipSpace(bytes, at + 1, this.#limit);
    if (this.valueStart >= this.#limit) throw brokenAt(this.valueStart);
    return true;
  }

  /** Goes behind the current value. */
  skip(): void {
    const end = skipValue(this.#bytes, this.valueStart, this.#limit);
    if (end === BROKEN) throw brokenAt(this.valueStart);
    this.valueEnd = end;
    this.#at = end;
  }

  is(word: KeyWord): boolean {
    if (this.#hasEscapedKey) return this.key() === word.text;
    return spells(this.#bytes, this.keyStart + 1, this.#keyEnd - 1, word.bytes);
  }

  key(): string {
    const key = readString(this.#bytes, this.keyStart, this.#keyEnd);
    if (key === undefined) throw brokenAt(this.keyStart);
    return key;
  }
}

function brokenAt(index: number): MirrorError {
  return new MirrorError('RECORD_INVALID', `not JSON: unexpected content at byte ${index}`, { context: { byte: index } });
}

/**
 * The members of the object in `bytes[start..end)`, in order, duplicates included.
 * @throws MirrorError RECORD_INVALID when there is no well-formed object; members before the broken place have been yielded
 */
export function* iterateMembers(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
): Generator<MemberSpan, void, undefined> {
  const cursor = new MemberCursor(bufferOver(bytes), start, end);
  while (cursor.next()) {
    cursor.skip();
    yield { key: cursor.key(), keyStart: cursor.keyStart, valueStart: cursor.valueStart, valueEnd: cursor.valueEnd };
  }
}

/** Calls `visit` with the place of each element of the array that begins at `start`; nothing when the value is no array. */
export function forEachElement(bytes: Buffer, start: number, limit: number, visit: (start: number, end: number) => void): void {
  if (bytes[start] !== OPEN_ARRAY) return;
  let at = skipSpace(bytes, start + 1, limit);
  if (bytes[at] === CLOSE_ARRAY) return;
  for (;;) {
    const end = skipValue(bytes, at, limit);
    if (end === BROKEN) throw brokenAt(at);
    visit(at, end);
    at = skipSpace(bytes, end, limit);
    if (at < limit && bytes[at] === CLOSE_ARRAY) return;
    if (at >= limit || bytes[at] !== COMMA) throw brokenAt(at);
    at = skipSpace(bytes, at + 1, limit);
  }
}
