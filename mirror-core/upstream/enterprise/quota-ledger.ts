/** Requests spent this calendar month (UTC), counted durably before they are sent (contract §13). */
import type { Logger } from 'pino';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { MirrorError } from '../../contracts/errors.ts';
import type { KeyValuePort } from '../../contracts/store-port.ts';
import type { QuotaKind, QuotaUse } from '../../contracts/upstream-port.ts';

export const QUOTA_KINDS = ['onDemand', 'snapshot', 'chunk'] as const satisfies readonly QuotaKind[];

/** The newest documented figures for free accounts (contract §13). */
export const FREE_LIMITS: Readonly<Record<QuotaKind, number>> = { onDemand: 50_000, snapshot: 30, chunk: 1_500 };

const NAMES: Readonly<Record<QuotaKind, string>> = {
  onDemand: 'article look-ups',
  snapshot: 'snapshot downloads',
  chunk: 'chunk downloads',
};

const RowSchema = Type.Object({
  /** `YYYY-MM`. */
  month: Type.String({ pattern: '^\\d{4}-\\d{2}$' }),
  /** Requests this mirror sent. */
  used: Type.Integer({ minimum: 0 }),
  /** Requests upstream counts beyond ours: other programs under the same account. */
  others: Type.Optional(Type.Integer({ minimum: 0 })),
  /** What upstream's counter showed last. */
  reported: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Upstream itself said that nothing is left until then. */
  usedUpUntilMs: Type.Optional(Type.Number()),
});
type Row = Static<typeof RowSchema>;

export interface QuotaLedgerOptions {
  readonly store: KeyValuePort;
  /** Caps the user set; 0 leaves the cap to be learned. */
  readonly configured: Readonly<Record<QuotaKind, number>>;
  readonly now: () => number;
  readonly logger: Logger;
}

export class QuotaLedger {
  readonly #options: QuotaLedgerOptions;
  readonly #rows = new Map<QuotaKind, Row>();
  readonly #learned = new Map<QuotaKind, number | null>();
  #account: string | undefined;
  /** Changes happen one after the other: a count read must be the count last written. */
  #tail: Promise<void> = Promise.resolve();

  constructor(options: QuotaLedgerOptions) {
    this.#options = options;
  }

