/**
 * The one engine for `fields` and `filters` (contract §3, "Serve", rules 1 to 3). Works on the record's bytes: what is
 * selected is copied as it was received. Members come in the record's own order, which is upstream's schema order.
 */
import { MirrorError } from '../contracts/errors.ts';
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE, readString, skipSpace, skipSpaceBack } from '../records/json-bytes.ts';
import { forEachElement, iterateMembers } from '../records/members.ts';

/** Where a value lies in the record; `end` is just behind it. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Which members to keep: everything, or those named, each with its own tree. */
export type FieldTree = 'whole' | ReadonlyMap<string, FieldTree>;

export type FilterValue = string | number | boolean | null;

export interface Filter {
  readonly field: string;
  readonly value: FilterValue;
}

/** Names that upstream's stream engine uses inside for members spelled otherwise in records (contract §3, rule 2). `truthy` and `falsy` are swapped there. */
const ALIASES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/^version\.sizes(?=\.|$)/, 'version.size'],
  [/^image\.contentUrl$/, 'image.content_url'],
  [/\.probability\.truthy$/, '.probability.false'],
  [/\.probability\.falsy$/, '.probability.true'],
];

function memberPath(field: string): string[] {
  const spelled = ALIASES.reduce((path, [pattern, replacement]) => path.replace(pattern, replacement), field);
  return spelled.split('.');
}

type MutableTree = Map<string, MutableTree | 'whole'>;

/** Turns `fields` into a tree. `a` and `a.*` both mean the whole of `a`; `*` means everything. */
export function fieldTree(fields: readonly string[]): FieldTree {
  const root: MutableTree = new Map();
  for (const field of fields) {
    const path = memberPath(field);
    if (path.at(-1) === '*') path.pop();
    const last = path.pop();
    if (last === undefined) return 'whole';
    let node: MutableTree | 'whole' = root;
    for (const name of path) {
      const next: MutableTree | 'whole' = node.get(name) ?? new Map();
      node.set(name, next);
      node = next;
      if (node === 'whole') break;
    }
    if (node !== 'whole') node.set(last, 'whole');
  }
  return root;
}

const COMMA = Buffer.from(',');
const COLON = Buffer.from(':');
const EMPTY_OBJECT = Buffer.from('{}');

function enclosed(open: string, groups: readonly (readonly Uint8Array[])[], close: string): Uint8Array[] {
  const pieces: Uint8Array[] = [Buffer.from(open)];
  groups.forEach((group, index) => {
    if (index > 0) pieces.push(COMMA);
    pieces.push(...group);
  });
  pieces.push(Buffer.from(close));
  return pieces;
}

function isObject(bytes: Buffer, span: Span): boolean {
  return bytes[span.start] === OPEN_OBJECT;
}

function elementsOf(bytes: Buffer, span: Span): readonly Span[] {
  const elements: Span[] = [];
  forEachElement(bytes, span.start, span.end, (start, end) => elements.push({ start, end }));
  return elements;
}

/** The one value in `bytes`, without white space around it. */
function wholeValue(bytes: Buffer): Span {
  const start = skipSpace(bytes, 0, bytes.length);
  return { start, end: skipSpaceBack(bytes, bytes.length, start) + 1 };
}

/** Pieces of what is left of the value, or `undefined` when nothing is: parents that become empty are left out too. */
function prune(bytes: Buffer, span: Span, tree: FieldTree): Uint8Array[] | undefined {
  if (tree === 'whole') return [bytes.subarray(span.start, span.end)];
  const kept: Uint8Array[][] = [];
  if (bytes[span.start] === OPEN_ARRAY) {
    for (const element of elementsOf(bytes, span)) {
      const pieces = prune(bytes, element, tree);
      if (pieces !== undefined) kept.push(pieces);
    }
    return kept.length === 0 ? undefined : enclosed('[', kept, ']');
  }
  if (!isObject(bytes, span)) return undefined;
  for (const member of iterateMembers(bytes, span.start, span.end)) {
    const wanted = tree.get(member.key);
    if (wanted === undefined) continue;
    if (wanted === 'whole') {
      kept.push([bytes.subarray(member.keyStart, member.valueEnd)]);
      continue;
    }
    const pieces = prune(bytes, { start: member.valueStart, end: member.valueEnd }, wanted);
    if (pieces !== undefined) kept.push([Buffer.from(JSON.stringify(member.key)), COLON, ...pieces]);
  }
  return kept.length === 0 ? undefined : enclosed('{', kept, '}');
}

