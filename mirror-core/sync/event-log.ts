/** The mirror's own event log: growing ids, a bounded buffer for replay, listeners that can never slow the mirror. */
import type { JsonValue } from '../contracts/errors.ts';
import type { MirrorEvent } from '../contracts/control-api.ts';
import type { EventLogPort } from '../contracts/control-port.ts';
import type { DatasetId } from '../contracts/identifiers.ts';

const BUFFERED_EVENTS = 2000;

export class EventLog implements EventLogPort {
  readonly #events: MirrorEvent[] = [];
  readonly #listeners = new Set<(event: MirrorEvent) => void>();
  readonly #now: () => number;
  readonly #capacity: number;
  #lastId = 0;

  constructor(now: () => number, capacity: number = BUFFERED_EVENTS) {
    this.#now = now;
    this.#capacity = capacity;
  }

  get lastId(): number {
    return this.#lastId;
  }

  /** Adds an event; `message` is a sentence for people, `details` are facts for programs. */
  add(type: string, dataset: DatasetId | null, message: string, details?: Readonly<Record<string, JsonValue>>): void {
    this.#lastId += 1;
    const event: MirrorEvent = {
      id: this.#lastId,
      at: new Date(this.#now()).toISOString(),
      type,
      dataset,
      message,
      ...(details === undefined ? {} : { details: { ...details } }),
    };
    this.#events.push(event);
    if (this.#events.length > this.#capacity) this.#events.splice(0, this.#events.length - this.#capacity);
    for (const listener of this.#listeners) listener(event);
  }

  since(afterId: number): { readonly events: readonly MirrorEvent[]; readonly lostBefore: number | null } {
    const oldest = this.#events[0]?.id;
    // An id from the future is one of an earlier life of this process: its events are gone.
    const isGone = afterId > this.#lastId || (oldest !== undefined && afterId < oldest - 1);
    return {
      events: isGone ? this.#events.slice() : this.#events.filter((event) => event.id > afterId),
      lostBefore: isGone ? (oldest ?? this.#lastId + 1) : null,
    };
  }

  subscribe(listener: (event: MirrorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }
}