  /** Turns to the pages of this account; each account has its own, so that a second one does not inherit the first one's use. */
  useAccount(username: string): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#account === username) return;
      const rows = new Map<QuotaKind, Row>();
      for (const kind of QUOTA_KINDS) {
        const stored = await this.#options.store.get(keyOf(username, kind));
        if (Value.Check(RowSchema, stored)) rows.set(kind, stored);
      }
      this.#rows.clear();
      for (const [kind, row] of rows) this.#rows.set(kind, row);
      this.#learned.clear();
      this.#account = username;
    });
  }

  /** Caps by the account itself (`null`: none). A cap the user set goes before. */
  learnLimits(limits: ReadonlyMap<QuotaKind, number | null>): void {
    for (const [kind, limit] of limits) this.#learned.set(kind, limit);
  }

  /** Compares with upstream's own count; the larger one stands, since other programs may use the same account. */
  reconcile(kind: QuotaKind, used: number): Promise<void> {
    return this.#inTurn(async () => {
      const row = this.#current(kind);
      // A counter that falls has been reset. That happens some time into the new month (contract §13: a scheduled job), and what was
      // read before it belongs to the old one.
      const wasReset = row.reported !== undefined && used < row.reported;
      const others = Math.max(wasReset ? 0 : (row.others ?? 0), used - row.used);
      if (others !== (row.others ?? 0) || used !== row.reported) await this.#write(kind, { ...row, others, reported: used });
    });
  }

  /** Upstream answered 429 for good: nothing is left until `untilMs`, or until the month ends. */
  markUsedUp(kind: QuotaKind, untilMs: number | undefined): Promise<void> {
    return this.#inTurn(async () => {
      const row = this.#current(kind);
      const limit = this.#limit(kind);
      await this.#write(kind, {
        ...row,
        // A day named by upstream may be before the month's end; only without one the whole month is taken as spent.
        others: limit === null || untilMs !== undefined ? (row.others ?? 0) : Math.max(row.others ?? 0, limit - row.used),
        usedUpUntilMs: untilMs ?? resetMs(row.month),
      });
      this.#options.logger.warn({ event: 'quota.used-up', kind, used: spent(row), limit }, 'upstream says the quota is used up');
    });
  }

  /**
   * Counts one request that is about to be sent. Durable when the promise resolves.
   * @throws MirrorError QUOTA_EXHAUSTED — nothing was counted
   */
  spend(kind: QuotaKind): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.canSpend(kind)) throw this.exhausted(kind);
      const row = this.#current(kind);
      await this.#write(kind, { ...row, used: row.used + 1 });
    });
  }

  canSpend(kind: QuotaKind): boolean {
    const row = this.#current(kind);
    if (row.usedUpUntilMs !== undefined && this.#options.now() < row.usedUpUntilMs) return false;
    const limit = this.#limit(kind);
    return limit === null || spent(row) < limit;
  }

  uses(): readonly QuotaUse[] {
    return QUOTA_KINDS.map((kind) => {
      const row = this.#current(kind);
      return { kind, used: spent(row), limit: this.#limit(kind), month: row.month };
    });
  }

  /** The refusal, with figures and the day of the reset. */
  exhausted(kind: QuotaKind): MirrorError {
    const row = this.#current(kind);
    const limit = this.#limit(kind);
    const isSpent = limit !== null && spent(row) >= limit;
    const resetsAtMs = isSpent ? resetMs(row.month) : (row.usedUpUntilMs ?? resetMs(row.month));
    const resetsOn = new Date(resetsAtMs).toISOString();
    return new MirrorError(
      'QUOTA_EXHAUSTED',
      `This month's ${NAMES[kind]} are used up: ${spent(row)} of ${limit ?? 'an unknown number'} in ${row.month}. The count starts anew on ${resetsOn.slice(0, 10)} (UTC). Wait until then, or raise the quota with the account's owner and in the configuration (upstream.quota.${kind}).`,
      {
        context: { kind, used: spent(row), limit, resetsOn },
        retryAfterMs: Math.max(0, resetsAtMs - this.#options.now()),
      },
    );
  }

  #limit(kind: QuotaKind): number | null {
    const configured = this.#options.configured[kind];
    if (configured > 0) return configured;
    const learned = this.#learned.get(kind);
    return learned === undefined ? FREE_LIMITS[kind] : learned;
  }

  /** This month's row. A clock that went back does not bring back spent requests: the later month stays. */
  #current(kind: QuotaKind): Row {
    const month = new Date(this.#options.now()).toISOString().slice(0, 7);
    const row = this.#rows.get(kind);
    return row === undefined || row.month < month ? { month, used: 0 } : row;
  }

  async #write(kind: QuotaKind, row: Row): Promise<void> {
    if (this.#account === undefined) throw new MirrorError('INTERNAL', 'the quota ledger was used before it knew the account');
    await this.#options.store.put(keyOf(this.#account, kind), row);
    this.#rows.set(kind, row);
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    const turn = this.#tail.then(task);
    // The queue goes on after a failure; whoever asked for the failed turn is told by `turn` itself.
    this.#tail = turn.catch(() => undefined);
    return turn;
  }
}

/** The larger of our count and upstream's, brought up to now. */
function spent(row: Row): number {
  return row.used + (row.others ?? 0);
}

function keyOf(username: string, kind: QuotaKind): string {
  return `quota/${encodeURIComponent(username)}/${kind}`;
}

/** First instant of the month after `month`. */
function resetMs(month: string): number {
  return Date.UTC(Number(month.slice(0, 4)), Number(month.slice(5, 7)), 1);
}
