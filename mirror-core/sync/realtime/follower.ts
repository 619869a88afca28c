/**
 * One connection to the Realtime stream, kept up for a group of datasets. Two groups exist: the live one, and one that fills the
 * stretch between a freshly loaded snapshot and the moment its dataset joined the live one. Both may run at once: the decision
 * table makes every order of arrival end in the same state.
 *
 * A dataset's positions move only in the commit that holds its data (contract §15.3, Checkpoint).
 */
import { PART_COUNT } from '../../contracts/limits.ts';
import { isMirrorError, messageOf, MirrorError } from '../../contracts/errors.ts';
import type { Gap } from '../../contracts/control-api.ts';
import type { Codec } from '../../contracts/article.ts';
import type { UpstreamPort } from '../../contracts/upstream-port.ts';
import {
  addMs,
  compareTimes,
  formatUpstreamTime,
  timeFromMs,
  timeToMs,
  type UpstreamTime,
} from '../../contracts/upstream-time.ts';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import { isAborted } from '../abort.ts';
import { decodeEvent, type DecodedEvent } from '../decode-event.ts';
import { advance, earliest, hasReached, planResume, raiseTimes, type PartitionPosition, type Positions } from './positions.ts';
import type { StreamMember } from './member.ts';

/** Events are applied at the latest after this time … */
const FLUSH_AFTER_MS = 100;
/** … or when so many bytes, or events, are waiting; the socket pauses meanwhile. */
const FLUSH_BYTES = 4 * 1024 * 1024;
const FLUSH_EVENTS = 500;
/** Datasets without events of their own get the group's positions this often. */
const QUIET_CHECKPOINT_MS = 5000;
/** A timer that is late by more than this was stopped together with the machine. */
const SLEPT_MS = 5000;

export interface FollowerSettings {
  readonly codec: Codec;
  readonly silenceMs: number;
  readonly watchdogMs: number;
  readonly retentionMs: number;
}

export interface FollowerHooks {
  /** The connection's state, for people. */
  onState(state: 'connecting' | 'connected' | 'waiting' | 'off', problem: string | null): void;
  onApplied(count: number, newest: UpstreamTime | undefined): void;
  /** Upstream no longer has this stretch, for these datasets. */
  onLost(member: StreamMember, from: UpstreamTime, until: UpstreamTime, cause: Gap['cause']): Promise<void>;
  onMemberFailed(member: StreamMember, error: unknown): void;
  /** The group moved; called after each durable step. */
  onProgress(): void;
  onBadRecord(raw: Uint8Array, reason: string): void;
}

export interface FollowerOptions {
  readonly name: 'live' | 'catch-up';
  readonly upstream: UpstreamPort;
  readonly settings: () => FollowerSettings;
  readonly hooks: FollowerHooks;
  readonly logger: Logger;
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly random: () => number;
}

interface Waiting {
  readonly member: StreamMember;
  readonly event: DecodedEvent & { readonly kind: 'change' };
}

