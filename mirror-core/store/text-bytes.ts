/**
 * Titles as bytes. UTF-8, so that LevelDB's byte order is code point order; lone surrogates, which JSON can smuggle in by `\ud800`,
 * are written in the generalised three-byte form instead of U+FFFD, so that two different titles never share a key.
 */

/** UTF-8 of `text`; lone surrogates as ED A0..BF xx. */
export function encodeText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text, 'utf8');
  const parts: Buffer[] = [];
  for (const character of text) {
    const unit = character.charCodeAt(0);
    const isLone = character.length === 1 && unit >= 0xd800 && unit <= 0xdfff;
    parts.push(isLone ? Buffer.from([0xed, 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)]) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}

/** The reverse of `encodeText` for `bytes[start, end)`. */
export function decodeText(bytes: Buffer, start = 0, end = bytes.length): string {
  const text = bytes.toString('utf8', start, end);
  // Node turns each byte of an encoded surrogate into U+FFFD; only then is the slow way needed.
  return text.includes('\ufffd') ? decodeWithSurrogates(bytes, start, end) : text;
}

function decodeWithSurrogates(bytes: Buffer, start: number, end: number): string {
  let text = '';
  let plainFrom = start;
  for (let at = start; at + 2 < end; at += 1) {
    const second = bytes.readUInt8(at + 1);
    if (bytes[at] !== 0xed || second < 0xa0) continue;
    text += bytes.toString('utf8', plainFrom, at);
    text += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (bytes.readUInt8(at + 2) & 0x3f));
    plainFrom = at + 3;
    at += 2;
  }
  return text + bytes.toString('utf8', plainFrom, end);
}
