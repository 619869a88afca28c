/** Finds where a JSON object begins and ends, so that a record can be kept byte for byte without being rebuilt. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/**
 * The bytes of the first object in a JSON array, in NDJSON, or standing alone. Brackets within strings do not count.
 * The span is a view on `bytes`; it is not checked for being valid JSON inside.
 * @returns `undefined` when there is no object, or its end is missing
 */
export function firstObjectSpan(bytes: Uint8Array): Uint8Array | undefined {
  let at = 0;
  while (isSpace(bytes[at])) at += 1;
  if (bytes[at] === OPEN_BRACKET) at += 1;
  while (isSpace(bytes[at])) at += 1;
  if (bytes[at] !== OPEN_BRACE) return undefined;
  const start = at;
  let depth = 0;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfString(bytes, at);
      if (at === -1) return undefined;
    } else if (byte === OPEN_BRACE) {
      depth += 1;
    } else if (byte === CLOSE_BRACE) {
      depth -= 1;
      if (depth === 0) return bytes.subarray(start, at + 1);
    }
  }
  return undefined;
}

/** Index of the quote that closes the string opened at `open`; -1 when it never closes. */
function endOfString(bytes: Uint8Array, open: number): number {
  for (let quote = bytes.indexOf(QUOTE, open + 1); quote !== -1; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let backslashes = 0;
    while (bytes[quote - 1 - backslashes] === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote;
  }
  return -1;
}
