/** JSON the way upstream's encoder writes it: leave-out rule (article-schema §1.1) and escapes (contract §1.4). */

/** Anything a record may hold before the leave-out rule is applied. */
export type Draft =
  string | number | boolean | null | undefined | Always | readonly Draft[] | { readonly [member: string]: Draft };

export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;

/** A value that is written even when it is zero, such as `namespace.identifier`. */
export class Always {
  readonly value: number | boolean | string;
  constructor(value: number | boolean | string) {
    this.value = value;
  }
}

export function always(value: number | boolean | string): Always {
  return new Always(value);
}

function isZero(value: Draft): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true;
  return Array.isArray(value) && value.length === 0;
}

function keep(value: Draft): Json {
  if (value instanceof Always) return value.value;
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object') return value;
  // Inside a list nothing is left out: a list of numbers keeps its zeros.
  if (Array.isArray(value)) return value.map((item: Draft) => keep(item));
  return leaveOut(value as { readonly [member: string]: Draft });
}

/** Drops every member whose value is zero, false, empty text, null, an empty list or absent; empty objects stay. */
export function leaveOut(draft: { readonly [member: string]: Draft }): JsonObject {
  const record: Record<string, Json> = {};
  for (const [member, value] of Object.entries(draft)) {
    if (!isZero(value)) record[member] = keep(value);
  }
  return record;
}

const ESCAPED = /[<>&\u2028\u2029]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** One line of JSON. The escaped characters can only stand inside texts, so replacing them in the finished text is right. */
export function goStringify(value: Json): string {
  return JSON.stringify(value).replaceAll(ESCAPED, (character) => ESCAPES[character] ?? character);
}

/** A member that is known to be a text; empty when it is not. */
export function textMember(record: JsonObject, member: string): string {
  const value = record[member];
  return typeof value === 'string' ? value : '';
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
