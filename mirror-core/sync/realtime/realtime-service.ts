/**
 * The Realtime stream for all datasets: one live connection, and while a fresh snapshot is being brought up to date a second one
 * for the stretch before its dataset joined the live one (contract §15.3; docs/architecture.md, "Live and catch-up").
 */
import { isMirrorError } from '../../contracts/errors.ts';
import type { DatasetId } from '../../contracts/identifiers.ts';
import type { RecordKeys } from '../../contracts/article.ts';
import type { CheckpointPatch, DatasetWriter } from '../../contracts/store-port.ts';
import { laterOf, parseUpstreamTime, timeFromMs, timeToMs, type UpstreamTime } from '../../contracts/upstream-time.ts';
import { decodeBatch, decodeSnapshot } from '../checkpoints.ts';
import { StreamFollower, type FollowerHooks, type FollowerOptions } from './follower.ts';
import { StreamMember } from './member.ts';
import {
  completeUntil,
  decodePositions,
  decodeTrack,
  earliest,
  encodePositions,
  hasCaughtUp,
  positionsAt,
  withMargin,
  type Positions,
} from './positions.ts';

/** Clocks differ: the first position of a mirror lies a minute back. */
const FIRST_PIN_MARGIN_MS = 60_000;
/** Batches are cut by the log's clock and may have been written while they were read: an hour of overlap costs nothing. */
const BATCH_MARGIN_MS = 3_600_000;

export interface RealtimeHooks extends Pick<FollowerHooks, 'onLost' | 'onMemberFailed' | 'onBadRecord'> {
  onStream(state: 'connecting' | 'connected' | 'waiting' | 'off', problem: string | null): void;
  onApplied(count: number, newest: UpstreamTime | undefined): void;
  onProgress(): void;
  onCaughtUp(dataset: DatasetId): void;
  onUnknownEvent(dataset: DatasetId, keys: RecordKeys): void;
}

type SharedOptions = Omit<FollowerOptions, 'name' | 'hooks'>;

export interface Freshness {
  /** Newest upstream time known to be applied for this dataset. */
  readonly newest: UpstreamTime;
  /** Everything up to here is applied. */
  readonly completeUntil: UpstreamTime;
  readonly isCatchingUp: boolean;
  readonly isConnected: boolean;
}

interface CatchUp {
  readonly member: StreamMember;
  readonly goal: Positions;
}

export class RealtimeService {
  readonly #options: SharedOptions;
  readonly #hooks: RealtimeHooks;
  readonly #live: StreamFollower;
  readonly #catchUp: StreamFollower;
  readonly #catchingUp = new Map<DatasetId, CatchUp>();
  readonly #liveMembers = new Map<DatasetId, StreamMember>();

