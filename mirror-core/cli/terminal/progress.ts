/** A progress line that redraws itself on a terminal, and is silent elsewhere. */
import { fit } from './text.ts';
import { bytesWords, countWords, durationWords } from './units.ts';

export interface ProgressState {
  readonly label: string;
  readonly done: number;
  /** `null` when the end is not known. */
  readonly total: number | null;
  readonly elapsedMs: number;
  readonly unit: 'bytes' | 'count';
}

const BAR_WIDTH = 24;

function quantity(value: number, unit: ProgressState['unit']): string {
  return unit === 'bytes' ? bytesWords(value) : countWords(value);
}

/** The line for a state of progress: bar, share, amount, rate, time left. Pure. */
export function progressLine(state: ProgressState, columns: number): string {
  const rate = state.elapsedMs > 0 ? state.done / (state.elapsedMs / 1000) : 0;
  const speed = rate > 0 ? `  ${quantity(rate, state.unit)}/s` : '';
  if (state.total === null || state.total <= 0) {
    return fit(`${state.label}  ${quantity(state.done, state.unit)}${speed}`, columns - 1);
  }
  const share = Math.min(1, state.done / state.total);
  const filled = Math.round(share * BAR_WIDTH);
  const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled);
  const left = rate > 0 && share < 1 ? `  ${durationWords(((state.total - state.done) / rate) * 1000)} left` : '';
  const amount = `${quantity(state.done, state.unit)} of ${quantity(state.total, state.unit)}`;
  return fit(`${state.label}  ${bar} ${Math.floor(share * 100)} %  ${amount}${speed}${left}`, columns - 1);
}

interface ProgressTarget {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressDisplay {
  update(done: number, total: number | null): void;
  /** Removes the line. */
  end(): void;
}

/** At most this often is the line drawn. */
const DRAW_EVERY_MS = 100;

export function progressDisplay(
  target: ProgressTarget,
  now: () => number,
  label: string,
  unit: ProgressState['unit'],
): ProgressDisplay {
  const started = now();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    update: (done, total) => {
      if (target.isTTY !== true || now() - drawnAt < DRAW_EVERY_MS) return;
      drawnAt = now();
      isDrawn = true;
      target.write(`\r\u001B[2K${progressLine({ label, done, total, elapsedMs: now() - started, unit }, target.columns || 80)}`);
    },
    end: () => {
      if (isDrawn) target.write('\r\u001B[2K');
      isDrawn = false;
    },
  };
}
