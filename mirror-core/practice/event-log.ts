/** The Realtime log: 50 partitions, kept for a while, bounded in number (contract §10.2). */
import { PARTITION_COUNT } from '../contracts/limits.ts';
import type { LogEntry } from './page-state.ts';

interface Partition {
  entries: LogEntry[];
  /** How many entries were dropped from the front: positions are counted from the very first. */
  dropped: number;
  /** Offset below which everything is dropped. */
  firstOffset: number;
  nextOffset: number;
}

/** Memory stays bounded at any rate of edits: beyond this many events the oldest go, as if their time had come. */
const MAX_ENTRIES = 100_000;

export class EventLog {
  readonly #partitions: Partition[];
  readonly #listeners = new Set<() => void>();
  #count = 0;

  /** @param firstOffset where each partition begins; some begin at a real 0 */
  constructor(firstOffset: (partition: number) => number) {
    this.#partitions = Array.from({ length: PARTITION_COUNT }, (_, index) => {
      const offset = firstOffset(index);
      return { entries: [], dropped: 0, firstOffset: offset, nextOffset: offset };
    });
  }

  get count(): number {
    return this.#count;
  }

  #partition(index: number): Partition {
    const partition = this.#partitions[index];
    if (partition === undefined) throw new RangeError(`there is no partition ${index}`);
    return partition;
  }

  nextOffset(partition: number): number {
    return this.#partition(partition).nextOffset;
  }

  /** Sets where a partition goes on after a restart. */
  restoreOffsets(partition: number, first: number, next: number): void {
    Object.assign(this.#partition(partition), { firstOffset: first, nextOffset: next });
  }

  firstOffset(partition: number): number {
    return this.#partition(partition).firstOffset;
  }

  append(entry: LogEntry): void {
    const partition = this.#partition(entry.partition);
    partition.entries.push(entry);
    partition.nextOffset = Math.max(partition.nextOffset, entry.offset + 1);
    this.#count += 1;
    if (this.#count > MAX_ENTRIES) this.#dropOldest(Math.ceil(MAX_ENTRIES / 20));
  }

  /** Tells all streams that something was appended. */
  announce(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls `listener` after appends until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Drops what was published before `ms`. */
  trim(ms: number): void {
    for (const partition of this.#partitions) {
      const stay = partition.entries.findIndex((entry) => entry.publishedMs >= ms);
      this.#drop(partition, stay === -1 ? partition.entries.length : stay);
    }
  }

  #dropOldest(number: number): void {
    const times = this.entries().map((entry) => entry.publishedMs);
    this.trim((times.sort((a, b) => a - b)[number] ?? 0) + 1);
  }

  #drop(partition: Partition, number: number): void {
    const last = partition.entries[number - 1];
    if (last === undefined) return;
    partition.entries.splice(0, number);
    partition.dropped += number;
    partition.firstOffset = last.offset + 1;
    this.#count -= number;
  }

  /** The position after the newest entry. */
  end(partition: number): number {
    const { dropped, entries } = this.#partition(partition);
    return dropped + entries.length;
  }

  /** The position of the first entry published at or after `ms`; before the retained start that is the earliest there is. */
  positionAt(partition: number, ms: number): number {
    const { dropped, entries } = this.#partition(partition);
    const index = entries.findIndex((entry) => entry.publishedMs >= ms);
    return dropped + (index === -1 ? entries.length : index);
  }

  /** The position of `offset`. Outside of what is retained the consumer starts at the newest, silently, as upstream's does. */
  positionOf(partition: number, offset: number): number {
    const { dropped, entries, firstOffset, nextOffset } = this.#partition(partition);
    if (offset < firstOffset || offset > nextOffset) return this.end(partition);
    const index = entries.findIndex((entry) => entry.offset >= offset);
    return dropped + (index === -1 ? entries.length : index);
  }

  /** Up to `limit` entries from a position on, and the position after them. */
  read(partition: number, position: number, limit: number): { readonly entries: readonly LogEntry[]; readonly next: number } {
    const { dropped, entries } = this.#partition(partition);
    const from = Math.max(0, position - dropped);
    const found = entries.slice(from, from + limit);
    return { entries: found, next: dropped + from + found.length };
  }

  /** Everything retained, partition by partition. */
  entries(): LogEntry[] {
    return this.#partitions.flatMap((partition) => partition.entries);
  }

  /** What was published in [from, until), in the order it was written. */
  between(fromMs: number, untilMs: number): LogEntry[] {
    return this.entries()
      .filter((entry) => entry.publishedMs >= fromMs && entry.publishedMs < untilMs)
      .sort((a, b) => (a.stamp.datePublished < b.stamp.datePublished ? -1 : 1));
  }
}
