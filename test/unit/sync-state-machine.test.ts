import { describe, expect, it } from 'vitest';
import type { SyncState } from '../../mirror-core/contracts/sync-state.ts';
import { isNewState, next, type SyncInput } from '../../mirror-core/sync/state-machine.ts';

const idle: SyncState = { kind: 'idle' };
const planning: SyncState = { kind: 'planning' };
const loading: SyncState = { kind: 'bootstrapping', step: 'download', doneBytes: 1, totalBytes: 10, records: 0 };
const catchingUp: SyncState = { kind: 'catching-up', source: 'realtime', lagMs: 5000 };
const live: SyncState = { kind: 'live', lagMs: 100 };
const waiting: SyncState = { kind: 'waiting', for: 'schedule', until: null, reason: null };
const paused: SyncState = { kind: 'paused', by: 'user' };
const failed: SyncState = { kind: 'failed', code: 'NOT_FOUND', message: 'gone', retryable: false };
const ALL = { idle, planning, loading, catchingUp, live, waiting, paused, failed };

const plan: SyncInput = { type: 'plan' };
const load: SyncInput = { type: 'load', step: 'apply', doneBytes: 2, totalBytes: 10, records: 3 };
const catchUp: SyncInput = { type: 'catch-up', source: 'batch', lagMs: null };
const goLive: SyncInput = { type: 'live', lagMs: 7 };
const wait: SyncInput = { type: 'wait', for: 'disk', until: null, reason: 'full' };
const pause: SyncInput = { type: 'pause', by: 'power' };
const resume: SyncInput = { type: 'resume' };
const fail: SyncInput = { type: 'fail', code: 'STORE_IO', message: 'disk', retryable: true };
const reset: SyncInput = { type: 'reset' };

/** The kind of state that follows each input, from every state but the two below. */
const USUAL: Record<string, SyncState['kind']> = {
  plan: 'planning',
  load: 'bootstrapping',
  catchUp: 'catching-up',
  goLive: 'live',
  wait: 'waiting',
  pause: 'paused',
  resume: 'planning',
  fail: 'failed',
  reset: 'idle',
};
const stuck = (kind: SyncState['kind']): typeof USUAL => Object.fromEntries(Object.keys(USUAL).map((input) => [input, kind]));
const TABLE: Record<keyof typeof ALL, typeof USUAL> = {
  idle: USUAL,
  planning: USUAL,
  loading: USUAL,
  catchingUp: USUAL,
  live: USUAL,
  waiting: USUAL,
  // Late reports of cancelled work must not end a pause …
  paused: { ...stuck('paused'), resume: 'planning', reset: 'idle' },
  // … nor revive what failed.
  failed: { ...stuck('failed'), plan: 'planning', resume: 'planning', pause: 'paused', reset: 'idle' },
};
const INPUTS: Record<string, SyncInput> = { plan, load, catchUp, goLive, wait, pause, resume, fail, reset };

describe('the states of a dataset', () => {
  for (const [name, state] of Object.entries(ALL)) {
    for (const [inputName, input] of Object.entries(INPUTS)) {
      const expected = TABLE[name as keyof typeof ALL][inputName];
      it(`${name} + ${inputName} → ${String(expected)}`, () => {
        expect(next(state, input).kind).toBe(expected);
      });
    }
  }

  it('carries what the input says', () => {
    expect(next(planning, load)).toEqual({ kind: 'bootstrapping', step: 'apply', doneBytes: 2, totalBytes: 10, records: 3 });
    expect(next(live, wait)).toEqual({ kind: 'waiting', for: 'disk', until: null, reason: 'full' });
    expect(next(live, fail)).toEqual({ kind: 'failed', code: 'STORE_IO', message: 'disk', retryable: true });
    expect(next(live, pause)).toEqual({ kind: 'paused', by: 'power' });
  });

  it('tells a change from a new number', () => {
    expect(isNewState(live, { kind: 'live', lagMs: 200 })).toBe(false);
    expect(isNewState(loading, { ...loading, doneBytes: 5 })).toBe(false);
    expect(isNewState(loading, { ...loading, step: 'apply' })).toBe(true);
    expect(isNewState(catchingUp, { ...catchingUp, source: 'batch' })).toBe(true);
    expect(isNewState(waiting, { ...waiting, reason: 'other' })).toBe(true);
    expect(isNewState(failed, { ...failed, message: 'other' })).toBe(true);
    expect(isNewState(live, planning)).toBe(true);
    expect(isNewState(paused, paused)).toBe(false);
  });
});
