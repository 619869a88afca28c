/** `fields`, `filters` and `limit` of the compatible routes: encodings, limits and their 422s (contract §1.3). */
import { MirrorError } from '../contracts/errors.ts';
import { fieldTree, type FieldTree, type Filter, type FilterValue } from './selection.ts';
import type { RawInput } from './request-input.ts';

const MAX_ENTRIES = 255;
const MAX_NAME_LENGTH = 255;
const DEFAULT_LIMIT = 3;
const MAX_LIMIT = 10;

export interface Selection {
  /** `undefined`: the whole record, unparsed. */
  readonly fields: FieldTree | undefined;
  readonly filters: readonly Filter[];
}

function refuse(message: string): never {
  throw new MirrorError('INVALID_INPUT', message);
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MirrorError('INVALID_INPUT', `${what} is not valid JSON: ${text.slice(0, 80)}`, { cause });
  }
}

function asList(value: unknown): readonly unknown[] {
  if (value === undefined || value === null || value === '') return [];
  return Array.isArray(value) ? value : [value];
}

function fieldNames(value: unknown): string[] {
  return asList(value).flatMap((entry): string[] => {
    if (typeof entry !== 'string') return refuse('fields must be a list of member names, such as ["name","version.identifier"].');
    const text = entry.trim();
    if (text.startsWith('[')) {
      const parsed = parseJson(text, 'fields');
      return Array.isArray(parsed) ? fieldNames(parsed) : refuse('fields must be a list of member names.');
    }
    if (text.length === 0) return refuse('fields has an empty entry; each is a member name of 1 to 255 characters.');
    return text.split(',').map((name) => name.trim());
  });
}

function readFields(value: unknown): FieldTree | undefined {
  const names = fieldNames(value);
  if (names.length > MAX_ENTRIES) refuse(`fields has ${names.length} entries; at most ${MAX_ENTRIES} are allowed.`);
  if (names.some((name) => name.length < 1 || name.length > MAX_NAME_LENGTH)) {
    refuse(`each entry of fields must be 1 to ${MAX_NAME_LENGTH} characters long.`);
  }
  if (names.length === 0) return undefined;
  const tree = fieldTree(names);
  return tree === 'whole' ? undefined : tree;
}

function isScalar(value: unknown): value is FilterValue {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function filterFrom(entry: object): Filter {
  const field: unknown = Reflect.get(entry, 'field');
  const value: unknown = Reflect.get(entry, 'value');
  if (typeof field !== 'string' || field.length < 1 || field.length > MAX_NAME_LENGTH) {
    return refuse('each filter needs a "field" of 1 to 255 characters, as in {"field":"in_language.identifier","value":"en"}.');
  }
  if (!Object.hasOwn(entry, 'value') || !isScalar(value)) {
    return refuse(`the filter on ${field} needs a "value" that is a string, number, boolean or null.`);
  }
  return { field, value };
}

function filtersFromText(text: string): Filter[] {
  if (text.includes('[object ')) {
    return refuse(
      'filters arrived as "[object Object]": the client turned its filter objects into text. Send each filter as JSON text, or use POST with a JSON body.',
    );
  }
  if (text.startsWith('[')) {
    const parsed = parseJson(text, 'filters');
    return Array.isArray(parsed) ? filterList(parsed) : refuse('filters must be a list.');
  }
  if (!text.startsWith('{'))
    return refuse('each filter must be a JSON object, as in {"field":"in_language.identifier","value":"en"}.');
  // One object, or several joined by commas; as a list both read the same.
  const parsed = parseJson(`[${text}]`, 'filters');
  return Array.isArray(parsed) ? filterList(parsed) : refuse('filters must be a list.');
}

function filterList(value: unknown): Filter[] {
  return asList(value).flatMap((entry): Filter[] => {
    if (typeof entry === 'string') return filtersFromText(entry.trim());
    if (typeof entry === 'object' && entry !== null && !Array.isArray(entry)) return [filterFrom(entry)];
    return refuse('filters must be a list of {"field":…,"value":…} objects.');
  });
}

/**
 * `fields` and `filters` of a request.
 * @throws MirrorError INVALID_INPUT naming the parameter and how it should look
 */
export function readSelection(input: RawInput): Selection {
  const filters = filterList(input['filters']);
  if (filters.length > MAX_ENTRIES) refuse(`filters has ${filters.length} entries; at most ${MAX_ENTRIES} are allowed.`);
  return { fields: readFields(input['fields']), filters };
}

/**
 * `limit` of a look-up: absent or not positive means 3, more than 10 is refused.
 * @throws MirrorError INVALID_INPUT
 */
export function readLimit(input: RawInput): number {
  const value = input['limit'];
  if (value === undefined || value === null || value === '') return DEFAULT_LIMIT;
  const isNumeric = typeof value === 'number' || (typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value));
  const limit = isNumeric ? Number(value) : Number.NaN;
  if (!Number.isInteger(limit)) return refuse(`limit must be a whole number from 1 to ${MAX_LIMIT}.`);
  if (limit > MAX_LIMIT) return refuse(`limit must be at most ${MAX_LIMIT}.`);
  return limit <= 0 ? DEFAULT_LIMIT : limit;
}
