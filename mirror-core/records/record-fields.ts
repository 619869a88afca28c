/** The wanted members of a record, and how their values are read once it is known where they lie. */
import type { RecordKeys, StreamPosition, Visibility } from '../contracts/article.ts';
import { MirrorError } from '../contracts/errors.ts';
import { parseProjectId, type TitleKey, titleKey } from '../contracts/identifiers.ts';
import { parseUpstreamTime, type UpstreamTime } from '../contracts/upstream-time.ts';
import { CLOSE_OBJECT, OPEN_OBJECT, readString, readWholeNumber, skipSpace, spells } from './json-bytes.ts';
import { forEachElement, type KeyWord, keyWord, MemberCursor } from './members.ts';

const FIELD_NAMES = [
  'name',
  'identifier',
  'date_modified',
  'version',
  'namespace',
  'in_language',
  'main_entity',
  'redirects',
  'is_part_of',
  'article_body',
  'license',
  'visibility',
  'event',
] as const;

/** Number of each wanted member, in the order of FIELD_WORDS. */
export const FIELD = {
  name: 0,
  identifier: 1,
  date_modified: 2,
  version: 3,
  namespace: 4,
  in_language: 5,
  main_entity: 6,
  redirects: 7,
  is_part_of: 8,
  article_body: 9,
  license: 10,
  visibility: 11,
  event: 12,
} as const satisfies Record<(typeof FIELD_NAMES)[number], number>;

export const FIELD_COUNT = FIELD_NAMES.length;
export const FIELD_WORDS: readonly KeyWord[] = FIELD_NAMES.map(keyWord);

/** Start and end of field f at 2f and 2f+1; -1 when the record lacks it. */
export type Spans = Int32Array;

/** Titles have at most 255 bytes (article-schema §1); far beyond that a name is not a title, and must not become a store key. */
const MAX_NAME_CHARACTERS = 1024;

const WORD = {
  identifier: keyWord('identifier'),
  name: keyWord('name'),
  type: keyWord('type'),
  dateCreated: keyWord('date_created'),
  datePublished: keyWord('date_published'),
  partition: keyWord('partition'),
  offset: keyWord('offset'),
  text: keyWord('text'),
  editor: keyWord('editor'),
  comment: keyWord('comment'),
};
const TRUE = Buffer.from('true');
const EPOCH: UpstreamTime = { seconds: 0, nanos: 0 };

/** @throws MirrorError RECORD_INVALID — a member is missing that the mirror cannot do without, or one of them is broken */
export function readKeys(bytes: Buffer, spans: Spans): RecordKeys {
  const name = textField(bytes, spans, FIELD.name);
  if (name === undefined || name === '') throw new MirrorError('RECORD_INVALID', 'the record has no name');
  if (name.length > MAX_NAME_CHARACTERS) {
    throw new MirrorError('RECORD_INVALID', `the record's name has ${name.length} characters, more than any title`);
  }
  const projectText = nestedText(bytes, spans, FIELD.is_part_of);
  if (projectText === undefined) throw new MirrorError('RECORD_INVALID', 'the record has no is_part_of.identifier');
  const project = parseProjectId(projectText);
  if (project === undefined) throw new MirrorError('RECORD_INVALID', 'is_part_of.identifier is not a project id');

  const event = readEvent(bytes, spans);
  const modifiedTime = timeOf(textField(bytes, spans, FIELD.date_modified));
  return {
    name,
    title: titleKey(name),
    project,
    namespaceId: nestedNumber(bytes, spans, FIELD.namespace),
    pageId: numberField(bytes, spans, FIELD.identifier),
    versionId: nestedNumber(bytes, spans, FIELD.version),
    eventType: event.type,
    eventTime: event.created ?? event.published ?? modifiedTime ?? EPOCH,
    publishedTime: event.published,
    modifiedTime,
    position: event.position,
    visibility: readVisibility(bytes, spans),
    hasBody: hasMembers(bytes, spans, FIELD.article_body),
    entityId: nonEmpty(nestedText(bytes, spans, FIELD.main_entity)),
    languageId: nonEmpty(nestedText(bytes, spans, FIELD.in_language)),
    redirects: textsOfElements(bytes, spans, FIELD.redirects, WORD.name).map(asTitleKey),
    licenses: textsOfElements(bytes, spans, FIELD.license, WORD.identifier),
  };
}

