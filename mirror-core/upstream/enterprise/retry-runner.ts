/** The retry policies bound to this client's clock, randomness and logger. */
import type { Logger } from 'pino';
import { messageOf } from '../../contracts/errors.ts';
import { anySignal, type Sleep } from './abort.ts';
import { REQUEST_POLICY, withRetry, type RetryPolicy } from './retry-policy.ts';

export interface RetryRunner {
  /**
   * Runs `task` under a policy ({@link REQUEST_POLICY} unless told otherwise).
   * @param what short name for the log, such as `auth.login`
   */
  run<T>(
    task: () => Promise<T>,
    what: string,
    options?: { readonly signal?: AbortSignal | undefined; readonly policy?: RetryPolicy },
  ): Promise<T>;
}

export function createRetryRunner(parts: {
  readonly closing: AbortSignal;
  readonly random: () => number;
  readonly sleep: Sleep;
  readonly logger: Logger;
}): RetryRunner {
  return {
    run: (task, what, options = {}) =>
      withRetry(options.policy ?? REQUEST_POLICY, task, {
        signal: anySignal(parts.closing, options.signal),
        random: parts.random,
        sleep: parts.sleep,
        onRetry: (error, delayMs, failures) =>
          parts.logger.warn({ event: 'upstream.retry', what, failures, delayMs, reason: messageOf(error) }, 'trying again'),
      }),
  };
}
