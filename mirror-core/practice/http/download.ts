/** Sends a stored file with everything HTTP has for it: ranges, conditions, and the headers upstream's store answers (contract §7.3). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StoredObject } from '../object-store.ts';

/** How a failure is told: the object store speaks XML, the API JSON. */
export type Refuse = (status: number, code: string, message: string, headers?: Readonly<Record<string, string>>) => void;

interface Range {
  readonly first: number;
  readonly last: number;
}

/** The literal zone `UTC` instead of `GMT` is upstream's own. */
function utcDate(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', 'UTC');
}

export function objectHeaders(object: StoredObject): Record<string, string | number> {
  return {
    'Accept-Ranges': 'bytes',
    'Content-Type': 'binary/octet-stream',
    ETag: object.etag,
    'Last-Modified': utcDate(object.lastModifiedMs),
  };
}

export function sendHead(response: ServerResponse, object: StoredObject): void {
  response.writeHead(200, {
    ...objectHeaders(object),
    'Content-Length': object.bytes.length,
    'Access-Control-Expose-Headers':
      'Accept-Ranges, Last-Modified, Content-Length, ETag, Cache-Control, Content-Disposition, Content-Encoding, Content-Type, Expires',
  });
  response.end();
}

/** One byte range; `undefined` for none or one that HTTP lets a server ignore, `null` for one that cannot be satisfied. */
function parseRange(header: string | undefined, length: number): Range | null | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  if (match[1] === '') {
    const suffix = Number(match[2]);
    return suffix === 0 || length === 0 ? null : { first: Math.max(0, length - suffix), last: length - 1 };
  }
  const first = Number(match[1]);
  const last = match[2] === '' ? length - 1 : Math.min(Number(match[2]), length - 1);
  if (match[2] !== '' && Number(match[2]) < first) return undefined;
  return first >= length ? null : { first, last };
}

function lists(header: string, etag: string): boolean {
  return header.split(',').some((candidate) => candidate.trim() === '*' || candidate.trim() === etag);
}

/** Answers a GET of `object`. */
export function sendObjectBytes(request: IncomingMessage, response: ServerResponse, object: StoredObject, refuse: Refuse): void {
  const { headers } = request;
  const { bytes, etag, lastModifiedMs } = object;
  if (headers['if-match'] !== undefined && !lists(headers['if-match'], etag)) {
    refuse(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
    return;
  }
  const isUnchanged =
    headers['if-none-match'] !== undefined
      ? lists(headers['if-none-match'], etag)
      : headers['if-modified-since'] !== undefined && lastModifiedMs <= Date.parse(headers['if-modified-since']);
  if (isUnchanged) {
    response.writeHead(304, objectHeaders(object));
    response.end();
    return;
  }
  const ifRange = headers['if-range'];
  const isSame = typeof ifRange !== 'string' || ifRange === etag || Date.parse(ifRange) === lastModifiedMs;
  const range = isSame ? parseRange(headers.range, bytes.length) : undefined;
  if (range === null) {
    refuse(416, 'InvalidRange', 'The requested range is not satisfiable', { 'Content-Range': `bytes */${bytes.length}` });
    return;
  }
  const body = range === undefined ? bytes : bytes.subarray(range.first, range.last + 1);
  response.writeHead(range === undefined ? 200 : 206, {
    ...objectHeaders(object),
    'Content-Length': body.length,
    ...(range === undefined ? {} : { 'Content-Range': `bytes ${range.first}-${range.last}/${bytes.length}` }),
  });
  response.end(body);
}
