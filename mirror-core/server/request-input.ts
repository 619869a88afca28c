/** Reads what a client sent on the compatible routes, in every encoding that clients use (contract §1.3, "Serve"). */
import { MirrorError } from '../contracts/errors.ts';

/** Parameters by name, before their meaning is known. */
export type RawInput = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `fields[]` and `fields[0]` are other spellings of `fields`. */
function plainKey(key: string): string {
  return key.replace(/\[\d*\]$/, '');
}

/** A query string or form body. A key given once is a text, a repeated one a list of texts; `+` means a space here. */
export function parseForm(text: string): RawInput {
  const lists = new Map<string, string[]>();
  for (const [key, value] of new URLSearchParams(text)) {
    const name = plainKey(key);
    const list = lists.get(name);
    if (list === undefined) lists.set(name, [value]);
    else list.push(value);
  }
  return Object.fromEntries([...lists].map(([key, values]) => [key, values.length === 1 ? values[0] : values]));
}

function isJsonType(contentType: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(contentType.trim());
}

/**
 * A request body. JSON whatever the content type says, if it parses; otherwise a form. An empty body is no parameters, also
 * when it claims to be JSON: the official Go client sends that.
 * @throws MirrorError INVALID_INPUT when the content type is JSON and the body is not a JSON object
 */
export function parseBody(body: Buffer | undefined, contentType: string | undefined): RawInput {
  const text = (body ?? Buffer.alloc(0))
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trim();
  if (text === '') return {};
  const claimsJson = isJsonType(contentType ?? '');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    if (claimsJson) throw new MirrorError('INVALID_INPUT', 'The request body is not valid JSON.', { cause });
    return parseForm(text);
  }
  if (isRecord(parsed)) return parsed;
  if (parsed === null) return {};
  if (claimsJson) throw new MirrorError('INVALID_INPUT', 'The request body must be a JSON object, such as {"fields":["name"]}.');
  return parseForm(text);
}

/** The body's parameters, with those of the query string as defaults for what the body lacks. */
export function mergeInput(query: RawInput, body: RawInput): RawInput {
  const given = Object.entries(body).filter(([, value]) => value !== undefined && value !== null);
  return { ...query, ...Object.fromEntries(given) };
}

/** The query string of a request target, without its `?`. */
export function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark + 1);
}

/** The path of a request target, as it was sent. */
export function pathOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? target : target.slice(0, mark);
}
