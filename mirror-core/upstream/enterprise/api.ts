/** Calls to the service in our name: token, quota count, and the refusals that only the whole picture explains. */
import type { Logger } from 'pino';
import { MirrorError, isMirrorError } from '../../contracts/errors.ts';
import type { QuotaKind } from '../../contracts/upstream-port.ts';
import { joinUrl, shownUrl, type HttpClient, type HttpResponse } from './http.ts';
import type { QuotaLedger } from './quota-ledger.ts';
import { isHtml, readBody, statusError, webPageError } from './responses.ts';
import type { RetryRunner } from './retry-runner.ts';
import type { Session } from './session.ts';

/** A 429 that asks for longer than this is about the month, not about the pace. */
const LONG_WAIT_MS = 3_600_000;

export interface Origins {
  readonly auth: URL;
  readonly api: URL;
  readonly realtime: URL;
}

/** One call. Paths begin with `/v1` or `/v2` and are already encoded. */
export interface Call {
  readonly origin: keyof Origins;
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: string;
  readonly accept?: string;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Counted in the ledger before each time it is sent. */
  readonly counts?: QuotaKind;
  readonly headersTimeoutMs?: number;
  readonly bodyIdleMs?: number;
}

export interface ApiParts {
  readonly http: HttpClient;
  readonly session: Session;
  readonly ledger: QuotaLedger;
  readonly retry: RetryRunner;
  readonly origins: Origins;
  readonly now: () => number;
  readonly logger: Logger;
}

/** Brings the ledger up to upstream's own counters; false when upstream does not tell them. */
export type Reconcile = (signal: AbortSignal | undefined) => Promise<boolean>;

export class EnterpriseApi {
  readonly #parts: ApiParts;

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  /** `GET https://host/path`, for messages. */
  routeOf(call: Pick<Call, 'method' | 'origin' | 'path'>): string {
    return `${call.method} ${shownUrl(this.urlOf(call))}`;
  }

  urlOf(call: Pick<Call, 'origin' | 'path'>): URL {
    return joinUrl(this.#parts.origins[call.origin], call.path);
  }

  /**
   * Sends a call with our token. A 401 renews the token once and sends once more; any other status is the caller's to judge.
   * @throws MirrorError AUTH_REQUIRED, AUTH_FAILED, QUOTA_EXHAUSTED, UPSTREAM_UNREACHABLE, or AbortError
   */
  async send(call: Call, signal: AbortSignal | undefined): Promise<HttpResponse> {
    const token = await this.#parts.session.accessToken(signal);
    const first = await this.#sendWith(token, call, signal);
    if (first.status !== 401) return first;
    await first.discard();
    const fresh = await this.#parts.session.accessTokenInsteadOf(token, signal);
    const second = await this.#sendWith(fresh, call, signal);
    if (second.status !== 401) return second;
    throw await statusError(second, this.routeOf(call), this.#parts.now());
  }

  /**
   * A whole small answer, with retries. `undefined` when upstream has no such thing (404).
   * @throws MirrorError FORBIDDEN, UPSTREAM_*, AUTH_*, QUOTA_EXHAUSTED, or AbortError
   */
  read(call: Call, signal: AbortSignal | undefined, reconcile?: Reconcile): Promise<Buffer | undefined> {
    const route = this.routeOf(call);
    return this.#parts.retry.run(
      async () => {
        const response = await this.send(call, signal);
        if (response.status === 404 && !isHtml(response)) {
          await response.discard();
          return undefined;
        }
        if (response.status !== 200) throw await this.refusal(call, response, signal, reconcile);
        if (isHtml(response)) {
          await response.discard();
          throw webPageError(response, route);
        }
        return await readBody(response, route);
      },
      route,
      { signal },
    );
  }

  /**
   * The error for an answer that is no success. For a counted call a 429 is looked into: the month's quota, or only the pace?
   * Upstream says 429 to both and gives no `Retry-After` (contract §1.5).
   */
  async refusal(
    call: Call,
    response: HttpResponse,
    signal: AbortSignal | undefined,
    reconcile?: Reconcile,
  ): Promise<MirrorError> {
    const error = await statusError(response, this.routeOf(call), this.#parts.now());
    const kind = call.counts;
    if (kind === undefined || error.code !== 'UPSTREAM_RATE_LIMITED') return error;
    const { ledger } = this.#parts;
    if (error.retryAfterMs !== undefined && error.retryAfterMs >= LONG_WAIT_MS) {
      await ledger.markUsedUp(kind, this.#parts.now() + error.retryAfterMs);
      return ledger.exhausted(kind);
    }
    const isCounted = reconcile !== undefined && (await reconcile(signal));
    if (!ledger.canSpend(kind)) return ledger.exhausted(kind);
    // Counters with requests left, or a short wait asked for: it is the pace.
    if (isCounted || error.retryAfterMs !== undefined) return error;
    // Nobody tells. Accounts with a cap are taken at upstream's word; accounts without one can only have been too fast.
    const limit = ledger.uses().find((use) => use.kind === kind)?.limit ?? null;
    if (limit === null) return error;
    await ledger.markUsedUp(kind, undefined);
    return ledger.exhausted(kind);
  }

  /**
   * Gets an address that a redirect led to. Our token goes along only on the service's own origin: a presigned address carries its own
   * permission, and the object store refuses a request that has both (contract §7.3, client rule 1).
   */
  async getElsewhere(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpResponse> {
    const authorization =
      url.origin === this.#parts.origins.api.origin
        ? { authorization: `Bearer ${await this.#parts.session.accessToken(signal)}` }
        : {};
    return await this.#parts.http.send({ method: 'GET', url, headers: { ...headers, ...authorization }, signal });
  }

  async #sendWith(token: string, call: Call, signal: AbortSignal | undefined): Promise<HttpResponse> {
    if (call.counts !== undefined) await this.#parts.ledger.spend(call.counts);
    const url = this.urlOf(call);
    const headers: Record<string, string> = {
      ...call.headers,
      authorization: `Bearer ${token}`,
      accept: call.accept ?? 'application/json',
    };
    if (call.json !== undefined) headers['content-type'] = 'application/json';
    const startedMs = this.#parts.now();
    const response = await this.#parts.http.send({
      method: call.method,
      url,
      headers,
      signal,
      ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
      ...(call.headersTimeoutMs === undefined ? {} : { headersTimeoutMs: call.headersTimeoutMs }),
      ...(call.bodyIdleMs === undefined ? {} : { bodyIdleMs: call.bodyIdleMs }),
    });
    this.#parts.logger.debug(
      { event: 'upstream.answer', route: this.routeOf(call), status: response.status, durationMs: this.#parts.now() - startedMs },
      'upstream answered',
    );
    return response;
  }
}

/** Whether the account lacks the permission, as opposed to any other trouble. */
export function isForbidden(error: unknown): boolean {
  return isMirrorError(error, 'FORBIDDEN');
}
