/**
 * Takes the deciding members out of an article record without parsing it. The body is nearly all of a record, and upstream
 * writes the members in a fixed order (article-schema), so the scan goes forward up to `article_body` and backward from the
 * closing brace, and never looks at the body. The order is an observation, not a promise: whatever was not found this way
 * is looked for in the whole line, and what cannot be scanned is left to JSON.parse to accept or to refuse.
 */
import type { RecordKeys } from '../contracts/article.ts';
import { isMirrorError, messageOf, MirrorError } from '../contracts/errors.ts';
import { BROKEN, bufferOver, CLOSE_OBJECT, COLON, COMMA, OPEN_ARRAY, OPEN_OBJECT, CLOSE_ARRAY, QUOTE } from './json-bytes.ts';
import { isSpace, skipSpace, skipSpaceBack, skipString, skipStringBack, skipValue, spells } from './json-bytes.ts';
import { type KeyWord, MemberCursor } from './members.ts';
import { FIELD, FIELD_COUNT, FIELD_WORDS, readKeys, type Spans } from './record-fields.ts';

/**
 * A string this long, directly inside an object behind which all is known, is taken for article text. No other member holds
 * such strings: the longest, an edit summary, has 500 characters.
 */
const BODY_STRING_BYTES = 4096;

/** Members behind the body are small (an image's caption is the longest part): more than this and the whole line is scanned. */
const TAIL_BYTES = 64 * 1024;

/**
 * The members of one record that the mirror decides by. Duplicate members: the last one wins, as with JSON.parse.
 * A record that is broken only inside its body is accepted (the transport's checksums cover that), and of a record with two long
 * bodies, which no writer of JSON makes, what stands between them is not seen.
 * @throws MirrorError RECORD_INVALID — the line is not a JSON object, or lacks `name` or a usable `is_part_of.identifier`
 */
export function scanRecord(line: Uint8Array): RecordKeys {
  const bytes = bufferOver(line);
  try {
    return readKeys(bytes, scanEnds(bytes) ?? scanWhole(bytes));
  } catch (error) {
    if (!isMirrorError(error, 'RECORD_INVALID')) throw error;
    return judgeByParsing(bytes);
  }
}

function emptySpans(): Spans {
  return new Int32Array(2 * FIELD_COUNT).fill(-1);
}

function fieldOf(matches: (word: KeyWord) => boolean): number {
  for (let field = 0; field < FIELD_COUNT; field += 1) {
    const word = FIELD_WORDS[field];
    if (word !== undefined && matches(word)) return field;
  }
  return -1;
}

/** Every member of the line, body included. */
function scanWhole(bytes: Buffer): Spans {
  const spans = emptySpans();
  const cursor = new MemberCursor(bytes, 0, bytes.length);
  const matches = (word: KeyWord): boolean => cursor.is(word);
  while (cursor.next()) {
    const field = fieldOf(matches);
    cursor.skip();
    if (field >= 0) {
      spans[2 * field] = cursor.valueStart;
      spans[2 * field + 1] = cursor.valueEnd;
    }
  }
  if (skipSpace(bytes, cursor.end, bytes.length) !== bytes.length) {
    throw new MirrorError('RECORD_INVALID', `not JSON: something follows the object at byte ${cursor.end}`);
  }
  return spans;
}

/** Forward up to the body, then backward down to it; `undefined` when that does not give a certain answer. */
function scanEnds(bytes: Buffer): Spans | undefined {
  const spans = emptySpans();
  const cursor = new MemberCursor(bytes, 0, bytes.length);
  const matches = (word: KeyWord): boolean => cursor.is(word);
  while (cursor.next()) {
    const field = fieldOf(matches);
    if (field === FIELD.article_body) {
      spans[2 * field] = cursor.valueStart;
      spans[2 * field + 1] = bytes.length;
      return scanTail(bytes, cursor.keyStart, spans) ? spans : undefined;
    }
    cursor.skip();
    if (field >= 0) {
      spans[2 * field] = cursor.valueStart;
      spans[2 * field + 1] = cursor.valueEnd;
    }
  }
  return skipSpace(bytes, cursor.end, bytes.length) === bytes.length ? spans : undefined;
}