export class StreamFollower {
  readonly #options: FollowerOptions;
  readonly #members = new Map<string, StreamMember>();
  #partitions: readonly PartitionPosition[] | undefined;
  #run: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Applying and checkpointing happen one after the other … */
  readonly #applying = new PQueue({ concurrency: 1 });
  /** … and so do joining, leaving and stopping. */
  readonly #lifecycle = new PQueue({ concurrency: 1 });
  #newest: UpstreamTime | undefined;
  #lastArrivalMs = 0;
  /** When there was last reason to think that older events are still to come, ms since the epoch. */
  #lastBehindMs = 0;
  #lastTickMs = 0;
  #connectedAtMs: number | undefined;
  #savedAtMs = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Where the running connection is; `undefined` while none runs. */
  get positions(): Positions | undefined {
    return this.#run === undefined || this.#partitions === undefined
      ? undefined
      : { partitions: this.#partitions, savedAtMs: this.#savedAtMs };
  }

  get isConnected(): boolean {
    return this.#connectedAtMs !== undefined;
  }

  get members(): readonly StreamMember[] {
    return [...this.#members.values()];
  }

  /** Newest `date_published` that arrived, of any project. */
  get newest(): UpstreamTime | undefined {
    return this.#newest;
  }

  /** Takes datasets in. Restarts the connection when their positions lie before the group's. */
  async join(members: readonly StreamMember[]): Promise<void> {
    if (members.length === 0) return;
    await this.#lifecycle.add(async () => {
      const current = this.positions;
      const reachesBack =
        current === undefined ||
        members.some((member) =>
          member.positions.partitions.some((position, index) => {
            const here = current.partitions[index];
            return here === undefined || !hasReached(position, here);
          }),
        );
      // While a connection runs that is ahead of them they may not be among its members: its positions would become theirs.
      if (reachesBack) await this.#stopNow();
      for (const member of members) this.#members.set(member.store.id, member);
      if (!reachesBack) return;
      const abort = new AbortController();
      const done = this.#keepConnected(abort.signal).catch((error: unknown) => {
        this.#options.logger.error(
          { err: error, event: 'stream.crashed', group: this.#options.name },
          'stream follower ended unexpectedly',
        );
      });
      this.#run = { abort, done };
    });
  }

  /** Lets a dataset go; what is waiting for it is applied first, and nothing of it is written afterwards. */
  async leave(id: string): Promise<void> {
    if (!this.#members.has(id)) return;
    await this.#lifecycle.add(async () => {
      await this.#applying.add(async () => {
        await this.#applyWaiting();
        this.#members.delete(id);
      });
      if (this.#members.size === 0) await this.#stopNow();
    });
  }

  async stop(): Promise<void> {
    await this.#lifecycle.add(() => this.#stopNow());
  }

  async #stopNow(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined) return;
    run.abort.abort();
    await run.done;
    this.#options.hooks.onState('off', null);
  }

  async #keepConnected(signal: AbortSignal): Promise<void> {
    const { hooks, logger, sleep, random } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      let problem: string | null = null;
      let retryAfterMs = 0;
      const before = this.#newest;
      try {
        await this.#connectOnce(signal);
      } catch (error) {
        if (isAborted(signal)) break;
        problem = messageOf(error);
        retryAfterMs = isMirrorError(error) ? (error.retryAfterMs ?? 0) : 0;
        logger.warn({ err: error, event: 'stream.lost', group: this.#options.name }, 'stream connection lost');
      }
      this.#connectedAtMs = undefined;
      await this.#flush();
      if (isAborted(signal)) break;
      failures = this.#newest === before ? failures + 1 : 0;
      // Upstream closes streams whenever it is deployed: the first try comes soon, and never all at the same moment.
      const waitMs = Math.max(retryAfterMs, Math.min(60_000, 500 * 2 ** Math.min(failures, 7)) * (0.5 + random()));
      hooks.onState('waiting', problem);
      await sleep(waitMs, signal).catch(() => undefined);
    }
    this.#connectedAtMs = undefined;
    await this.#flush();
  }

  async #connectOnce(signal: AbortSignal): Promise<void> {
    const { upstream, hooks, now } = this.#options;
    const settings = this.#options.settings();
    const nowMs = now();
    for (const member of this.members) {
      const { lost } = planResume(member.positions, nowMs, settings.retentionMs);
      if (lost === undefined) continue;
      // The stretch is on record now; the positions may leave it behind.
      await hooks.onLost(member, lost.from, lost.until, this.#options.name === 'live' ? 'stream-retention' : 'snapshot-too-old');
      member.raiseTimes(lost.until);
    }
    const start = this.members
      .map((member) => member.positions)
      .reduce<Positions | undefined>((a, b) => (a === undefined ? b : earliest(a, b)), undefined);
    if (start === undefined) return;
    const plan = planResume(start, nowMs, settings.retentionMs);
    this.#partitions = start.partitions;
    this.#savedAtMs = start.savedAtMs;
    hooks.onState('connecting', null);

    const cut = new AbortController();
    const stream = upstream.stream({
      parts: Array.from({ length: PART_COUNT }, (_, part) => part),
      offsets: plan.offsets,
      sincePerPartition: plan.sincePerPartition,
      signal: AbortSignal.any([signal, cut.signal]),
      // A catch-up has a goal: a line that died on the way must not pass for a quiet one.
      silenceMs: this.#options.name === 'live' ? settings.watchdogMs : Math.min(settings.watchdogMs, 2 * settings.silenceMs),
    });
    const seen = new Set<number>();
    this.#lastArrivalMs = 0;
    this.#lastTickMs = nowMs;
    const timer = setInterval(() => {
      // This process was held up, and nothing could arrive; if the machine slept, it may never come on this connection.
      const lateMs = now() - this.#lastTickMs;
      if (lateMs > 3 * FLUSH_AFTER_MS) this.#lastBehindMs = now();
      if (lateMs > Math.max(SLEPT_MS, settings.silenceMs / 2)) cut.abort();
      this.#lastTickMs = now();
      void this.#tick();
    }, FLUSH_AFTER_MS);
    try {
      this.#connectedAtMs = now();
      hooks.onState('connected', null);
      for await (const raw of stream) {
        await this.#receive(raw, plan.offsets, seen);
      }
    } catch (error) {
      if (!cut.signal.aborted || isAborted(signal)) throw error;
      throw new MirrorError('UPSTREAM_UNREACHABLE', 'The machine was asleep; the stream is asked for anew.', { cause: error });
    } finally {
      clearInterval(timer);
    }
  }

  async #receive(raw: Uint8Array, requested: ReadonlyMap<number, number>, seen: Set<number>): Promise<void> {
    const { hooks, now } = this.#options;
    const arrivedMs = now();
    this.#lastArrivalMs = arrivedMs;
    let event: DecodedEvent;
    try {
      event = decodeEvent(raw, this.#options.settings().codec);
    } catch (error) {
      if (!isMirrorError(error, 'RECORD_INVALID')) throw error;
      hooks.onBadRecord(raw, error.message);
      return;
    }
    const { position, project } = event.keys;
    const published = event.keys.publishedTime ?? event.keys.eventTime;
    if (position !== undefined && this.#partitions !== undefined) {
      const wanted = requested.get(position.partition);
      if (!seen.has(position.partition)) {
        seen.add(position.partition);
        // Below the offset asked for: upstream's log began anew. The offset meant nothing; what lay between is not known.
        if (wanted !== undefined && position.offset < wanted) await this.#positionExpired(position.partition, published);
      }
    }
    const isBehind = arrivedMs - timeToMs(published) >= this.#options.settings().silenceMs;
    const concerned: Waiting[] = [];
    for (const member of this.#members.values()) {
      if (member.project !== project) continue;
      if (event.kind === 'unknown') {
        member.noteUnknown(event.keys);
        continue;
      }
      if (position !== undefined && member.hasSeen(position)) continue;
      // Where a title is held is known of durable ones only: those on the way there go first.
      if (member.mustBeHeld(event.keys)) await this.#flush();
      if (await member.concerns(event.keys)) concerned.push({ member, event });
    }

    // From here to the end of this block nothing may be awaited: a flush in between would move the positions past an event
    // that is not among the waiting ones yet.
    this.#waiting.push(...concerned);
    this.#waitingBytes += concerned.length * raw.byteLength;
    if (position !== undefined && this.#partitions !== undefined) {
      this.#partitions = advance(this.#partitions, position.partition, position.offset, published);
    }
    if (this.#newest === undefined || compareTimes(published, this.#newest) > 0) this.#newest = published;
    this.#savedAtMs = now();

    if (this.#waitingBytes >= FLUSH_BYTES || this.#waiting.length >= FLUSH_EVENTS) await this.#flush();
    // While this side worked nothing could arrive, and that silence says nothing either.
    if (isBehind || now() - arrivedMs > FLUSH_AFTER_MS) this.#lastBehindMs = now();
  }

  async #positionExpired(partition: number, published: UpstreamTime): Promise<void> {
    for (const member of this.#members.values()) {
      const time = member.positions.partitions[partition]?.time;
      if (time !== undefined) await this.#options.hooks.onLost(member, time, published, 'position-expired');
      member.forgetOffset(partition);
    }
    if (this.#partitions !== undefined) {
      this.#partitions = this.#partitions.map((position, index) =>
        index === partition ? { offset: null, time: position.time } : position,
      );
    }
  }

  async #tick(): Promise<void> {
    const { now, hooks } = this.#options;
    const { silenceMs } = this.#options.settings();
    const nowMs = now();
    const connectedAtMs = this.#connectedAtMs;
    if (connectedAtMs !== undefined && this.#partitions !== undefined) {
      // For a while nothing arrived, or nothing but fresh events: the partitions that said nothing are complete as well
      // (contract §15.3 draws the same conclusion for the delete sweep). Twice the quiet time is kept as a margin. One fresh event
      // proves nothing: its partition may be through with its backlog before the others are.
      const isSettled = nowMs - Math.max(connectedAtMs, this.#lastBehindMs) >= silenceMs;
      const isProven = this.#options.name === 'live' || this.#lastArrivalMs === 0 || nowMs - this.#lastArrivalMs < silenceMs;
      if (isSettled && isProven) {
        this.#partitions = raiseTimes(this.#partitions, addMs(timeFromMs(nowMs), -2 * silenceMs));
        this.#savedAtMs = nowMs;
      }
    }
    if (this.#waiting.length > 0) await this.#flush();
    await this.#checkpointQuietMembers(nowMs);
    hooks.onProgress();
  }

  async #checkpointQuietMembers(nowMs: number): Promise<void> {
    await this.#applying.add(async () => {
      const current = this.positions;
      if (current === undefined) return;
      for (const member of this.#members.values()) {
        if (nowMs - member.savedAtMs < QUIET_CHECKPOINT_MS || this.#waiting.some((item) => item.member === member)) continue;
        await this.#commit(member, current, 0);
      }
    });
  }

  async #flush(): Promise<void> {
    await this.#applying.add(() => this.#applyWaiting());
  }

  /** Applies what is waiting, dataset by dataset, each with its positions in the same commit. */
  async #applyWaiting(): Promise<void> {
    const batch = this.#waiting;
    const partitions = this.#partitions;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (batch.length === 0 || partitions === undefined) return;
    const positions: Positions = { partitions, savedAtMs: this.#savedAtMs };
    const byMember = Map.groupBy(batch, (item) => item.member);
    for (const [member, items] of byMember) {
      if (this.#members.get(member.store.id) !== member) continue;
      try {
        await member.store.stage(items.map(({ event }) => event.toChange('realtime')));
      } catch (error) {
        this.#fail(member, error);
        continue;
      }
      await this.#commit(member, positions, items.length);
    }
    this.#options.hooks.onApplied(batch.length, this.#newest);
  }

  async #commit(member: StreamMember, positions: Positions, count: number): Promise<void> {
    try {
      await member.commit(positions);
      if (count > 0) {
        this.#options.logger.debug(
          {
            event: 'stream.applied',
            dataset: member.store.id,
            group: this.#options.name,
            count,
            newest: this.#newest === undefined ? null : formatUpstreamTime(this.#newest),
          },
          'events applied',
        );
      }
    } catch (error) {
      this.#fail(member, error);
    }
  }

  #fail(member: StreamMember, error: unknown): void {
    this.#members.delete(member.store.id);
    this.#options.hooks.onMemberFailed(member, error);
  }
}
