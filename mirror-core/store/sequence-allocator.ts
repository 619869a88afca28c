/**
 * Sequence numbers for the whole mirror. One source for all datasets, so that their changes merge into one ordered feed.
 * Numbers are reserved in blocks, durably, before the first of a block is given out: after a crash the rest of the block is
 * skipped and no number is ever given twice.
 */
import { MirrorError } from '../contracts/errors.ts';
import type { KeyValuePort } from '../contracts/store-port.ts';

const KEY = 'sequence/next-block';
/** A synced write for each block: rare at any load rate, and what a crash skips is nothing among 2^53 numbers. */
const BLOCK_SIZE = 65_536;

export class SequenceAllocator {
  readonly #catalog: KeyValuePort;
  #next: number;
  #end: number;
  #reserving: Promise<void> | undefined;

  private constructor(catalog: KeyValuePort, next: number) {
    this.#catalog = catalog;
    this.#next = next;
    this.#end = next;
  }

  /** @throws MirrorError STORE_CORRUPT when the stored number is not one */
  static async load(catalog: KeyValuePort): Promise<SequenceAllocator> {
    const stored = (await catalog.get(KEY)) ?? 1;
    if (typeof stored !== 'number' || !Number.isSafeInteger(stored) || stored < 1) {
      throw new MirrorError('STORE_CORRUPT', 'the catalogue is damaged: its sequence number cannot be read');
    }
    return new SequenceAllocator(catalog, stored);
  }

  /**
   * Calls `use` with a function that gives the next number, at most `count` times: each larger than any given before, in this
   * process or an earlier one. `use` runs without a pause, so nobody else's numbers come in between.
   */
  async allocate<T>(count: number, use: (take: () => number) => T): Promise<T> {
    while (this.#end - this.#next < count) {
      this.#reserving ??= this.#reserve(Math.max(count, BLOCK_SIZE)).finally(() => {
        this.#reserving = undefined;
      });
      await this.#reserving;
    }
    return use(() => {
      if (this.#next >= this.#end) throw new MirrorError('INTERNAL', 'more sequence numbers were taken than reserved');
      return this.#next++;
    });
  }

  /** Never gives out numbers up to `seq`: what a dataset on disk has must not come again, even if the catalogue was lost. */
  skipPast(seq: number): void {
    if (seq < this.#next) return;
    this.#next = seq + 1;
    this.#end = Math.max(this.#end, this.#next);
  }

  async #reserve(count: number): Promise<void> {
    // Read anew after the await: skipPast may have moved the numbers meanwhile.
    const end = this.#end + count;
    await this.#catalog.put(KEY, end);
    this.#end = Math.max(this.#end, end);
  }
}
