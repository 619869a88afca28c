/** Reading answers: bodies with a limit, times, and what each status means for us (contract §1.4, §1.5). */
import { MirrorError, isAbortError, type JsonValue } from '../../contracts/errors.ts';
import type { HttpResponse } from './http.ts';

/** Lists of all snapshots with all their chunk names are the largest; a few megabytes. More than this is not a list. */
const MAX_BODY_BYTES = 128 * 1024 * 1024;
const ERROR_BODY_BYTES = 16 * 1024;
const MAX_QUOTED_CHARACTERS = 300;

/**
 * The whole body.
 * @throws MirrorError UPSTREAM_PROTOCOL when it is longer than `limitBytes`, UPSTREAM_UNREACHABLE when it breaks off
 */
export async function readBody(response: HttpResponse, route: string, limitBytes: number = MAX_BODY_BYTES): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of response.bytes()) {
    length += piece.length;
    if (length > limitBytes) {
      throw new MirrorError('UPSTREAM_PROTOCOL', `${route} answered with more than ${limitBytes} bytes, which cannot be right.`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}

/** Milliseconds to wait by a `Retry-After` of seconds or of an HTTP date; `undefined` when there is none that can be read. */
export function parseRetryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = parseHttpDateMs(text);
  return at === undefined ? undefined : Math.max(0, at - nowMs);
}

/** An HTTP date, also with upstream's literal `UTC` for `GMT` (contract §7.3). */
export function parseHttpDateMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^[A-Za-z]{3,9},? /.test(text)) return undefined;
  const ms = Date.parse(text.trim().replace(/ UTC$/, ' GMT'));
  return Number.isNaN(ms) ? undefined : ms;
}

export function isHtml(response: HttpResponse): boolean {
  return /^\s*(?:text\/html|application\/xhtml)/i.test(response.header('content-type') ?? '');
}

/** A web page where data was expected: a sign-in page of the network, a proxy's notice, or a wrong address. */
export function webPageError(response: HttpResponse, route: string): MirrorError {
  return new MirrorError(
    'UPSTREAM_PROTOCOL',
    `${route} answered with a web page (status ${response.status}) instead of data. A proxy or the network's sign-in page may be in between, or the address is wrong.`,
    { context: { route, status: response.status } },
  );
}

/** What upstream itself said in its error body, shortened; empty when it said nothing that can be quoted. */
async function quotedMessage(response: HttpResponse, route: string): Promise<string> {
  if (isHtml(response)) {
    await response.discard();
    return '';
  }
  try {
    const body = (await readBody(response, route, ERROR_BODY_BYTES)).toString('utf8');
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null || !('message' in parsed) || typeof parsed.message !== 'string') return '';
    // eslint-disable-next-line no-control-regex -- control characters must not reach a terminal
    return parsed.message.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, MAX_QUOTED_CHARACTERS);
  } catch (error) {
    // The status alone decides; a body that is no JSON (the object store answers in XML) or breaks off adds nothing to it.
    if (isAbortError(error)) throw error;
    return '';
  }
}

/**
 * The error for an answer that is not a success. Reads (a little of) or discards the body.
 * @param route what was asked, for the message: method and path without the query
 */
export async function statusError(response: HttpResponse, route: string, nowMs: number): Promise<MirrorError> {
  const { status } = response;
  if (status < 300 || (isHtml(response) && status === 404)) {
    await response.discard();
    return isHtml(response)
      ? webPageError(response, route)
      : new MirrorError('UPSTREAM_PROTOCOL', `${route} answered ${status}, which is not understood.`);
  }
  const retryAfterMs = parseRetryAfterMs(response.header('retry-after'), nowMs);
  const said = await quotedMessage(response, route);
  const quote = said === '' ? '' : ` Upstream says: "${said}".`;
  const context: Record<string, JsonValue> = { route, status };
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  switch (status) {
    case 401:
      return new MirrorError('AUTH_FAILED', `${route} was refused (401): upstream does not accept our token.${quote}`, {
        context,
      });
    case 403:
      return new MirrorError(
        'FORBIDDEN',
        `${route} was refused (403): this account may not use it.${quote} Its permissions are on the account's page.`,
        {
          context,
        },
      );
    case 404:
      return new MirrorError('NOT_FOUND', `${route}: upstream has no such thing (404).${quote}`, { context });
    case 429:
      return new MirrorError('UPSTREAM_RATE_LIMITED', `${route}: upstream asks us to slow down (429).${quote}`, {
        context,
        ...wait,
      });
    default:
      break;
  }
  if (status === 408 || status >= 500) {
    return new MirrorError('UPSTREAM_ERROR', `${route}: upstream is in trouble (${status}).${quote} It is tried again.`, {
      context,
      ...wait,
    });
  }
  if (status < 400) {
    return new MirrorError(
      'UPSTREAM_PROTOCOL',
      `${route} sent us elsewhere (${status}) where no redirect is expected. Check the address.`,
      { context },
    );
  }
  return new MirrorError('UPSTREAM_ERROR', `${route} was refused (${status}).${quote}`, { context, retryable: false });
}
