/**
 * One dataset's life: plan, bootstrap, catch up, stay current, and come back from every failure. What the account may do decides
 * the path: stream, hourly batches, or snapshots alone (contract §15).
 */
import { isMirrorError, messageOf, MirrorError } from '../contracts/errors.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import type { DatasetWriter } from '../contracts/store-port.ts';
import type { SyncState } from '../contracts/sync-state.ts';
import type { Capabilities } from '../contracts/upstream-port.ts';
import { parseUpstreamTime } from '../contracts/upstream-time.ts';
import { isAborted } from './abort.ts';
import { applyBatches, dueAt, firstHour } from './batches.ts';
import { decodeBatch, decodeLoad, decodeSnapshot, decodeSweep, type SnapshotCheckpoint } from './checkpoints.ts';
import type { DatasetSyncOptions } from './dataset-options.ts';
import { ageOf, streamInput, type Age } from './freshness.ts';
import { openGap, readGaps, type LostStretch } from './gaps.ts';
import { ProgressMeter, type ProgressFigures } from './progress.ts';
import { quarantineLine } from './quarantine.ts';
import { storedStreamTime } from './realtime/stored-time.ts';
import { answerToFailure } from './recovery.ts';
import { loadSnapshot, readPlan } from './snapshot/load.ts';
import { loadInTurn } from './snapshot/load-turn.ts';
import { isNewState, next, type SyncInput } from './state-machine.ts';
import { sweepRemovals } from './sweep.ts';
import { Upkeep } from './upkeep.ts';
import { Wake } from './wake.ts';

/** A stream-kept dataset is loaded anew after so long: some changes are never announced (contract §15.5). */
const RESEED_AFTER_MS = 30 * 24 * 3_600_000;
const PROGRESS_EVERY_MS = 250;

export class DatasetSync {
  readonly id: DatasetId;
  readonly store: DatasetWriter;
  readonly #options: DatasetSyncOptions;
  readonly #upkeep: Upkeep;
  readonly #wake = new Wake();
  #state: SyncState = { kind: 'idle' };
  #run: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  /** Settles when no stopped run is left. */
  #ending: Promise<void> = Promise.resolve();
  #meter: ProgressMeter | undefined;
  #lastProgressMs = 0;
  #forceCheck = false;
  #failures = 0;
  #batchesUntilMs: number | undefined;
  #streamUntilMs: number | undefined;
  #streamFailure: Error | undefined;
  #newerVersion: string | undefined;
  #renewalFailures = 0;
  /** How long to wait before a load that failed is tried again; `undefined` when none failed. */
  #renewalWaitMs: number | undefined;
  #isForced = false;
  #snapshot: SnapshotCheckpoint | undefined;

  constructor(options: DatasetSyncOptions) {
    this.id = options.store.id;
    this.store = options.store;
    this.#options = options;
    this.#upkeep = new Upkeep(options);
  }

  get state(): SyncState {
    return this.#state;
  }

  get progress(): ProgressFigures | null {
    return this.#state.kind === 'bootstrapping' ? (this.#meter?.figures ?? null) : null;
  }

  /** Reads what is shown before any work has begun. Call once before `start`. */
  async prepare(): Promise<void> {
    this.#snapshot = decodeSnapshot(await this.store.checkpoint('snapshot'));
    this.#batchesUntilMs = decodeBatch(await this.store.checkpoint('batch'))?.nextHourMs;
    this.#streamUntilMs = await storedStreamTime(this.store);
  }

  /** The generation last loaded completely. */
  get snapshot(): SnapshotCheckpoint | undefined {
    return this.#snapshot;
  }

  start(): void {
    if (this.#run !== undefined) return;
    const abort = new AbortController();
    // A run that is being stopped goes first: its last step takes the dataset off the stream.
    this.#run = { abort, done: this.#ending.then(() => this.#loop(abort.signal)) };
  }

  /** Ends all work of this dataset; what is applied stays. */
  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    run?.abort.abort();
    this.#ending = Promise.allSettled([this.#ending, run?.done]).then(() => this.#options.realtime.detach(this.id));
    await this.#ending;
    this.#streamUntilMs = await storedStreamTime(this.store);
  }

  async pause(by: 'user' | 'schedule' | 'power'): Promise<void> {
    this.#move({ type: 'pause', by });
    await this.stop();
  }

