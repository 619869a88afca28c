/** When a failed request is tried again, and how long we wait before: one object, the same rules for every caller. */
import { isMirrorError, type MirrorError } from '../../contracts/errors.ts';
import { throwIfAborted, type Sleep } from './abort.ts';

export interface RetryPolicy {
  /** All tries together, the first included. */
  readonly attempts: number;
  /** Upper bound of the first wait; doubles with each further one. */
  readonly baseMs: number;
  /** Upper bound of any wait we choose ourselves. */
  readonly capMs: number;
  /** All waits together; a `Retry-After` that does not fit ends the tries. */
  readonly budgetMs: number;
  readonly isRetryable: (error: unknown) => boolean;
}

/**
 * Failures of the line or of the service that may pass by themselves. A 4xx other than 408 and 429 never is one of them
 * (it arrives with `retryable: false`), and neither is a wrong checksum: its cure is fresh metadata, not the same request.
 */
export function isTransient(error: unknown): error is MirrorError {
  return (
    isMirrorError(error) &&
    error.retryable &&
    (error.code === 'UPSTREAM_UNREACHABLE' || error.code === 'UPSTREAM_ERROR' || error.code === 'UPSTREAM_RATE_LIMITED')
  );
}

/** For small answers: logins, lists, single records. */
export const REQUEST_POLICY: RetryPolicy = {
  attempts: 4,
  baseMs: 500,
  capMs: 20_000,
  budgetMs: 120_000,
  isRetryable: isTransient,
};

/**
 * For files. Each try of a snapshot or chunk may cost one of the month's requests (contract §13: 30 snapshots for a free account),
 * so the tries are few and the waits long; whoever asked for the file may come back later, and resumes.
 */
export const DOWNLOAD_POLICY: RetryPolicy = {
  attempts: 6,
  baseMs: 1_000,
  capMs: 60_000,
  budgetMs: 600_000,
  isRetryable: isTransient,
};

/** Full jitter: anything between nothing and the doubled bound, but never less than the other side asked for. */
export function retryDelayMs(policy: RetryPolicy, failures: number, error: unknown, random: () => number): number {
  const bound = Math.min(policy.capMs, policy.baseMs * 2 ** (failures - 1));
  const asked = isMirrorError(error) ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(asked, Math.round(random() * bound));
}

export interface RetryContext {
  readonly signal: AbortSignal;
  readonly random: () => number;
  readonly sleep: Sleep;
  readonly onRetry?: (error: unknown, delayMs: number, failures: number) => void;
}

/**
 * Runs `task` until it succeeds, fails for good, or the policy's tries or waits are used up; then the last error is thrown.
 * @throws what `task` threw, or AbortError
 */
export async function withRetry<T>(policy: RetryPolicy, task: () => Promise<T>, context: RetryContext): Promise<T> {
  let waitedMs = 0;
  for (let failures = 1; ; failures += 1) {
    throwIfAborted(context.signal);
    try {
      return await task();
    } catch (error) {
      if (failures >= policy.attempts || !policy.isRetryable(error)) throw error;
      const delayMs = retryDelayMs(policy, failures, error, context.random);
      if (waitedMs + delayMs > policy.budgetMs) throw error;
      waitedMs += delayMs;
      context.onRetry?.(error, delayMs, failures);
      await context.sleep(delayMs, context.signal);
    }
  }
}