/**
 * The record cut to the wanted members; `{}` when it has none of them, which still counts as a result.
 * @throws MirrorError RECORD_INVALID when the bytes are not JSON
 */
export function selectFields(record: Buffer, tree: FieldTree): Buffer {
  if (tree === 'whole') return record;
  const pieces = prune(record, wholeValue(record), tree);
  return pieces === undefined ? EMPTY_OBJECT : Buffer.concat(pieces);
}

/** Values at a path; through arrays every element's. */
function* valuesAt(bytes: Buffer, span: Span, path: readonly string[]): Generator<Span> {
  if (bytes[span.start] === OPEN_ARRAY) {
    for (const element of elementsOf(bytes, span)) yield* valuesAt(bytes, element, path);
    return;
  }
  const [name, ...rest] = path;
  if (name === undefined) {
    yield span;
    return;
  }
  if (!isObject(bytes, span)) return;
  for (const member of iterateMembers(bytes, span.start, span.end)) {
    if (member.key !== name) continue;
    yield* valuesAt(bytes, { start: member.valueStart, end: member.valueEnd }, rest);
    return;
  }
}

/** Equality by text across string, number and boolean, so that `"0"` equals 0 and `"true"` equals true. */
function isEqual(bytes: Buffer, span: Span, wanted: FilterValue): boolean {
  if (isObject(bytes, span)) return false;
  if (bytes[span.start] === QUOTE) {
    const text = readString(bytes, span.start, span.end);
    if (text === undefined)
      throw new MirrorError('RECORD_INVALID', `The stored record has a damaged text at byte ${span.start}.`);
    return wanted !== null && text === String(wanted);
  }
  const literal = bytes.toString('latin1', span.start, span.end);
  if (wanted === null || literal === 'null') return wanted === null && literal === 'null';
  if (literal === 'true' || literal === 'false') return literal === String(wanted);
  return literal === String(wanted) || String(Number(literal)) === String(wanted);
}

function hasAny(bytes: Buffer, path: readonly string[], values: readonly FilterValue[]): boolean {
  let isMissing = true;
  for (const span of valuesAt(bytes, wholeValue(bytes), path)) {
    isMissing = false;
    if (values.some((value) => isEqual(bytes, span, value))) return true;
  }
  return isMissing && values.includes(null);
}

/** Filters by field: different fields must all match, the same field given twice may match either way. */
export function groupFilters(filters: readonly Filter[]): ReadonlyMap<string, readonly FilterValue[]> {
  const groups = new Map<string, FilterValue[]>();
  for (const { field, value } of filters) {
    const group = groups.get(field);
    if (group === undefined) groups.set(field, [value]);
    else group.push(value);
  }
  return groups;
}

/**
 * Whether the record passes all filters. A missing member matches only `null`; through arrays one element is enough.
 * @throws MirrorError RECORD_INVALID when the bytes are not JSON
 */
export function matchesFilters(record: Buffer, filters: readonly Filter[]): boolean {
  for (const [field, values] of groupFilters(filters)) {
    if (!hasAny(record, memberPath(field), values)) return false;
  }
  return true;
}

/** Whether plain text equals one of the values, by the same rule as a record's member. */
export function equalsAny(text: string, values: readonly FilterValue[]): boolean {
  return values.some((value) => value !== null && String(value) === text);
}
