/**
 * JSON as bytes: finds where strings and values end without making strings or objects of them. Nothing here recurses,
 * so deep nesting cannot overflow the stack, and every function is linear in the bytes it passes over.
 */

export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;

/** Returned instead of an index where the bytes are not what JSON wants there. */
export const BROKEN = -1;

/** Strings up to this long are walked byte by byte: below it, calling into the native search costs more than it saves. */
const SHORT_STRING_BYTES = 32;

/** A `Buffer` over the same memory, for its native searches. Nothing is copied. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Index of the first byte at or after `from` that is not white space (possibly `end`). */
export function skipSpace(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(bytes[at])) at += 1;
  return at;
}

/** Index of the last byte before `before` that is not white space; below `start` when there is none. */
export function skipSpaceBack(bytes: Buffer, before: number, start: number): number {
  let at = before - 1;
  while (at >= start && isSpace(bytes[at])) at -= 1;
  return at;
}

/** From an opening quote to just behind the closing one. */
export function skipString(bytes: Buffer, from: number, end: number): number {
  const nearEnd = Math.min(end, from + SHORT_STRING_BYTES);
  let at = from + 1;
  while (at < nearEnd) {
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    at += byte === BACKSLASH ? 2 : 1;
  }
  while (at < end) {
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0 || quote >= end) return BROKEN;
    // A run of backslashes cannot reach across the quote before it, hence not behind `at`.
    let run = quote - 1;
    while (run >= at && bytes[run] === BACKSLASH) run -= 1;
    at = quote + 1;
    if ((quote - 1 - run) % 2 === 0) return at;
  }
  return BROKEN;
}

/**
 * From a closing quote back to its opening one: the nearest quote with an even number of backslashes before it.
 * BROKEN when that does not lie at or behind `start`; the backslashes are counted beyond it.
 */
export function skipStringBack(bytes: Buffer, closing: number, start: number): number {
  let before = closing - 1;
  while (before >= start) {
    const quote = bytes.lastIndexOf(QUOTE, before);
    if (quote < start) return BROKEN;
    let run = quote - 1;
    while (run >= 0 && bytes[run] === BACKSLASH) run -= 1;
    if ((quote - 1 - run) % 2 === 0) return quote;
    before = quote - 1;
  }
  return BROKEN;
}

function skipContainer(bytes: Buffer, from: number, end: number): number {
  let depth = 0;
  let at = from;
  while (at < end) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = skipString(bytes, at, end);
      if (at === BROKEN) return BROKEN;
      continue;
    }
    at += 1;
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth += 1;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return BROKEN;
}

const LITERALS: readonly Buffer[] = ['true', 'false', 'null'].map((word) => Buffer.from(word));

/** Whether `bytes[start..end)` spells `word`. */
export function spells(bytes: Buffer, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) return false;
  for (let index = 0; index < word.length; index += 1) {
    if (bytes[start + index] !== word[index]) return false;
  }
  return true;
}

function skipScalar(bytes: Buffer, from: number, end: number): number {
  const first = bytes[from] ?? 0;
  let at = from;
  if (first === 0x2d || (first >= 0x30 && first <= 0x39)) {
    while (at < end) {
      const byte = bytes[at] ?? 0;
      const isNumeric =
        (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2b || byte === 0x2d || (byte | 0x20) === 0x65;
      if (!isNumeric) break;
      at += 1;
    }
    return at;
  }
  for (const word of LITERALS) {
    if (spells(bytes, from, Math.min(end, from + word.length), word)) return from + word.length;
  }
  return BROKEN;
}

/** From the first byte of any value to just behind its last. Inside objects and arrays only strings and brackets are looked at. */
export function skipValue(bytes: Buffer, from: number, end: number): number {
  const first = bytes[from];
  if (first === QUOTE) return skipString(bytes, from, end);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return skipContainer(bytes, from, end);
  return skipScalar(bytes, from, end);
}

/**
 * The text of the JSON string literal `bytes[start..end)`, quotes included; `undefined` when it is not a valid literal.
 * Escapes are left to `JSON.parse`, which knows surrogate pairs and lets lone surrogates through; most literals have none.
 */
export function readString(bytes: Buffer, start: number, end: number): string | undefined {
  if (bytes[start] !== QUOTE || end - start < 2) return undefined;
  for (let at = start + 1; at < end - 1; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte === BACKSLASH || byte < 0x20) return parseLiteral(bytes.toString('utf8', start, end));
  }
  return bytes.toString('utf8', start + 1, end - 1);
}

function parseLiteral(literal: string): string | undefined {
  try {
    const text: unknown = JSON.parse(literal);
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined; // the caller decides what a malformed literal means
  }
}

/** A whole number at or above 0 that fits 53 bits; 0 for everything else, which upstream uses for "absent" (article-schema §1). */
export function readWholeNumber(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  if (length > 0 && length <= 15) {
    let value = 0;
    let at = start;
    for (; at < end; at += 1) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    if (at === end) return value;
  }
  const first = bytes[start] ?? 0;
  if (first < 0x30 || first > 0x39) return 0;
  const value = Number(bytes.toString('latin1', start, end));
  return Number.isSafeInteger(value) ? value : 0;
}
