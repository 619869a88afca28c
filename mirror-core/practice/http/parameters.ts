/** Request parameters, read where upstream's server reads them and nowhere else (contract §1.3). */
import type { IncomingMessage } from 'node:http';
import { MirrorError } from '../../contracts/errors.ts';
import { PARTITION_COUNT, PART_COUNT } from '../../contracts/limits.ts';
import { parseUpstreamTime, timeToMs } from '../../contracts/upstream-time.ts';

export interface Filter {
  readonly field: string;
  readonly value: string | number | boolean | null;
}

export interface Parameters {
  readonly fields: readonly string[];
  readonly filters: readonly Filter[];
  readonly limit: number | undefined;
  /** Ms since the epoch, as are the values of `sincePerPartition`. */
  readonly since: number | undefined;
  readonly sincePerPartition: ReadonlyMap<number, number>;
  readonly offsets: ReadonlyMap<number, number>;
  readonly parts: readonly number[];
}

const MAX_BODY_BYTES = 1_000_000;
const MAX_LIST = 255;

function invalid(message: string): MirrorError {
  return new MirrorError('INVALID_INPUT', message);
}

/** The whole request body. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MAX_BODY_BYTES) throw invalid('request body too large');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

type Members = Readonly<Record<string, unknown>>;

export function parseJsonObject(text: string): Members {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new MirrorError('INVALID_INPUT', 'invalid character in the JSON body', { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('the JSON body must be an object');
  return value as Members;
}

function parseQueryJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new MirrorError('INVALID_INPUT', `${name}: ${JSON.stringify(text)} is not JSON`, { cause: error });
  }
}

function fromQuery(query: URLSearchParams): Members {
  const members: Record<string, unknown> = {};
  // Brackets and comma lists mean nothing to the real server: `fields=a,b` is one odd field name.
  if (query.has('fields')) members['fields'] = query.getAll('fields');
  if (query.has('filters')) members['filters'] = query.getAll('filters').map((text) => parseQueryJson('filters', text));
  if (query.has('parts')) members['parts'] = query.getAll('parts').map(Number);
  for (const name of ['offsets', 'since_per_partition']) {
    const text = query.get(name);
    if (text !== null && text !== '') members[name] = parseQueryJson(name, text);
  }
  const limit = query.get('limit');
  if (limit !== null && limit !== '') members['limit'] = Number(limit);
  const since = query.get('since');
  if (since !== null && since !== '') members['since'] = since;
  return members;
}

/** Parameters of a list or On-demand request. */
export async function listParameters(request: IncomingMessage, query: URLSearchParams, nowMs: number): Promise<Parameters> {
  if (request.method !== 'POST') return toParameters(fromQuery(query), nowMs);
  const type = request.headers['content-type'] ?? '';
  const body = await readBody(request);
  if (type.startsWith('application/json')) return toParameters(body.trim() === '' ? {} : parseJsonObject(body), nowMs);
  const form = new URLSearchParams(query);
  if (type.startsWith('application/x-www-form-urlencoded'))
    for (const [name, value] of new URLSearchParams(body)) form.append(name, value);
  return toParameters(fromQuery(form), nowMs);
}

/** Parameters of a stream: query or form first, then the body as JSON in any case, also for GET. */
export async function streamParameters(request: IncomingMessage, query: URLSearchParams, nowMs: number): Promise<Parameters> {
  const body = await readBody(request);
  const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  const form = new URLSearchParams(query);
  if (isForm) for (const [name, value] of new URLSearchParams(body)) form.append(name, value);
  const members = { ...fromQuery(form), ...(isForm || body.trim() === '' ? {} : parseJsonObject(body)) };
  const parameters = toParameters(members, nowMs);
  if (parameters.since !== undefined && parameters.parts.length > 0) throw invalid('since and parts cannot be given together');
  for (const partition of parameters.offsets.keys()) {
    if (parameters.sincePerPartition.has(partition))
      throw invalid(`partition ${partition} is in offsets and in since_per_partition`);
  }
  return parameters;
}

function toParameters(members: Members, nowMs: number): Parameters {
  const since = members['since'];
  const limit = members['limit'];
  if (limit !== undefined && (typeof limit !== 'number' || !Number.isInteger(limit))) throw invalid('limit must be an integer');
  return {
    fields: fieldsOf(members['fields']),
    filters: filtersOf(members['filters']),
    limit: typeof limit === 'number' ? limit : undefined,
    since: since === undefined || since === null || since === '' ? undefined : timeOf('since', since, nowMs),
    sincePerPartition: partitionsOf('since_per_partition', members['since_per_partition'], (value) =>
      timeOf('since_per_partition', value, nowMs),
    ),
    offsets: partitionsOf('offsets', members['offsets'], (value) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw invalid('offsets must be integers');
      return value;
    }),
    parts: partsOf(members['parts']),
  };
}

function listOf(name: string, value: unknown, limit: number): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`${name} must be an array`);
  if (value.length > limit) throw invalid(`${name} must have at most ${limit} entries`);
  return value as readonly unknown[];
}

function fieldsOf(value: unknown): string[] {
  return listOf('fields', value, MAX_LIST).map((field) => {
    if (typeof field !== 'string' || field.length < 1 || field.length > 255)
      throw invalid('fields must be texts of 1 to 255 characters');
    return field;
  });
}

function filtersOf(value: unknown): Filter[] {
  return listOf('filters', value, MAX_LIST).map((entry) => {
    if (typeof entry !== 'object' || entry === null) throw invalid('filters must be objects with field and value');
    const { field, value: wanted } = entry as { field?: unknown; value?: unknown };
    if (typeof field !== 'string' || field === '') throw invalid('every filter needs a field');
    if (wanted === undefined || wanted === null) return { field, value: null };
    if (typeof wanted !== 'string' && typeof wanted !== 'number' && typeof wanted !== 'boolean')
      throw invalid('a filter value must be a single value');
    return { field, value: wanted };
  });
}

function timeOf(name: string, value: unknown, nowMs: number): number {
  const time = typeof value === 'string' && /[zZ]$|[+-]\d{2}:\d{2}$/.test(value) ? parseUpstreamTime(value) : undefined;
  if (time === undefined) throw invalid(`${name}: ${JSON.stringify(value)} is not an RFC 3339 time`);
  const ms = timeToMs(time);
  if (ms > nowMs) throw invalid(`${name} lies in the future`);
  return ms;
}

function partitionsOf(name: string, value: unknown, read: (value: unknown) => number): Map<number, number> {
  if (value === undefined || value === null) return new Map();
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(`${name} must be an object`);
  const entries = Object.entries(value);
  if (entries.length > PARTITION_COUNT) throw invalid(`${name} must have at most ${PARTITION_COUNT} entries`);
  return new Map(
    entries.map(([key, entry]: [string, unknown]) => {
      const partition = Number(key);
      if (!Number.isInteger(partition) || partition < 0 || partition >= PARTITION_COUNT)
        throw invalid(`${name}: there is no partition ${key}`);
      return [partition, read(entry)];
    }),
  );
}

function partsOf(value: unknown): number[] {
  return listOf('parts', value, PART_COUNT).map((part) => {
    if (typeof part !== 'number' || !Number.isInteger(part) || part < 0 || part >= PART_COUNT)
      throw invalid('parts must be integers from 0 to 9');
    return part;
  });
}
