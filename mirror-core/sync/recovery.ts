/** What to do about a failure: which state to show, and when to try again. One place, so that every phase recovers alike. */
import { isMirrorError, messageOf, type ErrorCode } from '../contracts/errors.ts';
import type { SyncInput } from './state-machine.ts';

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 5 * 60_000;
const DISK_RETRY_MS = 30_000;
const ACCOUNT_RETRY_MS = 3_600_000;

export interface Recovery {
  readonly input: SyncInput;
  readonly waitMs: number;
}

/**
 * @param failures how often in a row work on this dataset has failed before
 * @param random 0 to 1, spreads retries so that many mirrors do not come back at the same moment
 */
export function answerToFailure(error: unknown, failures: number, nowMs: number, random: number): Recovery {
  const message = messageOf(error);
  const code: ErrorCode = isMirrorError(error) ? error.code : 'INTERNAL';
  const backoffMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10)) * (0.5 + random / 2);
  const wait = (reason: 'disk' | 'quota' | 'network' | 'retry' | 'snapshot', waitMs: number): Recovery => ({
    input: { type: 'wait', for: reason, until: new Date(nowMs + waitMs).toISOString(), reason: message },
    waitMs,
  });
  const retryAfterMs = isMirrorError(error) ? (error.retryAfterMs ?? 0) : 0;

  switch (code) {
    case 'NO_SPACE':
      return wait('disk', DISK_RETRY_MS);
    case 'QUOTA_EXHAUSTED':
      return wait('quota', ACCOUNT_RETRY_MS);
    case 'SNAPSHOT_CHANGED':
    case 'CHECKSUM_MISMATCH':
      return wait('snapshot', Math.max(backoffMs, retryAfterMs));
    case 'UPSTREAM_UNREACHABLE':
    case 'UPSTREAM_ERROR':
    case 'UPSTREAM_RATE_LIMITED':
      return wait('network', Math.max(backoffMs, retryAfterMs));
    default:
      return {
        input: { type: 'fail', code, message, retryable: isMirrorError(error) && error.retryable },
        // Also what looks final is tried again now and then: accounts get permissions, snapshots appear.
        waitMs: isMirrorError(error) && error.retryable ? backoffMs : ACCOUNT_RETRY_MS,
      };
  }
}