  /** @param follows whether upstream is followed; otherwise the dataset only becomes open to imports again */
  resume(follows: boolean): void {
    this.#move({ type: follows ? 'resume' : 'reset' });
    if (follows) this.start();
  }

  /** Looks for something newer now, whatever the schedule or a back-off says. */
  syncNow(): void {
    this.#forceCheck = true;
    this.#wake.now();
  }

  /** An import completed a generation. */
  async imported(): Promise<void> {
    await this.prepare();
    this.#wake.now();
  }

  caughtUp(): void {
    this.#wake.now();
  }

  /** The stream could not write to this dataset and let it go. */
  streamFailed(error: unknown): void {
    this.#streamFailure = error instanceof Error ? error : new MirrorError('INTERNAL', String(error));
    this.#wake.now();
  }

  async lost(lost: LostStretch): Promise<void> {
    const { gap, isNew } = await openGap(this.store, lost, this.#options.now());
    if (!isNew) return;
    const words = `Events between ${gap.from} and ${gap.until} could not be had (${gap.cause}): ${gap.healing}.`;
    this.#options.onNotice('gap.opened', this.id, words);
    this.#wake.now();
  }

  /** Updates the lag shown, from what the stream knows. */
  refreshFreshness(): void {
    if (this.#state.kind !== 'live' && !(this.#state.kind === 'catching-up' && this.#state.source === 'realtime')) return;
    this.#move(this.#streamInput());
  }

  #streamInput(): SyncInput {
    return streamInput(this.#options.realtime.freshness(this.id), this.#options.now(), this.#options.settings().silenceMs);
  }

  #move(input: SyncInput): void {
    const from = this.#state;
    const to = next(from, input);
    this.#state = to;
    if (!isNewState(from, to)) return;
    this.#options.logger.info({ event: 'dataset.state', dataset: this.id, from: from.kind, to: to.kind }, 'state changed');
    this.#options.onState(this.id, from, to);
  }

  async #loop(signal: AbortSignal): Promise<void> {
    while (!isAborted(signal)) {
      try {
        this.#streamFailure = undefined;
        await this.#live(signal);
        await this.#options.realtime.detach(this.id);
      } catch (error) {
        if (isAborted(signal)) return;
        await this.#waitAfter(error, signal);
      }
    }
  }