function asTitleKey(name: string): TitleKey {
  return titleKey(name);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function timeOf(text: string | undefined): UpstreamTime | undefined {
  return text === undefined ? undefined : parseUpstreamTime(text);
}

function textField(bytes: Buffer, spans: Spans, field: number): string | undefined {
  const start = spans[2 * field] ?? -1;
  return start < 0 ? undefined : text(bytes, start, spans[2 * field + 1] ?? start);
}

function numberField(bytes: Buffer, spans: Spans, field: number): number {
  const start = spans[2 * field] ?? -1;
  return start < 0 ? 0 : readWholeNumber(bytes, start, spans[2 * field + 1] ?? start);
}

/** The string value at a place; `undefined` when the value is of another type. */
function text(bytes: Buffer, start: number, end: number): string | undefined {
  if (bytes[start] !== 0x22) return undefined;
  const found = readString(bytes, start, end);
  if (found === undefined) throw new MirrorError('RECORD_INVALID', `not JSON: malformed string at byte ${start}`);
  return found;
}

/** A cursor over an object-valued field; `undefined` when the field is missing or no object. */
function cursorOver(bytes: Buffer, spans: Spans, field: number): MemberCursor | undefined {
  const start = spans[2 * field] ?? -1;
  if (start < 0 || bytes[start] !== OPEN_OBJECT) return undefined;
  return new MemberCursor(bytes, start, spans[2 * field + 1] ?? start);
}

function nestedText(bytes: Buffer, spans: Spans, field: number): string | undefined {
  const cursor = cursorOver(bytes, spans, field);
  return cursor === undefined ? undefined : lastText(bytes, cursor, WORD.identifier);
}

function lastText(bytes: Buffer, cursor: MemberCursor, word: KeyWord): string | undefined {
  let found: string | undefined;
  while (cursor.next()) {
    cursor.skip();
    if (cursor.is(word)) found = text(bytes, cursor.valueStart, cursor.valueEnd);
  }
  return found;
}

function nestedNumber(bytes: Buffer, spans: Spans, field: number): number {
  const cursor = cursorOver(bytes, spans, field);
  let found = 0;
  while (cursor?.next() === true) {
    cursor.skip();
    if (cursor.is(WORD.identifier)) found = readWholeNumber(bytes, cursor.valueStart, cursor.valueEnd);
  }
  return found;
}

function hasMembers(bytes: Buffer, spans: Spans, field: number): boolean {
  const start = spans[2 * field] ?? -1;
  if (start < 0 || bytes[start] !== OPEN_OBJECT) return false;
  return bytes[skipSpace(bytes, start + 1, bytes.length)] !== CLOSE_OBJECT;
}

/** One text member of each object in an array; elements without it are passed over. */
function textsOfElements(bytes: Buffer, spans: Spans, field: number, word: KeyWord): string[] {
  const start = spans[2 * field] ?? -1;
  const found: string[] = [];
  if (start < 0) return found;
  forEachElement(bytes, start, spans[2 * field + 1] ?? start, (from, to) => {
    if (bytes[from] !== OPEN_OBJECT) return;
    const value = lastText(bytes, new MemberCursor(bytes, from, to), word);
    if (value !== undefined && value !== '') found.push(value);
  });
  return found;
}

/** Upstream always writes all three flags; were one missing, it would mean `false` (article-schema §1), and hiding is the safe reading. */
function readVisibility(bytes: Buffer, spans: Spans): Visibility | undefined {
  const cursor = cursorOver(bytes, spans, FIELD.visibility);
  if (cursor === undefined) return undefined;
  const visibility = { text: false, editor: false, comment: false };
  while (cursor.next()) {
    cursor.skip();
    const isTrue = spells(bytes, cursor.valueStart, cursor.valueEnd, TRUE);
    if (cursor.is(WORD.text)) visibility.text = isTrue;
    else if (cursor.is(WORD.editor)) visibility.editor = isTrue;
    else if (cursor.is(WORD.comment)) visibility.comment = isTrue;
  }
  return visibility;
}

interface EventFields {
  type: string;
  created: UpstreamTime | undefined;
  published: UpstreamTime | undefined;
  position: StreamPosition | undefined;
}

function readEvent(bytes: Buffer, spans: Spans): EventFields {
  const found: EventFields = { type: 'update', created: undefined, published: undefined, position: undefined };
  const cursor = cursorOver(bytes, spans, FIELD.event);
  let partition: number | undefined;
  let offset: number | undefined;
  while (cursor?.next() === true) {
    cursor.skip();
    const { valueStart, valueEnd } = cursor;
    if (cursor.is(WORD.type)) found.type = nonEmpty(text(bytes, valueStart, valueEnd)) ?? 'update';
    else if (cursor.is(WORD.dateCreated)) found.created = timeOf(text(bytes, valueStart, valueEnd));
    else if (cursor.is(WORD.datePublished)) found.published = timeOf(text(bytes, valueStart, valueEnd));
    else if (cursor.is(WORD.partition)) partition = positionPart(bytes, valueStart, valueEnd);
    else if (cursor.is(WORD.offset)) offset = positionPart(bytes, valueStart, valueEnd);
  }
  // Both are written on the stream, a real 0 too (article-schema §4): one alone is no position.
  if (partition !== undefined && offset !== undefined) found.position = { partition, offset };
  return found;
}

function positionPart(bytes: Buffer, start: number, end: number): number | undefined {
  const first = bytes[start] ?? 0;
  return first >= 0x30 && first <= 0x39 ? readWholeNumber(bytes, start, end) : undefined;
}
