/** What the account says about itself: `POST /v1/get-user` (contract §2), which not every upstream answers. */
import type { Logger } from 'pino';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { isMirrorError, messageOf } from '../../contracts/errors.ts';
import type { QuotaKind } from '../../contracts/upstream-port.ts';
import { isForbidden, type EnterpriseApi } from './api.ts';
import { QUOTA_KINDS, type QuotaLedger } from './quota-ledger.ts';

const Count = Type.Optional(Type.Union([Type.Number(), Type.Null()]));
const UserSchema = Type.Object({
  groups: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
  apis: Type.Optional(
    Type.Union([Type.Array(Type.Object({ path: Type.String(), method: Type.Optional(Type.String()) })), Type.Null()]),
  ),
  ondemand_requests_count: Count,
  ondemand_limit: Count,
  snapshot_requests_count: Count,
  snapshot_limit: Count,
  chunk_requests_count: Count,
  chunk_limit: Count,
});
export type User = Static<typeof UserSchema>;

const COUNTERS = {
  onDemand: { used: 'ondemand_requests_count', limit: 'ondemand_limit' },
  snapshot: { used: 'snapshot_requests_count', limit: 'snapshot_limit' },
  chunk: { used: 'chunk_requests_count', limit: 'chunk_limit' },
} as const satisfies Record<QuotaKind, { used: keyof User; limit: keyof User }>;

export class Account {
  readonly #api: EnterpriseApi;
  readonly #ledger: QuotaLedger;
  readonly #logger: Logger;

  constructor(api: EnterpriseApi, ledger: QuotaLedger, logger: Logger) {
    this.#api = api;
    this.#ledger = ledger;
    this.#logger = logger;
  }

  /** The account's record; `undefined` when upstream does not offer it (403, 404) or answers something else. */
  async read(signal: AbortSignal | undefined): Promise<User | undefined> {
    try {
      const body = await this.#api.read({ origin: 'auth', method: 'POST', path: '/v1/get-user' }, signal);
      if (body === undefined) return undefined;
      const parsed: unknown = JSON.parse(body.toString('utf8'));
      if (Value.Check(UserSchema, parsed)) return parsed;
    } catch (error) {
      const isRefused = isMirrorError(error, 'UPSTREAM_ERROR') && !error.retryable;
      if (!isForbidden(error) && !isRefused && !isMirrorError(error, 'UPSTREAM_PROTOCOL') && !(error instanceof SyntaxError))
        throw error;
      this.#logger.debug({ event: 'account.unavailable', reason: messageOf(error) }, 'upstream does not describe the account');
      return undefined;
    }
    this.#logger.debug({ event: 'account.unavailable' }, 'upstream describes the account in a form we do not know');
    return undefined;
  }

  /** Takes counters and caps into the ledger. Returns whether there were any. */
  async reconcile(user: User, isPaid: boolean): Promise<boolean> {
    let found = false;
    const limits = new Map<QuotaKind, number | null>();
    for (const kind of QUOTA_KINDS) {
      const used = user[COUNTERS[kind].used];
      const limit = user[COUNTERS[kind].limit];
      // A cap of 0 cannot be told from "no cap": the free figures, or none for a paid account, then stand.
      if (typeof limit === 'number' && limit > 0) limits.set(kind, Math.floor(limit));
      else if (isPaid) limits.set(kind, null);
      if (typeof used === 'number' && used >= 0) {
        found = true;
        await this.#ledger.reconcile(kind, Math.floor(used));
      }
    }
    this.#ledger.learnLimits(limits);
    return found;
  }
}
