/** What this account may do: told by the account's record, else found out without spending anything (contract §2, §13). */
import type { Logger } from 'pino';
import { MirrorError, isMirrorError } from '../../contracts/errors.ts';
import type { Capabilities, QuotaKind } from '../../contracts/upstream-port.ts';
import { raceAbort } from './abort.ts';
import { Account, type User } from './account.ts';
import type { Call, EnterpriseApi, Reconcile } from './api.ts';
import type { HttpClient } from './http.ts';
import { QUOTA_KINDS, type QuotaLedger } from './quota-ledger.ts';
import { statusError } from './responses.ts';
import type { RetryRunner } from './retry-runner.ts';
import type { Session } from './session.ts';

type Permissions = Pick<Capabilities, 'snapshots' | 'chunks' | 'onDemand' | 'batches' | 'realtime'>;

/** One concrete path of each route, to be matched against the account's permission patterns. */
const EXAMPLES: Readonly<Record<keyof Permissions, string>> = {
  snapshots: '/v2/snapshots/enwiki_namespace_0/download',
  chunks: '/v2/snapshots/enwiki_namespace_0/chunks/enwiki_namespace_0_chunk_0/download',
  onDemand: '/v2/articles/Earth',
  batches: '/v2/batches/2025-01-01/00/enwiki_namespace_0/download',
  realtime: '/v2/articles',
};

export interface CapabilityParts {
  readonly api: EnterpriseApi;
  readonly http: HttpClient;
  readonly session: Session;
  readonly ledger: QuotaLedger;
  readonly retry: RetryRunner;
  readonly logger: Logger;
  readonly now: () => number;
}

export class CapabilityProbe {
  readonly #parts: CapabilityParts;
  readonly #account: Account;
  #known: Capabilities | undefined;
  #asking: Promise<Capabilities> | undefined;
  /** Raised by a login: what was learned for the account before it counts no more. */
  #era = 0;

  constructor(parts: CapabilityParts) {
    this.#parts = parts;
    this.#account = new Account(parts.api, parts.ledger, parts.logger);
  }

