/** The state of a dataset as the few words and the tone shown for it. */
import type { SyncState } from '../../contracts/sync-state.ts';
import type { Tone } from './colors.ts';
import { bytesWords, durationWords, timeWords } from './units.ts';

export interface StateWords {
  /** One or two words: the column of the table. */
  readonly label: string;
  /** More about it; may be empty. */
  readonly detail: string;
  readonly tone: Tone;
}

const STEP_LABELS = { download: 'loading', verify: 'checking', apply: 'loading', reconcile: 'reconciling' } as const;
const WAIT_LABELS = {
  schedule: 'up to date',
  disk: 'waiting for space',
  quota: 'waiting for quota',
  network: 'waiting for network',
  retry: 'trying again',
  snapshot: 'waiting for snapshot',
} as const;
const SOURCE_WORDS = { realtime: 'the stream', batch: 'hourly batches', snapshot: 'a newer snapshot' } as const;
const PAUSED_BY = { user: '', schedule: 'by the schedule', power: 'to save power' } as const;

function percent(done: number, total: number): string {
  return total > 0 ? `${Math.min(100, Math.floor((done / total) * 100))} %` : bytesWords(done);
}

function waiting(state: Extract<SyncState, { kind: 'waiting' }>): StateWords {
  const reason = state.reason ?? '';
  const time = state.until === null ? '' : timeWords(state.until);
  // A sentence names its own times, such as that of the quota's renewal; ours is only when we look again.
  const detail =
    reason.endsWith('.') && time !== ''
      ? `${reason} Next try ${time}`
      : [reason, time === '' ? '' : `until ${time}`].filter((part) => part !== '').join(', ');
  return { label: WAIT_LABELS[state.for], detail, tone: state.for === 'schedule' ? 'good' : 'waiting' };
}

/** One state, one set of words. Pure. */
export function describeSync(state: SyncState): StateWords {
  switch (state.kind) {
    case 'idle':
      return { label: 'idle', detail: '', tone: 'quiet' };
    case 'planning':
      return { label: 'planning', detail: 'asking upstream what there is', tone: 'busy' };
    case 'bootstrapping':
      return { label: STEP_LABELS[state.step], detail: percent(state.doneBytes, state.totalBytes), tone: 'busy' };
    case 'catching-up': {
      const behind = state.lagMs === null ? '' : `, ${durationWords(state.lagMs)} behind`;
      return { label: 'catching up', detail: `from ${SOURCE_WORDS[state.source]}${behind}`, tone: 'busy' };
    }
    case 'live':
      return { label: 'live', detail: `lag ${durationWords(state.lagMs)}`, tone: 'good' };
    case 'waiting':
      return waiting(state);
    case 'paused':
      return { label: 'paused', detail: PAUSED_BY[state.by], tone: 'quiet' };
    case 'failed':
      return { label: 'failed', detail: state.retryable ? `${state.message} (will be tried again)` : state.message, tone: 'bad' };
  }
}
