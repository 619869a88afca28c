/** The one way out to the network: proxies from the environment, timeouts, our name, and errors in our own words. */
import { EnvHttpProxyAgent, request as undiciRequest, type Dispatcher } from 'undici';
import { MirrorError, isAbortError, messageOf } from '../../contracts/errors.ts';
import { PRACTICE_HEADER } from '../../contracts/practice.ts';
import { abortErrorOf, anySignal, throwIfAborted } from './abort.ts';

/** Milliseconds; 0 waits for ever. */
export interface HttpTimeouts {
  readonly connectMs: number;
  /** From the request's end to the answer's first line. */
  readonly headersMs: number;
  /** Between two pieces of an answer's body, while we are ready to take the next. */
  readonly bodyIdleMs: number;
}

export const DEFAULT_TIMEOUTS: HttpTimeouts = { connectMs: 15_000, headersMs: 60_000, bodyIdleMs: 60_000 };

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal | undefined;
  readonly headersTimeoutMs?: number;
  readonly bodyIdleMs?: number;
}

/** An answer whose body has not been read yet. Either read it or {@link HttpResponse.discard} it, or its socket stays taken. */
export interface HttpResponse {
  readonly status: number;
  readonly url: URL;
  header(name: string): string | undefined;
  /** The body as it comes; a slow reader slows the socket. Errors are MirrorError or AbortError. */
  bytes(): AsyncIterable<Buffer>;
  discard(): Promise<void>;
}

/** A URL fit for messages and logs: no query (presigned addresses carry the account there, contract §7.3), no credentials. */
export function shownUrl(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** Appends an API path to a base address that may have a path of its own. */
export function joinUrl(base: URL, path: string): URL {
  return new URL(`${base.origin}${base.pathname.replace(/\/+$/, '')}${path}`);
}

/** Small bodies are read to their end so that the connection can be used again; larger ones are cut off. */
const DISCARD_LIMIT_BYTES = 64 * 1024;

export class HttpClient {
  readonly #dispatcher: Dispatcher;
  readonly #closing = new AbortController();
  readonly #timeouts: HttpTimeouts;
  readonly #userAgent: string;
  #sawPracticeMark = false;

  /** @throws MirrorError CONFIG_INVALID when the proxy settings of the environment are no addresses */
  constructor(options: { readonly userAgent: string; readonly timeouts: HttpTimeouts }) {
    this.#userAgent = options.userAgent;
    this.#timeouts = options.timeouts;
    try {
      // HTTP/1.1 only: each stream and download then has a socket of its own, so that one slow reader never holds up another.
      this.#dispatcher = new EnvHttpProxyAgent({ connect: { timeout: options.timeouts.connectMs }, allowH2: false });
    } catch {
      // The cause is left out on purpose: a proxy address may hold a password.
      throw new MirrorError('CONFIG_INVALID', 'HTTP_PROXY or HTTPS_PROXY is not a proxy address. Expected http://host:port.');
    }
  }

  /** Whether any answer so far carried the practice mark. */
  get sawPracticeMark(): boolean {
    return this.#sawPracticeMark;
  }

  /** Aborts when the client is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Sends one request, once; follows nothing, judges no status.
   * @throws MirrorError UPSTREAM_UNREACHABLE, or AbortError
   */
  async send(request: HttpRequest): Promise<HttpResponse> {
    const signal = anySignal(this.#closing.signal, request.signal);
    throwIfAborted(signal);
    let answer;
    try {
      answer = await undiciRequest(request.url, {
        dispatcher: this.#dispatcher,
        method: request.method,
        headers: { 'user-agent': this.#userAgent, 'accept-encoding': 'identity', ...request.headers },
        body: request.body ?? null,
        signal,
        headersTimeout: request.headersTimeoutMs ?? this.#timeouts.headersMs,
        bodyTimeout: request.bodyIdleMs ?? this.#timeouts.bodyIdleMs,
      });
    } catch (error) {
      throw networkError(error, request.url, signal);
    }
    if (answer.headers[PRACTICE_HEADER] !== undefined) this.#sawPracticeMark = true;
    return wrapAnswer(answer, request.url, signal);
  }

  /** Ends every connection at once; running requests reject with AbortError. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new DOMException('The upstream client was closed', 'AbortError'));
    await this.#dispatcher.destroy();
  }
}

function wrapAnswer(answer: Dispatcher.ResponseData, url: URL, signal: AbortSignal): HttpResponse {
  const { body, headers } = answer;
  // Destroying an unread body makes it emit an error that nobody waits for; readers get theirs from the iterator.
  body.on('error', () => undefined);
  return {
    status: answer.statusCode,
    url,
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
    async *bytes() {
      try {
        for await (const piece of body) yield asBuffer(piece);
      } catch (error) {
        throw networkError(error, url, signal);
      }
    },
    discard: async () => {
      const length = Number(headers['content-length'] ?? Number.NaN);
      if (!(length <= DISCARD_LIMIT_BYTES)) {
        body.destroy();
        return;
      }
      try {
        await body.dump({ limit: DISCARD_LIMIT_BYTES, signal });
      } catch (error) {
        throw networkError(error, url, signal);
      }
    },
  };
}

function asBuffer(piece: unknown): Buffer {
  if (Buffer.isBuffer(piece)) return piece;
  throw new MirrorError('INTERNAL', 'an HTTP body produced something other than bytes');
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was broken off',
  EPIPE: 'the connection was broken off',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  ENETUNREACH: 'there is no way to that network',
  EHOSTUNREACH: 'there is no way to that host',
  ETIMEDOUT: 'the connection timed out',
  UND_ERR_CONNECT_TIMEOUT: 'no connection within the time allowed',
  UND_ERR_HEADERS_TIMEOUT: 'no answer within the time allowed',
  UND_ERR_BODY_TIMEOUT: 'the answer stalled',
  UND_ERR_SOCKET: 'the connection was closed before the answer was complete',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'the answer was not as long as announced',
};

/** Certificate trouble does not pass by itself: trying again would only hide it. */
const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ERR_TLS/;

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** What a failed connection means, in our words. An abort of ours stays an AbortError. */
export function networkError(error: unknown, url: URL, signal: AbortSignal): Error {
  if (signal.aborted) return abortErrorOf(signal);
  if (error instanceof MirrorError) return error;
  const code = codeOf(error);
  const where = shownUrl(url);
  if (CERTIFICATE_CODE.test(code)) {
    return new MirrorError(
      'UPSTREAM_UNREACHABLE',
      `Cannot talk to ${where}: its certificate is not trusted (${code}). If a proxy opens TLS here, give its certificate to Node with NODE_EXTRA_CA_CERTS.`,
      { cause: error, retryable: false, context: { url: where, reason: code } },
    );
  }
  if (code.startsWith('HPE_')) {
    // Without the cause: the parser keeps the bytes it stumbled over, and those can hold tokens.
    return new MirrorError('UPSTREAM_PROTOCOL', `${where} does not speak HTTP (${code}). Check the address and the port.`, {
      context: { url: where, reason: code },
    });
  }
  // A proxy that refuses the tunnel shows up as an abort nobody asked for.
  const reason = REASONS[code] ?? (isAbortError(error) ? `the proxy refused (${messageOf(error)})` : messageOf(error));
  return new MirrorError(
    'UPSTREAM_UNREACHABLE',
    `Cannot reach ${where}: ${reason}. Check the network, the proxy settings and the address.`,
    {
      cause: error,
      context: { url: where, reason: code === '' ? 'unknown' : code },
    },
  );
}
