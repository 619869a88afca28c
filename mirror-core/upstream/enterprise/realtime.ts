/** The Realtime stream (contract §10): one connection, raw records out, silence noticed, a slow consumer respected. */
import { createParser } from 'eventsource-parser';
import type { Logger } from 'pino';
import { MAX_RECORD_BYTES, PARTITION_COUNT, PART_COUNT } from '../../contracts/limits.ts';
import { MirrorError } from '../../contracts/errors.ts';
import type { StreamRequest } from '../../contracts/upstream-port.ts';
import { formatUpstreamTime } from '../../contracts/upstream-time.ts';
import { abortErrorOf, anySignal } from './abort.ts';
import type { Call, EnterpriseApi } from './api.ts';
import type { HttpResponse } from './http.ts';
import { LineSplitter, lineTooLong } from './line-splitter.ts';
import { isHtml, statusError, webPageError } from './responses.ts';

const PARTITIONS_PER_PART = PARTITION_COUNT / PART_COUNT;

export interface RealtimeParts {
  readonly api: EnterpriseApi;
  /** Aborts when the client is closed. */
  readonly closing: AbortSignal;
  readonly logger: Logger;
  readonly now: () => number;
}

/**
 * The body of the request. `parts` always goes along: without it upstream drops positions silently (contract §10.2).
 * @throws MirrorError INVALID_INPUT for a position outside the parts, or two positions for one partition
 */
export function streamBody(request: StreamRequest): Readonly<Record<string, unknown>> {
  const parts = [...new Set(request.parts)].sort((a, b) => a - b);
  if (parts.length === 0 || parts.some((part) => !Number.isInteger(part) || part < 0 || part >= PART_COUNT)) {
    throw new MirrorError(
      'INVALID_INPUT',
      `A stream needs parts between 0 and ${PART_COUNT - 1}; got [${request.parts.join(', ')}].`,
    );
  }
  const wanted = new Set(parts);
  for (const partition of [...request.offsets.keys(), ...request.sincePerPartition.keys()]) {
    if (!wanted.has(Math.floor(partition / PARTITIONS_PER_PART))) {
      throw new MirrorError(
        'INVALID_INPUT',
        `The position of partition ${partition} would be ignored: its part is not among [${parts.join(', ')}].`,
      );
    }
  }
  const doubled = [...request.offsets.keys()].find((partition) => request.sincePerPartition.has(partition));
  if (doubled !== undefined) {
    throw new MirrorError(
      'INVALID_INPUT',
      `Partition ${doubled} has both an offset and a time; upstream takes one (contract §10.2).`,
    );
  }
  const times = [...request.sincePerPartition].map(([partition, time]) => [String(partition), formatUpstreamTime(time)] as const);
  return {
    parts,
    ...(request.offsets.size === 0
      ? {}
      : { offsets: Object.fromEntries([...request.offsets].map(([key, value]) => [String(key), value])) }),
    ...(times.length === 0 ? {} : { since_per_partition: Object.fromEntries(times) }),
    ...(request.filters === undefined ? {} : { filters: request.filters }),
    ...(request.fields === undefined ? {} : { fields: request.fields }),
  };
}

/**
 * Opens a stream and yields its records. Not retried here: where to continue is known to the caller alone.
 * @throws MirrorError UPSTREAM_UNREACHABLE (cut off, or silent for `silenceMs`; retryable), LINE_TOO_LONG, FORBIDDEN, AUTH_*, UPSTREAM_*,
 *   INVALID_INPUT, or AbortError
 */
export async function* openStream(parts: RealtimeParts, request: StreamRequest): AsyncGenerator<Uint8Array, void, undefined> {
  const json = streamBody(request);
  warnOfLiveStarts(parts.logger, request);
  const call: Call = {
    origin: 'realtime',
    method: 'POST',
    path: '/v2/articles',
    accept: 'application/x-ndjson',
    json,
    // Upstream sends its headers with the first event, which on a narrow filter can take any time (contract §10.1).
    headersTimeoutMs: 0,
    bodyIdleMs: 0,
  };
  const route = parts.api.routeOf(call);
  const watchdog = new Watchdog(request.silenceMs, route);
  const signal = anySignal(anySignal(parts.closing, request.signal), watchdog.signal);
  try {
    watchdog.watch();
    const response = await parts.api.send(call, signal);
    if (response.status !== 200) throw await statusError(response, route, parts.now());
    if (isHtml(response)) {
      await response.discard();
      throw webPageError(response, route);
    }
    const decode = isEventStream(response) ? serverSentEvents() : jsonLines(parts.logger);
    for await (const piece of response.bytes()) {
      // While the consumer works nothing can arrive, and that silence is ours.
      watchdog.rest();
      yield* decode.push(piece);
      watchdog.watch();
    }
    watchdog.rest();
    yield* decode.end();
  } catch (error) {
    throw watchdog.explain(error, anySignal(parts.closing, request.signal));
  } finally {
    watchdog.end();
  }
}

