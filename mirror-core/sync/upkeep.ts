/** What is done about a loaded generation besides following events: absent titles, titles in doubt, gaps that are healed. */
import type { Codec } from '../contracts/article.ts';
import { isMirrorError, type ErrorCode } from '../contracts/errors.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import type { DatasetWriter } from '../contracts/store-port.ts';
import type { Capabilities, UpstreamPort } from '../contracts/upstream-port.ts';
import { parseUpstreamTime } from '../contracts/upstream-time.ts';
import { decodeHealing, decodeSnapshot, type SnapshotCheckpoint } from './checkpoints.ts';
import { closeGaps, readGaps } from './gaps.ts';
import { settleDoubts, type SettleResult } from './settle.ts';
import { reconcile } from './snapshot/reconcile.ts';

const STORE_FAILURES: ReadonlySet<ErrorCode> = new Set(['NO_SPACE', 'STORE_IO', 'STORE_CORRUPT']);

export interface UpkeepOptions {
  readonly store: DatasetWriter;
  readonly upstream: UpstreamPort;
  readonly capabilities: (signal: AbortSignal) => Promise<Capabilities>;
  readonly codec: Codec;
  readonly now: () => number;
  /** Takes one look-up from the day's allowance; `false` when it is used up. */
  readonly spendLookup: () => boolean;
  readonly onNotice: (type: string, id: DatasetId, message: string) => void;
}

export class Upkeep {
  readonly #options: UpkeepOptions;

  constructor(options: UpkeepOptions) {
    this.#options = options;
  }

  /**
   * Deals with the titles that the generation lacks, once for each generation, and settles what is in doubt.
   * @param wasKeptCurrent every event between the export and now was applied
   */
  async reconcileOnce(snapshot: SnapshotCheckpoint, wasKeptCurrent: boolean, signal: AbortSignal): Promise<void> {
    const { store, now, onNotice } = this.#options;
    const current = decodeSnapshot(await store.checkpoint('snapshot')) ?? snapshot;
    const exportedAfter = snapshot.exportedAfter === null ? undefined : parseUpstreamTime(snapshot.exportedAfter);
    if (current.generation === snapshot.generation && !current.isReconciled && exportedAfter !== undefined) {
      const result = await reconcile({
        store,
        generation: snapshot.generation,
        exportedAfter,
        records: snapshot.records,
        previousRecords: snapshot.previousRecords,
        wasKeptCurrent,
        signal,
        nowMs: now(),
      });
      await store.commit({ snapshot: { ...current, isReconciled: true } });
      if (result.guard !== null && result.doubtful > 0) {
        onNotice(
          'reconcile.guarded',
          store.id,
          `Nothing was removed by absence alone, because ${result.guard}. ${result.doubtful} titles are to be looked up.`,
        );
      }
      if (result.removed > 0) {
        onNotice('reconcile.removed', store.id, `${result.removed} titles are gone from the new snapshot and were removed.`);
      }
    }
    await this.settle(signal);
  }

  /** Looks up what is in doubt, as far as the account, its quota and the day's allowance go. */
  async settle(signal: AbortSignal): Promise<void> {
    const { store, upstream, codec, spendLookup, onNotice } = this.#options;
    if (store.stats().doubtful === 0) return;
    const capabilities = await this.#options.capabilities(signal);
    if (!capabilities.onDemand) return;
    let result: SettleResult;
    try {
      result = await settleDoubts({ upstream, store, codec, signal, spend: spendLookup });
    } catch (error) {
      signal.throwIfAborted();
      if (!isMirrorError(error) || STORE_FAILURES.has(error.code)) throw error;
      // Look-ups are an extra: what the stream or the batches bring must not wait for them.
      onNotice(
        'doubts.postponed',
        store.id,
        `Titles in doubt could not be looked up and are tried again later: ${error.message}`,
      );
      return;
    }
    if (result.confirmed + result.removed === 0) return;
    onNotice(
      'doubts.settled',
      store.id,
      `${result.confirmed} doubtful titles are up to date now, ${result.removed} were removed, ${result.left} are left.`,
    );
  }

  /** Gaps older than the generation are proven closed once it is reconciled and no absence is in doubt. */
  async closeHealedGaps(snapshot: SnapshotCheckpoint): Promise<void> {
    const { store, now, onNotice } = this.#options;
    const healing = await this.#healing();
    if (healing.size === 0) return;
    const current = decodeSnapshot(await store.checkpoint('snapshot')) ?? snapshot;
    if (!current.isReconciled || (await this.#hasAbsenceDoubt())) return;
    const closed = await closeGaps(store, healing, now());
    await store.commit({ healing: null });
    if (closed > 0)
      onNotice(
        'gap.closed',
        store.id,
        `${closed} gaps are healed by the snapshot of ${snapshot.modified ?? snapshot.completedAt}.`,
      );
  }

  /** Whether a stretch since the generation was lost, which it therefore cannot heal. */
  async hasUnhealedGap(): Promise<boolean> {
    const healing = await this.#healing();
    return (await readGaps(this.#options.store)).some((gap) => gap.closedAt === null && !healing.has(gap.id));
  }

  async #healing(): Promise<ReadonlySet<string>> {
    return decodeHealing(await this.#options.store.checkpoint('healing'));
  }

  async #hasAbsenceDoubt(): Promise<boolean> {
    for await (const doubt of this.#options.store.doubts()) if (doubt.reason === 'absent-from-snapshot') return true;
    return false;
  }
}
