/** Rate and time left of long work, smoothed over the last seconds so that one slow chunk does not make the figures jump. */

const WINDOW_MS = 20_000;

export interface ProgressFigures {
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly rateBytesPerSecond: number;
  /** `null` while there is no rate yet. */
  readonly secondsLeft: number | null;
  readonly records: number;
}

export class ProgressMeter {
  readonly #now: () => number;
  readonly #samples: { readonly atMs: number; readonly doneBytes: number }[] = [];
  #records = 0;
  #doneBytes = 0;
  #totalBytes = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Reports totals so far, not increments. */
  report(doneBytes: number, totalBytes: number, records: number): void {
    const atMs = this.#now();
    this.#doneBytes = doneBytes;
    this.#totalBytes = totalBytes;
    this.#records = records;
    this.#samples.push({ atMs, doneBytes });
    while (this.#samples.length > 2 && (this.#samples[0]?.atMs ?? atMs) < atMs - WINDOW_MS) this.#samples.shift();
  }

  get figures(): ProgressFigures {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const spanMs = first === undefined || last === undefined ? 0 : last.atMs - first.atMs;
    const rate =
      first === undefined || last === undefined || spanMs <= 0 ? 0 : ((last.doneBytes - first.doneBytes) * 1000) / spanMs;
    return {
      doneBytes: this.#doneBytes,
      totalBytes: this.#totalBytes,
      rateBytesPerSecond: Math.max(0, rate),
      secondsLeft: rate > 0 ? Math.max(0, (this.#totalBytes - this.#doneBytes) / rate) : null,
      records: this.#records,
    };
  }
}