/** Ends a connection on which nothing arrives any more; a dead line often shows in no other way. */
class Watchdog {
  readonly #controller = new AbortController();
  readonly #silenceMs: number | undefined;
  readonly #route: string;
  #timer: NodeJS.Timeout | undefined;
  #barked = false;

  constructor(silenceMs: number | undefined, route: string) {
    this.#silenceMs = silenceMs;
    this.#route = route;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  watch(): void {
    if (this.#silenceMs === undefined) return;
    this.#timer = setTimeout(() => {
      this.#barked = true;
      this.#controller.abort();
    }, this.#silenceMs);
  }

  rest(): void {
    clearTimeout(this.#timer);
  }

  /** Stops watching and drops the connection, in case the consumer left early. */
  end(): void {
    this.rest();
    this.#controller.abort();
  }

  /** An abort by the watchdog is a failure of the line, not somebody's wish. */
  explain(error: unknown, wish: AbortSignal): unknown {
    if (!this.#barked) return error;
    if (wish.aborted) return abortErrorOf(wish);
    return new MirrorError(
      'UPSTREAM_UNREACHABLE',
      `${this.#route}: nothing arrived for ${this.#silenceMs ?? 0} ms; the connection was given up.`,
      {
        context: { silenceMs: this.#silenceMs ?? 0 },
      },
    );
  }
}

interface Decoder {
  push(piece: Buffer): Iterable<Uint8Array>;
  end(): Iterable<Uint8Array>;
}

function jsonLines(logger: Logger): Decoder {
  const splitter = new LineSplitter();
  return {
    push: (piece) => splitter.push(piece),
    end: () => {
      const rest = splitter.rest();
      if (rest === undefined) return [];
      // A list's last record has no line end (contract §1.4), but a stream that stops may also stop in the middle of one.
      if (isJson(rest)) return [rest];
      logger.warn({ event: 'stream.cut-record', bytes: rest.length }, 'the stream ended within a record; it will come again');
      return [];
    },
  };
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder().decode(bytes));
    return true;
  } catch {
    // The question was whether it parses.
    return false;
  }
}

/** For an upstream that answers with server-sent events whatever was asked for. An event cut off at the end is not delivered. */
function serverSentEvents(): Decoder {
  const text = new TextDecoder();
  const encoder = new TextEncoder();
  let records: Uint8Array[] = [];
  let failure: MirrorError | undefined;
  const parser = createParser({
    // Counts characters of unfinished events, field names included; finished records are measured exactly below.
    maxBufferSize: MAX_RECORD_BYTES + 1024,
    onEvent: (event) => {
      if (event.data === '' || failure !== undefined) return;
      const record = encoder.encode(event.data);
      if (record.length > MAX_RECORD_BYTES) failure = lineTooLong(MAX_RECORD_BYTES);
      else records.push(record);
    },
    onError: (error) => {
      // Unknown fields are to be ignored by the format's own rules.
      if (error.type === 'max-buffer-size-exceeded') failure = lineTooLong(MAX_RECORD_BYTES);
    },
  });
  const take = (): Uint8Array[] => {
    const taken = records;
    records = [];
    return taken;
  };
  return {
    *push(piece) {
      parser.feed(text.decode(piece, { stream: true }));
      yield* take();
      if (failure !== undefined) throw failure;
    },
    end: take,
  };
}

function isEventStream(response: HttpResponse): boolean {
  return /^\s*text\/event-stream/i.test(response.header('content-type') ?? '');
}

/** Partitions without a position start live, and what came before is lost without a sign (contract §10.2). */
function warnOfLiveStarts(logger: Logger, request: StreamRequest): void {
  const missing = [...new Set(request.parts)]
    .flatMap((part) => Array.from({ length: PARTITIONS_PER_PART }, (_, index) => part * PARTITIONS_PER_PART + index))
    .filter((partition) => !request.offsets.has(partition) && !request.sincePerPartition.has(partition));
  if (missing.length > 0) {
    logger.warn({ event: 'stream.live-start', partitions: missing }, 'these partitions have no position and start live');
  }
}
