/** The mirror's events as server-sent events: replay after an id, then live; a client that does not keep up is dropped. */
import { Readable } from 'node:stream';
import type { Logger } from 'pino';
import type { MirrorEvent } from '../contracts/control-api.ts';
import type { EventLogPort } from '../contracts/control-port.ts';

/** What a client may leave unread before it is dropped; about a thousand events. */
const MAX_PENDING_BYTES = 256 * 1024;
/** Comments sent while nothing happens, so that both sides notice a dead connection. */
const HEARTBEAT_MS = 15_000;

function frame(event: MirrorEvent): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}

export class EventFeed {
  readonly #events: EventLogPort;
  readonly #logger: Logger;
  readonly #open = new Set<Readable>();
  #isClosed = false;

  constructor(events: EventLogPort, logger: Logger) {
    this.#events = events;
    this.#logger = logger;
  }

  /**
   * A new client's stream. With `afterId` it begins with the events after that id; when some of those are gone (or the id
   * is from before a restart) a `reset` event tells the client to load the state anew.
   */
  open(afterId: number | undefined): Readable {
    const stream = new Readable({ read: () => undefined, encoding: 'utf8' });
    this.#open.add(stream);
    // Subscribed before the replay is read, in the same turn: nothing can fall between the two.
    const unsubscribe = this.#events.subscribe((event) => this.#send(stream, frame(event)));
    const heartbeat = setInterval(() => this.#send(stream, ': still here\n\n'), HEARTBEAT_MS);
    heartbeat.unref();
    stream.once('close', () => {
      clearInterval(heartbeat);
      unsubscribe();
      this.#open.delete(stream);
    });
    stream.push(': connected\n\n');
    if (afterId !== undefined) stream.push(this.#replay(afterId));
    if (this.#isClosed) stream.push(null);
    return stream;
  }

  /** Ends all streams; clients see a clean end and come back with their last id. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#open) stream.push(null);
  }

  #replay(afterId: number): string {
    const { lastId } = this.#events;
    const { events, lostBefore } = this.#events.since(afterId);
    const isFromBeforeRestart = afterId > lastId;
    const reset =
      lostBefore === null && !isFromBeforeRestart ? '' : `event: reset\ndata: ${JSON.stringify({ lostBefore, lastId })}\n\n`;
    return reset + events.map(frame).join('');
  }

  #send(stream: Readable, text: string): void {
    if (stream.destroyed || stream.readableEnded || this.#isClosed) return;
    stream.push(text);
    if (stream.readableLength <= MAX_PENDING_BYTES) return;
    this.#logger.warn({ event: 'events.client-dropped', pendingBytes: stream.readableLength }, 'event client too slow, dropped');
    stream.destroy();
  }
}