  get(options: { readonly refresh?: boolean; readonly signal?: AbortSignal | undefined }): Promise<Capabilities> {
    if (this.#known !== undefined && options.refresh !== true) return Promise.resolve(this.#known);
    return raceAbort((this.#asking ??= this.#ask()), options.signal);
  }

  forget(): void {
    this.#era += 1;
    this.#known = undefined;
    this.#asking = undefined;
  }

  /** For a 429: asks upstream for its counters. */
  readonly reconcile: Reconcile = async (signal) => {
    if (this.#known?.learnedFrom === 'probe') return false;
    const user = await this.#account.read(signal);
    return user !== undefined && (await this.#account.reconcile(user, isPaid(this.#known)));
  };

  #ask(): Promise<Capabilities> {
    const asking = this.#learn(this.#era).finally(() => {
      if (this.#asking === asking) this.#asking = undefined;
    });
    return asking;
  }

  async #learn(era: number): Promise<Capabilities> {
    await this.#parts.ledger.useAccount(await this.#parts.session.username());
    const user = await this.#account.read(undefined);
    // A list that is free for everyone (contract §4): shows that the API's address is right, and whether its content is practice.
    await this.#parts.api.read({ origin: 'api', method: 'GET', path: '/v2/codes' }, undefined);
    const told = user === undefined ? undefined : permissionsOf(user);
    const permissions = told ?? (await this.#probe());
    if (user !== undefined) await this.#account.reconcile(user, isPaid(permissions));
    else if (isPaid(permissions))
      this.#parts.ledger.learnLimits(new Map<QuotaKind, null>(QUOTA_KINDS.map((kind) => [kind, null])));
    const capabilities: Capabilities = {
      ...permissions,
      isPractice: this.#parts.http.sawPracticeMark,
      learnedFrom: told === undefined ? 'probe' : 'get-user',
      learnedAtMs: this.#parts.now(),
    };
    this.#parts.logger.info({ event: 'upstream.capabilities', ...capabilities }, 'learned what the account may do');
    if (era === this.#era) this.#known = capabilities;
    return capabilities;
  }

  /** Tries routes in ways that are never counted: HEAD on downloads, metadata, and a stream request that cannot be valid. */
  async #probe(): Promise<Permissions> {
    const hour = new Date(this.#parts.now() - 2 * 3_600_000).toISOString();
    const snapshots = await this.#allows({ origin: 'api', method: 'HEAD', path: EXAMPLES.snapshots });
    const chunks = await this.#allows({ origin: 'api', method: 'HEAD', path: EXAMPLES.chunks });
    const batches = await this.#allows({
      origin: 'api',
      method: 'GET',
      path: `/v2/batches/${hour.slice(0, 10)}/${hour.slice(11, 13)}`,
    });
    // Part 10 does not exist: an account with access is told so (422, contract §10.5), one without gets 403, and no stream is opened.
    const realtime = await this.#allows({ origin: 'realtime', method: 'POST', path: '/v2/articles', json: { parts: [10] } }, 404);
    // There is no free way to ask; every account has on-demand (contract §13), and a refusal would show at the first look-up.
    return { snapshots, chunks, batches, realtime, onDemand: true };
  }

  /** Anything but 403 means the route is open to us: permissions are checked before everything else (contract §1.2). */
  async #allows(call: Call, absent?: number): Promise<boolean> {
    try {
      return await this.#parts.retry.run(async () => {
        const response = await this.#parts.api.send(call, undefined);
        const { status } = response;
        if (status === 408 || status === 429 || status >= 500) {
          throw await statusError(response, this.#parts.api.routeOf(call), this.#parts.now());
        }
        await response.discard();
        return status !== 403 && status !== absent;
      }, `probe ${call.path}`);
    } catch (error) {
      // A realtime host that cannot be reached must not keep a snapshots-only account from working.
      if (
        call.origin === 'realtime' &&
        isMirrorError(error) &&
        error instanceof MirrorError &&
        error.code.startsWith('UPSTREAM_')
      ) {
        this.#parts.logger.warn(
          { event: 'upstream.realtime-unknown', reason: error.message },
          'the realtime service does not answer',
        );
        return false;
      }
      throw error;
    }
  }
}

/** Free accounts have neither batches nor realtime (contract §13). */
function isPaid(permissions: Permissions | undefined): boolean {
  return permissions !== undefined && (permissions.batches || permissions.realtime);
}

/** Permissions by the record's `apis`; `undefined` when the list is missing or in a form that matches nothing. */
export function permissionsOf(user: User): Permissions | undefined {
  const patterns = (user.apis ?? []).map((api) => ({
    pattern: routePattern(api.path),
    method: (api.method ?? 'GET').toUpperCase(),
  }));
  const allows = (path: string): boolean =>
    patterns.some(({ pattern, method }) => pattern.test(path) && /GET|ANY|\*/.test(method));
  const permissions: Permissions = {
    snapshots: allows(EXAMPLES.snapshots),
    chunks: allows(EXAMPLES.chunks),
    onDemand: allows(EXAMPLES.onDemand),
    batches: allows(EXAMPLES.batches),
    realtime: allows(EXAMPLES.realtime),
  };
  return Object.values(permissions).some(Boolean) ? permissions : undefined;
}

/** A route as routers write it: `:id` and `{id}` stand for one segment; `*` and `*name` for one or more characters of any kind. */
function routePattern(path: string): RegExp {
  const source = path
    .replace(/^https?:\/\/[^/]+/, '')
    .split('/')
    .map((segment) =>
      /^(?::.+|\{[^}]+\})$/.test(segment)
        ? '[^/]+'
        : segment
            .split(/\*\w*/)
            .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
            .join('.+'),
    )
    .join('/');
  return new RegExp(`^${source}/?$`);
}
