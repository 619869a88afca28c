/** The Realtime stream (contract §10): one loop per connection over the positions of its partitions. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PARTITION_COUNT, PART_COUNT } from '../../contracts/limits.ts';
import type { EventLog } from '../event-log.ts';
import { goStringify } from '../go-json.ts';
import { streamRecord } from '../record.ts';
import type { Parameters } from './parameters.ts';
import { compileSelection } from './stream-schema.ts';

const PARTITIONS_PER_PART = PARTITION_COUNT / PART_COUNT;
/** How much of one partition is sent before the next has its turn: behind the end, partitions arrive in blocks and not by time. */
const BLOCK = 20;

export interface StreamOptions {
  /** Events a second for a connection to all parts; 0 for no throttle. */
  readonly throttle: number;
  readonly signal: AbortSignal;
}

/** The start of every partition asked for, by upstream's rules and with its traps (contract §10.2). */
export function startPositions(log: EventLog, parameters: Parameters): Map<number, number> {
  const { parts, since, offsets, sincePerPartition } = parameters;
  const positions = new Map<number, number>();
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    if (parts.length > 0 && !parts.includes(Math.floor(partition / PARTITIONS_PER_PART))) continue;
    // Without `parts`, offsets and times per partition are dropped silently; with them, a partition not named starts live.
    const offset = parts.length > 0 ? offsets.get(partition) : undefined;
    const time = since ?? (parts.length > 0 ? sincePerPartition.get(partition) : undefined);
    if (time !== undefined) positions.set(partition, log.positionAt(partition, time));
    else positions.set(partition, offset === undefined ? log.end(partition) : log.positionOf(partition, offset));
  }
  return positions;
}

/** Answers one subscription; ends when the client goes or the server closes. */
export async function answerStream(
  request: IncomingMessage,
  response: ServerResponse,
  log: EventLog,
  parameters: Parameters,
  options: StreamOptions,
): Promise<void> {
  const select = compileSelection(parameters.fields, parameters.filters);
  const positions = startPositions(log, parameters);
  const isNdjson = request.headers.accept?.includes('application/x-ndjson') === true;
  const paceMs = options.throttle === 0 ? 0 : 1000 / ((options.throttle * positions.size) / PARTITION_COUNT);
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, options.signal]);

  const send = async (text: string): Promise<void> => {
    if (!response.headersSent) {
      // Only now: upstream sends its headers with the first event.
      response.writeHead(200, {
        'Content-Type': `${isNdjson ? 'application/x-ndjson' : 'text/event-stream'}; charset=utf-8`,
        'Cache-Control': 'no-cache',
        Connection: 'keep-alive',
      });
    }
    if (!response.write(text)) await once(response, 'drain', { signal });
    if (paceMs > 0) await sleep(paceMs, undefined, { signal });
  };

  const sendPending = async (): Promise<number> => {
    let read = 0;
    for (const [partition, position] of positions) {
      const block = log.read(partition, position, BLOCK);
      positions.set(partition, block.next);
      read += block.entries.length;
      for (const entry of block.entries) {
        signal.throwIfAborted();
        const record = select(streamRecord(entry));
        if (record === undefined) continue;
        const json = goStringify(record);
        await send(isNdjson ? `${json}\n` : `event: message\ndata: ${json}\n\n`);
      }
    }
    return read;
  };

  let wake = (): void => undefined;
  const unsubscribe = log.subscribe(() => wake());
  const closed = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    while (!signal.aborted) {
      const news = new Promise<void>((resolve) => (wake = resolve));
      if ((await sendPending()) === 0) await Promise.race([news, closed]);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    unsubscribe();
    response.end();
  }
}