  constructor(options: SharedOptions, hooks: RealtimeHooks) {
    this.#options = options;
    this.#hooks = hooks;
    const shared = {
      onLost: hooks.onLost,
      onBadRecord: hooks.onBadRecord,
    };
    this.#live = new StreamFollower({
      ...options,
      name: 'live',
      hooks: {
        ...shared,
        onMemberFailed: (member, error) => this.#memberFailed(member, error),
        onState: (state, problem) => hooks.onStream(state, problem),
        onApplied: (count, newest) => hooks.onApplied(count, newest),
        onProgress: () => hooks.onProgress(),
      },
    });
    this.#catchUp = new StreamFollower({
      ...options,
      name: 'catch-up',
      hooks: {
        ...shared,
        onMemberFailed: (member, error) => this.#memberFailed(member, error),
        onState: () => undefined,
        onApplied: (count) => hooks.onApplied(count, this.#live.newest),
        onProgress: () => {
          void this.#finishCaughtUp();
        },
      },
    });
  }

  /**
   * Makes sure that events are collected for these datasets from now on, or from where they were; called before a download begins
   * and at start-up. Safe to call again.
   */
  async attach(stores: readonly DatasetWriter[]): Promise<void> {
    const joining: StreamMember[] = [];
    const behind: StreamMember[] = [];
    for (const store of stores) {
      if (this.#liveMembers.has(store.id)) continue;
      const own = decodeTrack(await store.checkpoint('realtime'));
      const unfinished = decodeCatchUp(await store.checkpoint('catchup'));
      const here = this.#live.positions;
      if (own === undefined) {
        const start = here ?? positionsAt(withMargin(this.#options.now(), FIRST_PIN_MARGIN_MS), this.#options.now());
        // A snapshot that was loaded without the stream (imported, or by an account that had none) ends where it was exported.
        const from = await loadedUntil(store);
        await store.commit({
          realtime: { positions: encodePositions(start) },
          ...(from === undefined ? {} : { catchup: { positions: encodePositions(from), goal: encodePositions(start) } }),
        });
        joining.push(this.#member(store, 'realtime', start));
        if (from !== undefined) behind.push(this.#startCatchUp(store, from, start));
        continue;
      }
      if (here === undefined) {
        joining.push(this.#member(store, 'realtime', own));
        if (unfinished !== undefined) behind.push(this.#startCatchUp(store, unfinished.positions, unfinished.goal));
        continue;
      }
      // The live connection is ahead of this dataset (it was paused): it joins where the others are, and a second connection
      // brings what it missed, so that nobody else waits.
      const from = unfinished === undefined ? own : earliest(own, unfinished.positions);
      await store.commit({
        realtime: { positions: encodePositions(here) },
        catchup: { positions: encodePositions(from), goal: encodePositions(here) },
      });
      joining.push(this.#member(store, 'realtime', here));
      behind.push(this.#startCatchUp(store, from, here));
    }
    for (const member of joining) this.#liveMembers.set(member.store.id, member);
    await this.#live.join(joining);
    await this.#catchUp.join(behind);
  }

  /**
   * Prepares reading the stream again from `since` up to where the (attached) dataset joined the live connection. The checkpoint
   * must be committed together with what makes it necessary; `begin` then starts it.
   */
  prepareCatchUp(
    store: DatasetWriter,
    since: UpstreamTime,
  ): { readonly checkpoint: CheckpointPatch; readonly begin: () => Promise<void> } {
    const member = this.#liveMembers.get(store.id);
    const goal =
      member?.positions ?? this.#live.positions ?? positionsAt(withMargin(this.#options.now(), 0), this.#options.now());
    // The pause that counts for "does upstream still have it" is the age of `since`, not of this moment.
    const from = positionsAt(since, since.seconds * 1000);
    return {
      checkpoint: { catchup: { positions: encodePositions(from), goal: encodePositions(goal) } },
      begin: async () => {
        // Paused or removed meanwhile: the checkpoint brings it back when the dataset is attached again.
        if (!this.#liveMembers.has(store.id)) return;
        await this.#catchUp.leave(store.id);
        await this.#catchUp.join([this.#startCatchUp(store, from, goal)]);
      },
    };
  }

  /** Stops applying events to a dataset (paused or removed). Its positions stay stored. */
  async detach(id: DatasetId): Promise<void> {
    this.#liveMembers.delete(id);
    this.#catchingUp.delete(id);
    await this.#catchUp.leave(id);
    await this.#live.leave(id);
  }

  /** What is known of a dataset's age; `undefined` when it is not attached. */
  freshness(id: DatasetId): Freshness | undefined {
    const member = this.#liveMembers.get(id);
    if (member === undefined) return undefined;
    const catchUp = this.#catchingUp.get(id);
    const live = this.#live.positions ?? member.positions;
    const complete = catchUp === undefined ? completeUntil(live) : completeUntil(catchUp.member.positions);
    const newest = this.#live.newest === undefined ? complete : laterOf(this.#live.newest, complete);
    return { newest, completeUntil: complete, isCatchingUp: catchUp !== undefined, isConnected: this.#live.isConnected };
  }

  async close(): Promise<void> {
    await this.#catchUp.stop();
    await this.#live.stop();
  }

  #member(
    store: DatasetWriter,
    track: 'realtime' | 'catchup',
    positions: Positions,
    companion?: Readonly<Record<string, unknown>>,
  ): StreamMember {
    return new StreamMember({
      store,
      track,
      positions,
      ...(companion === undefined ? {} : { companion }),
      now: this.#options.now,
      onUnknown: (keys) => this.#hooks.onUnknownEvent(store.id, keys),
    });
  }

  #startCatchUp(store: DatasetWriter, from: Positions, goal: Positions): StreamMember {
    const member = this.#member(store, 'catchup', from, { goal: encodePositions(goal) });
    this.#catchingUp.set(store.id, { member, goal });
    return member;
  }

  async #finishCaughtUp(): Promise<void> {
    const here = this.#catchUp.positions;
    if (here === undefined) return;
    const retainedFrom = timeFromMs(this.#options.now() - this.#options.settings().retentionMs);
    for (const [id, { member, goal }] of this.#catchingUp) {
      const isDone = here.partitions.every((position, index) => {
        const wanted = goal.partitions[index];
        return wanted === undefined || hasCaughtUp(position, wanted, retainedFrom);
      });
      if (!isDone || !this.#catchingUp.delete(id)) continue;
      try {
        await this.#catchUp.leave(id);
        // What was waiting may have failed to be applied; then the stretch is not done.
        if (!this.#liveMembers.has(id)) continue;
        await member.store.commit({ catchup: null });
      } catch (error) {
        this.#memberFailed(member, error);
        continue;
      }
      this.#hooks.onCaughtUp(id);
    }
  }

  #memberFailed(member: StreamMember, error: unknown): void {
    const { id } = member.store;
    this.#liveMembers.delete(id);
    this.#catchingUp.delete(id);
    const quiet = isMirrorError(error) ? error.code : 'unexpected';
    this.#options.logger.warn(
      { err: error, event: 'stream.member-failed', dataset: id, code: quiet },
      'a dataset left the stream',
    );
    this.#hooks.onMemberFailed(member, error);
  }
}

/** Where a dataset that never followed the stream has to be read on from; `undefined` without a snapshot that tells its age. */
async function loadedUntil(store: DatasetWriter): Promise<Positions | undefined> {
  const snapshot = decodeSnapshot(await store.checkpoint('snapshot'));
  const exported = parseUpstreamTime(snapshot?.since ?? '');
  if (exported === undefined) return undefined;
  const batches = decodeBatch(await store.checkpoint('batch'));
  const since = batches === undefined ? exported : laterOf(exported, withMargin(batches.nextHourMs, BATCH_MARGIN_MS));
  return positionsAt(since, timeToMs(since));
}

function decodeCatchUp(value: unknown): { readonly positions: Positions; readonly goal: Positions } | undefined {
  const positions = decodeTrack(value);
  const goal = typeof value === 'object' && value !== null && 'goal' in value ? decodePositions(value.goal) : undefined;
  return positions === undefined || goal === undefined ? undefined : { positions, goal };
}