  async #waitAfter(error: unknown, signal: AbortSignal): Promise<void> {
    const { logger, now, random, realtime } = this.#options;
    await realtime.detach(this.id);
    const { input, waitMs } = answerToFailure(error, this.#failures, now(), random());
    this.#failures += 1;
    logger.warn({ err: error, event: 'dataset.failed', dataset: this.id, retryInMs: waitMs }, 'work on a dataset failed');
    this.#move(input);
    await this.#wake.wait(waitMs, signal).catch((reason: unknown) => {
      if (!isAborted(signal)) throw reason;
    });
  }

  /** Runs until aborted, until something fails, or until the account may do other things than before. */
  async #live(signal: AbortSignal): Promise<void> {
    const { realtime, settings } = this.#options;
    this.#move({ type: 'plan' });
    const capabilities = await this.#options.capabilities(signal);
    if (capabilities.realtime) await realtime.attach([this.store]);
    let snapshot = await this.#bootstrap(capabilities, signal);
    for (;;) {
      this.#failures = 0;
      if (capabilities.realtime) await this.#followStream(snapshot, signal);
      else await this.#followSchedule(snapshot, capabilities, signal);

      // Something newer is wanted: by command, by schedule, because of a gap, or because of age.
      signal.throwIfAborted();
      this.#throwStreamFailure();
      this.#isForced = this.#forceCheck;
      this.#forceCheck = false;
      if (!isSamePath(capabilities, await this.#options.capabilities(signal))) return;
      const found = await this.#newerSnapshot(snapshot, settings().snapshotCheckMs, signal);
      // An import may have put another generation in the place of the one that was followed.
      if (found || this.#renewalWaitMs !== undefined) snapshot = await this.#bootstrap(capabilities, signal);
      else snapshot = decodeSnapshot(await this.store.checkpoint('snapshot')) ?? snapshot;
    }
  }

  async #bootstrap(capabilities: Capabilities, signal: AbortSignal): Promise<SnapshotCheckpoint> {
    const { store } = this;
    const { now } = this.#options;
    const last = decodeSnapshot(await store.checkpoint('snapshot'));
    const isInterrupted = decodeLoad(await store.checkpoint('load')) !== undefined;
    const isWanted = last === undefined || isInterrupted || this.#newerVersion !== undefined;
    // A command is also obeyed by the load that comes before anything else.
    const force = this.#isForced || this.#forceCheck;
    this.#renewalWaitMs = undefined;
    this.#newerVersion = undefined;
    this.#isForced = false;
    if (!isWanted) return last;

    this.#meter = new ProgressMeter(now);
    const openBefore = new Set((await readGaps(store)).filter((gap) => gap.closedAt === null).map((gap) => gap.id));
    let beginCatchUp: (() => Promise<void>) | undefined;
    const load = (): ReturnType<typeof loadSnapshot> =>
      loadSnapshot(
        {
          upstream: this.#options.upstream,
          capabilities,
          store,
          codec: this.#options.codec,
          downloads: this.#options.downloads,
          signal,
          logger: this.#options.logger,
          now,
          ensureSpace: this.#options.ensureSpace,
          onStep: (step, doneBytes, totalBytes, records) => this.#report(step, doneBytes, totalBytes, records),
          onBadLine: (source, bad) => quarantineLine(store, source, bad),
          onComplete: (snapshot) => {
            // The gaps are remembered, because they may be closed only after the stretch since this generation was read as well.
            const patch = { healing: [...openBefore], batch: null };
            const since = snapshot.since === null ? undefined : parseUpstreamTime(snapshot.since);
            if (!capabilities.realtime || since === undefined) return patch;
            const catchUp = this.#options.realtime.prepareCatchUp(store, since);
            beginCatchUp = catchUp.begin;
            return { ...patch, ...catchUp.checkpoint };
          },
        },
        { force },
      );
    try {
      const result = await loadInTurn(this.#options.loads, signal, load);
      this.#snapshot = result.snapshot;
      this.#renewalFailures = 0;
      await beginCatchUp?.();
      return result.snapshot;
    } catch (error) {
      const isKeptCurrent = capabilities.realtime || capabilities.batches;
      if (last === undefined || !isKeptCurrent || isAborted(signal) || isMirrorError(error, 'STORE_IO')) throw error;
      this.#postponeRenewal(error);
      return last;
    }
  }

  /** What is loaded goes on being kept current; only its renewal waits. */
  #postponeRenewal(error: unknown): void {
    const { logger, now, random, onNotice } = this.#options;
    this.#renewalWaitMs = answerToFailure(error, this.#renewalFailures, now(), random()).waitMs;
    this.#renewalFailures += 1;
    logger.warn({ err: error, event: 'snapshot.postponed', dataset: this.id }, 'a newer snapshot could not be loaded');
    onNotice('snapshot.postponed', this.id, `A newer snapshot could not be loaded and is tried again: ${messageOf(error)}`);
  }

  #report(step: 'download' | 'verify' | 'apply', doneBytes: number, totalBytes: number, records: number): void {
    this.#meter?.report(doneBytes, totalBytes, records);
    this.#move({ type: 'load', step, doneBytes, totalBytes, records });
    const nowMs = this.#options.now();
    if (nowMs - this.#lastProgressMs < PROGRESS_EVERY_MS || this.#meter === undefined) return;
    this.#lastProgressMs = nowMs;
    this.#options.onProgress(this.id, this.#meter.figures);
  }

  /** Whether upstream has a generation that is not the one loaded. A failed look is not a failure of the dataset. */
  async #newerSnapshot(loaded: SnapshotCheckpoint, retryMs: number, signal: AbortSignal): Promise<boolean> {
    try {
      const plan = await readPlan({
        upstream: this.#options.upstream,
        capabilities: await this.#options.capabilities(signal),
        store: this.store,
        signal,
      });
      if (plan.version === loaded.version) return false;
      this.#newerVersion = plan.version;
      return true;
    } catch (error) {
      signal.throwIfAborted();
      if (!isMirrorError(error) || !error.retryable) throw error;
      this.#options.logger.info(
        { err: error, event: 'snapshot.check-failed', dataset: this.id, retryMs },
        'could not look for a newer snapshot',
      );
      return false;
    }
  }

  /** Stream: catch up, sweep, reconcile, then stay live. Returns when a newer snapshot should be looked for. */
  async #followStream(snapshot: SnapshotCheckpoint, signal: AbortSignal): Promise<void> {
    const { upstream, realtime, codec, now, settings } = this.#options;
    this.#move(this.#streamInput());
    if (decodeSweep(await this.store.checkpoint('sweep')) < snapshot.generation) {
      await sweepRemovals({
        upstream,
        store: this.store,
        codec,
        retentionMs: settings().retentionMs,
        silenceMs: settings().silenceMs,
        signal,
        now,
      });
      await this.store.commit({ sweep: { generation: snapshot.generation } });
    }
    while (realtime.freshness(this.id)?.isCatchingUp === true) {
      await this.#wake.wait(settings().silenceMs, signal);
      this.#throwStreamFailure();
      this.#move(this.#streamInput());
    }
    this.#throwStreamFailure();
    await this.#upkeep.reconcileOnce(snapshot, !(await this.#upkeep.hasUnhealedGap()), signal);
    await this.#upkeep.closeHealedGaps(snapshot);
    this.#move(this.#streamInput());

    const completedMs = Date.parse(snapshot.completedAt);
    for (;;) {
      this.#throwStreamFailure();
      if (this.#forceCheck) return;
      const isOld = now() - completedMs > RESEED_AFTER_MS;
      await this.#wake.wait(Math.min(settings().snapshotCheckMs, this.#renewalWaitMs ?? Infinity), signal);
      this.#move(this.#streamInput());
      const hasGap = (await readGaps(this.store)).some((gap) => gap.closedAt === null);
      await this.#upkeep.settle(signal);
      await this.#upkeep.closeHealedGaps(snapshot);
      if (hasGap || isOld || this.#renewalWaitMs !== undefined || this.#snapshot?.generation !== snapshot.generation) return;
    }
  }

  #throwStreamFailure(): void {
    if (this.#streamFailure !== undefined) throw this.#streamFailure;
  }

  /** Batches, or snapshots alone. Returns when a newer snapshot should be looked for. */
  async #followSchedule(snapshot: SnapshotCheckpoint, capabilities: Capabilities, signal: AbortSignal): Promise<void> {
    const { settings, now } = this.#options;
    let untilMs = now() + settings().snapshotCheckMs;
    let isCurrent = false;
    const exportedAfter = snapshot.exportedAfter === null ? undefined : parseUpstreamTime(snapshot.exportedAfter);
    if (capabilities.batches && exportedAfter !== undefined) {
      let isWhole = true;
      this.#move({ type: 'catch-up', source: 'batch', lagMs: null });
      const nextHourMs = await applyBatches(
        {
          upstream: this.#options.upstream,
          store: this.store,
          codec: this.#options.codec,
          downloads: this.#options.downloads,
          retentionMs: settings().retentionMs,
          signal,
          now,
          onLost: async (lost) => {
            isWhole = false;
            await this.lost(lost);
          },
          onBadLine: (source, bad) => quarantineLine(this.store, source, bad),
          onHour: (doneUntilMs) => this.#move({ type: 'catch-up', source: 'batch', lagMs: Math.max(0, now() - doneUntilMs) }),
        },
        firstHour(exportedAfter),
      );
      this.#batchesUntilMs = nextHourMs;
      untilMs = Math.min(untilMs, dueAt(nextHourMs));
      isCurrent = isWhole;
    }
    await this.#upkeep.reconcileOnce(snapshot, isCurrent, signal);
    await this.#upkeep.closeHealedGaps(snapshot);
    this.#move({ type: 'wait', for: 'schedule', until: new Date(untilMs).toISOString(), reason: null });
    if (!this.#forceCheck) await this.#wake.wait(Math.max(0, untilMs - now()), signal);
  }

  /** Upstream time up to which everything is applied, and the lag behind now; `null` where not known. */
  freshness(): Age {
    const { realtime, now } = this.#options;
    return ageOf(this.#snapshot, realtime.freshness(this.id), [this.#batchesUntilMs, this.#streamUntilMs], now());
  }
}

/** Whether both accounts are kept current in the same way. */
function isSamePath(a: Capabilities, b: Capabilities): boolean {
  return a.realtime === b.realtime && a.batches === b.batches && a.chunks === b.chunks;
}
