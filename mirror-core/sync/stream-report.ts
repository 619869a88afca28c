/** The stream's figures for the status answer. */
import type { MirrorStatus } from '../contracts/control-api.ts';
import { formatUpstreamTime, type UpstreamTime } from '../contracts/upstream-time.ts';

type StreamState = MirrorStatus['stream']['state'];

export class StreamReport {
  #state: StreamState = 'off';
  #problem: string | null = null;
  #eventsApplied = 0;
  #newest: UpstreamTime | undefined;
  #connections = 0;

  /** Returns whether this is worth telling: another state or another problem. */
  move(state: StreamState, problem: string | null): boolean {
    const isNews = state !== this.#state || problem !== this.#problem;
    if (state === 'connected' && this.#state !== 'connected') this.#connections += 1;
    this.#state = state;
    this.#problem = problem;
    return isNews;
  }

  applied(count: number, newest: UpstreamTime | undefined): void {
    this.#eventsApplied += count;
    this.#newest = newest;
  }

  snapshot(): MirrorStatus['stream'] {
    return {
      state: this.#state,
      eventsApplied: this.#eventsApplied,
      lastEventAt: this.#newest === undefined ? null : formatUpstreamTime(this.#newest),
      reconnects: Math.max(0, this.#connections - 1),
      problem: this.#problem,
    };
  }
}