/** Start of a value by its last byte, or BROKEN; `BODY` when it runs into article text on the way. */
const BODY = -2;

function skipValueBack(bytes: Buffer, last: number, start: number): number {
  const lastByte = bytes[last];
  if (lastByte === QUOTE) return skipStringBack(bytes, last, start);
  let at = last;
  if (lastByte !== CLOSE_OBJECT && lastByte !== CLOSE_ARRAY) {
    while (at >= start && bytes[at] !== COLON && !isSpace(bytes[at])) at -= 1;
    // Checked forward: the brace of a record cut short must not pass for a value.
    return at < last && skipValue(bytes, at + 1, last + 1) === last + 1 ? at + 1 : BROKEN;
  }
  let depth = 0;
  while (at >= start) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      const opening = skipStringBack(bytes, at, Math.max(start, at - BODY_STRING_BYTES));
      if (opening === BROKEN) return depth === 1 && lastByte === CLOSE_OBJECT ? BODY : BROKEN;
      at = opening;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth += 1;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      depth -= 1;
      if (depth === 0) return at;
    }
    at -= 1;
  }
  return BROKEN;
}

/**
 * The members behind the body. Exact when the walk arrives at the body's key; when it meets article text before, that is taken
 * for the body, provided `event` was found, which upstream writes behind it.
 */
function scanTail(bytes: Buffer, bodyKey: number, spans: Spans): boolean {
  const isSeen = new Uint8Array(FIELD_COUNT);
  let before = skipSpaceBack(bytes, bytes.length, bodyKey);
  if (bytes[before] !== CLOSE_OBJECT) return false;
  const limit = Math.max(bodyKey, before - TAIL_BYTES);
  for (;;) {
    const last = skipSpaceBack(bytes, before, bodyKey);
    const valueStart = skipValueBack(bytes, last, bodyKey);
    if (valueStart === BODY) return isSeen[FIELD.event] === 1 && holdsText(bytes, spans[2 * FIELD.article_body] ?? 0);
    if (valueStart === BROKEN) return false;
    const colon = skipSpaceBack(bytes, valueStart, bodyKey);
    if (bytes[colon] !== COLON) return false;
    const closing = skipSpaceBack(bytes, colon, bodyKey);
    if (bytes[closing] !== QUOTE) return false;
    const keyStart = skipStringBack(bytes, closing, bodyKey);
    if (keyStart === BROKEN) return false;
    // An escaped key may spell a wanted one: rare enough to leave to the whole-line scan.
    if (bytes.subarray(keyStart, closing).includes(0x5c)) return false;
    const field = fieldOf((word) => spells(bytes, keyStart + 1, closing, word.bytes));
    if (field >= 0 && isSeen[field] === 0) {
      isSeen[field] = 1;
      spans[2 * field] = valueStart;
      spans[2 * field + 1] = last + 1;
    }
    if (keyStart === bodyKey) return true;
    if (keyStart < limit || field === FIELD.article_body) return false;
    before = skipSpaceBack(bytes, keyStart, bodyKey);
    if (bytes[before] !== COMMA) return false;
  }
}

/** Whether the object at `start` has a string as long as article text: a short body is not the one met from behind. */
function holdsText(bytes: Buffer, start: number): boolean {
  if (bytes[start] !== OPEN_OBJECT) return false;
  const cursor = new MemberCursor(bytes, start, bytes.length);
  while (cursor.next()) {
    const limit = Math.min(bytes.length, cursor.valueStart + BODY_STRING_BYTES);
    if (bytes[cursor.valueStart] === QUOTE && skipString(bytes, cursor.valueStart, limit) === BROKEN) return true;
    cursor.skip();
  }
  return false;
}

/** The last instance: what JSON.parse accepts is read from its canonical spelling, what it refuses is refused with its reason. */
function judgeByParsing(bytes: Buffer): RecordKeys {
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new MirrorError('RECORD_INVALID', `not JSON: ${messageOf(error)}`, { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new MirrorError('RECORD_INVALID', 'not a JSON object');
  }
  const canonical = Buffer.from(JSON.stringify(parsed));
  return readKeys(canonical, scanWhole(canonical));
}
