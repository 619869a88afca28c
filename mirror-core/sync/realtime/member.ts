/** One dataset's part in a stream group: which events concern it, and its positions, which move only with its data. */
import type { RecordKeys, StreamPosition } from '../../contracts/article.ts';
import type { ProjectId } from '../../contracts/identifiers.ts';
import type { DatasetWriter } from '../../contracts/store-port.ts';
import { compareTimes, laterOf, type UpstreamTime } from '../../contracts/upstream-time.ts';
import { encodePositions, raiseTimes, type PartitionPosition, type Positions } from './positions.ts';

/** `realtime`: where the live group is for this dataset. `catchup`: where the stretch after the snapshot is. */
export type PositionTrack = 'realtime' | 'catchup';

function furthest(a: PartitionPosition, b: PartitionPosition): PartitionPosition {
  const time = laterOf(a.time, b.time);
  if (a.offset !== null && b.offset !== null) return { offset: Math.max(a.offset, b.offset), time };
  return compareTimes(a.time, b.time) > 0 ? { offset: a.offset, time } : { offset: b.offset ?? a.offset, time };
}

export class StreamMember {
  readonly store: DatasetWriter;
  readonly project: ProjectId;
  readonly #track: PositionTrack;
  readonly #now: () => number;
  readonly #onUnknown: (keys: RecordKeys) => void;
  /** Written beside the positions in each commit: the goal of a catch-up. */
  readonly #companion: Readonly<Record<string, unknown>>;
  #positions: Positions;
  #savedAtMs = 0;

  constructor(options: {
    readonly store: DatasetWriter;
    readonly track: PositionTrack;
    readonly positions: Positions;
    readonly companion?: Readonly<Record<string, unknown>>;
    readonly now: () => number;
    readonly onUnknown: (keys: RecordKeys) => void;
  }) {
    this.store = options.store;
    this.project = options.store.project;
    this.#track = options.track;
    this.#positions = options.positions;
    this.#companion = options.companion ?? {};
    this.#now = options.now;
    this.#onUnknown = options.onUnknown;
  }

  /** Everything up to here is applied and durable. */
  get positions(): Positions {
    return this.#positions;
  }

  /** When the positions were last made durable, ms since the epoch. */
  get savedAtMs(): number {
    return this.#savedAtMs;
  }

  /** Whether the event lies before this dataset's own position: the group started further back for another dataset. */
  hasSeen(position: StreamPosition): boolean {
    const offset = this.#positions.partitions[position.partition]?.offset;
    return offset !== undefined && offset !== null && position.offset < offset;
  }

  /**
   * Whether the event is for this dataset. Updates go by namespace. Deletions and visibility changes also go where the title is
   * held: in a move between namespaces they may name the new one.
   */
  async concerns(keys: RecordKeys): Promise<boolean> {
    if (this.mustBeHeld(keys)) return (await this.store.entry(keys.title)) !== undefined;
    return keys.namespaceId === this.store.namespaceId;
  }

  /** Whether the event is for this dataset only if its title is held here. */
  mustBeHeld(keys: RecordKeys): boolean {
    const isRemoval = keys.eventType === 'delete' || keys.eventType === 'visibility-change';
    return isRemoval && keys.namespaceId !== this.store.namespaceId;
  }

  noteUnknown(keys: RecordKeys): void {
    if (keys.namespaceId === this.store.namespaceId) this.#onUnknown(keys);
  }

  /** The offset of this partition is worthless; its time still holds. */
  forgetOffset(partition: number): void {
    this.#positions = {
      partitions: this.#positions.partitions.map((position, index) =>
        index === partition ? { offset: null, time: position.time } : position,
      ),
      savedAtMs: this.#positions.savedAtMs,
    };
  }

  /** Everything before `time` is either applied or on record as a gap. */
  raiseTimes(time: UpstreamTime): void {
    this.#positions = { partitions: raiseTimes(this.#positions.partitions, time), savedAtMs: this.#positions.savedAtMs };
  }

  /** Commits what is staged together with the group's positions, as far as they are ahead of this dataset's own. */
  async commit(group: Positions): Promise<void> {
    const positions: Positions = {
      partitions: this.#positions.partitions.map((own, index) => {
        const other = group.partitions[index];
        return other === undefined ? own : furthest(own, other);
      }),
      savedAtMs: Math.max(this.#positions.savedAtMs, group.savedAtMs),
    };
    await this.store.commit({ [this.#track]: { ...this.#companion, positions: encodePositions(positions) } });
    this.#positions = positions;
    this.#savedAtMs = this.#now();
  }
}
