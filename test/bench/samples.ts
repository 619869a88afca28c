/** What one run of a benchmark measures, and how several runs become one figure. */

/** One load of the corpus. */
export interface LoadSample {
  readonly seconds: number;
  /** All threads, user and system. */
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly records: number;
  readonly rawBytes: number;
  readonly archiveBytes: number;
  readonly storedBytes: number;
  /** What the kernel wrote to disk for it; 0 where the system does not say. */
  readonly writtenBytes: number;
  /** Longest time the store took for one batch of the pipeline. */
  readonly slowestBatchMs: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle) - 1] ?? NaN)) / 2;
}

/** The value below which `share` of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
