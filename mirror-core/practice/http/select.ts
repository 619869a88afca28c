/** Field selection and filters of the list and On-demand engines, with the accidents of each (contract §3). */
import { isJsonObject, type Json, type JsonObject } from '../go-json.ts';
import type { Filter } from './parameters.ts';

function valueAt(record: JsonObject, path: string): Json | undefined {
  let value: Json | undefined = record;
  for (const member of path.split('.')) {
    if (!isJsonObject(value)) return undefined;
    value = value[member];
  }
  return value;
}

/** Lists: the answer is flat, `is_part_of.identifier` comes back as `is_part_of__identifier`. */
export function selectFlat(record: JsonObject, fields: readonly string[]): JsonObject {
  if (fields.length === 0 || fields.includes('*')) return record;
  const selected: Record<string, Json> = {};
  for (const field of fields) {
    const value = valueAt(record, field);
    if (value !== undefined) selected[field.replaceAll('.', '__')] = value;
  }
  return selected;
}

/** Lists: texts and the namespace by equality, any other number by "greater than" (upstream's bug), everything else is ignored. */
export function matchesFlat(record: JsonObject, filters: readonly Filter[]): boolean {
  return filters.every(({ field, value }) => {
    if (typeof value !== 'string' && typeof value !== 'number') return true;
    const found = valueAt(record, field);
    if (typeof value === 'string') return found === value;
    if (field === 'namespace.identifier') return found === value;
    return typeof found === 'number' && found > value;
  });
}

/** On-demand: nested; a parent whose members are absent stays as `{}`; a path through a list yields an empty object. */
export function selectNested(record: JsonObject, fields: readonly string[]): JsonObject {
  if (fields.length === 0) return record;
  const selected: Record<string, Json> = {};
  for (const field of fields) {
    if (field === '*') {
      const [first] = Object.entries(record);
      if (first !== undefined) selected[first[0]] = first[1];
    } else {
      copyPath(record, selected, field.split('.'));
    }
  }
  return selected;
}

function copyPath(source: JsonObject, target: Record<string, Json>, path: readonly string[]): void {
  const [member, ...rest] = path;
  if (member === undefined) return;
  const value = source[member];
  if (value === undefined) return;
  if (rest.length === 0 || (rest.length === 1 && rest[0] === '*')) {
    target[member] = value;
    return;
  }
  const inner = target[member];
  const kept: Record<string, Json> = isJsonObject(inner) ? { ...inner } : {};
  if (isJsonObject(value)) copyPath(value, kept, rest);
  target[member] = kept;
}

/** On-demand: same type and same value; `null` matches a missing member. */
export function matchesStrictly(record: JsonObject, filters: readonly Filter[]): boolean {
  return filters.every(({ field, value }) => {
    const found = valueAt(record, field);
    return value === null ? found === undefined || found === null : found === value;
  });
}
