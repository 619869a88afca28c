/**
 * The states of one dataset and the moves between them, as a pure function. Side effects (log line, event, metric) hang off the
 * one place that stores the result (`dataset-sync.ts`).
 */
import type { SyncState } from '../contracts/sync-state.ts';
import type { ErrorCode } from '../contracts/errors.ts';

export type SyncInput =
  | { readonly type: 'plan' }
  | {
      readonly type: 'load';
      readonly step: 'download' | 'verify' | 'apply' | 'reconcile';
      readonly doneBytes: number;
      readonly totalBytes: number;
      readonly records: number;
    }
  | { readonly type: 'catch-up'; readonly source: 'realtime' | 'batch' | 'snapshot'; readonly lagMs: number | null }
  | { readonly type: 'live'; readonly lagMs: number }
  | {
      readonly type: 'wait';
      readonly for: 'schedule' | 'disk' | 'quota' | 'network' | 'retry' | 'snapshot';
      readonly until: string | null;
      readonly reason: string | null;
    }
  | { readonly type: 'pause'; readonly by: 'user' | 'schedule' | 'power' }
  | { readonly type: 'resume' }
  | { readonly type: 'fail'; readonly code: ErrorCode; readonly message: string; readonly retryable: boolean }
  | { readonly type: 'reset' };

/**
 * The state after `input`. A paused dataset stays paused until it is resumed or reset, whatever work still reports;
 * a failed one until something is planned, resumed or reset: late progress of cancelled work must not revive it.
 */
export function next(state: SyncState, input: SyncInput): SyncState {
  if (input.type === 'reset') return { kind: 'idle' };
  if (input.type === 'pause') return { kind: 'paused', by: input.by };
  if (state.kind === 'paused') return input.type === 'resume' ? { kind: 'planning' } : state;
  if (state.kind === 'failed' && input.type !== 'plan' && input.type !== 'resume' && input.type !== 'fail') return state;

  switch (input.type) {
    case 'plan':
    case 'resume':
      return { kind: 'planning' };
    case 'load':
      return {
        kind: 'bootstrapping',
        step: input.step,
        doneBytes: input.doneBytes,
        totalBytes: input.totalBytes,
        records: input.records,
      };
    case 'catch-up':
      return { kind: 'catching-up', source: input.source, lagMs: input.lagMs };
    case 'live':
      return { kind: 'live', lagMs: input.lagMs };
    case 'wait':
      return { kind: 'waiting', for: input.for, until: input.until, reason: input.reason };
    case 'fail':
      return { kind: 'failed', code: input.code, message: input.message, retryable: input.retryable };
  }
}

/** Whether a person would call the move from `a` to `b` a change: another kind or step, not a new number. */
export function isNewState(a: SyncState, b: SyncState): boolean {
  if (a.kind !== b.kind) return true;
  if (a.kind === 'bootstrapping' && b.kind === 'bootstrapping') return a.step !== b.step;
  if (a.kind === 'catching-up' && b.kind === 'catching-up') return a.source !== b.source;
  if (a.kind === 'waiting' && b.kind === 'waiting') return a.for !== b.for || a.reason !== b.reason;
  if (a.kind === 'failed' && b.kind === 'failed') return a.code !== b.code || a.message !== b.message;
  return false;
}
