/** Lines of JSON and server-sent events of an HTTP answer, as they arrive. */
import { createParser } from 'eventsource-parser';
import { messageOf, MirrorError } from '../contracts/errors.ts';

/** Text of the answer in pieces. @throws MirrorError DAEMON_UNREACHABLE when it breaks off */
async function* textOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  const pieces: AsyncIterable<Uint8Array> = response.body;
  try {
    for await (const piece of pieces) yield decoder.decode(piece, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error;
    throw new MirrorError('DAEMON_UNREACHABLE', `the connection to the running Wikimirror broke off (${messageOf(error)})`, {
      cause: error,
    });
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new MirrorError(
      'DAEMON_UNREACHABLE',
      'the running Wikimirror sent a line that is not JSON; its answer was probably cut off',
      {
        cause: error,
      },
    );
  }
}

/** The values of an NDJSON answer. */
export async function* readLines(response: Response): AsyncGenerator {
  let rest = '';
  for await (const text of textOf(response)) {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield parseLine(line);
  }
  if (rest.trim() !== '') yield parseLine(rest);
}

export interface WireEvent {
  /** `message` when the server named none. */
  readonly type: string;
  readonly text: string;
}

/** The events of an event stream. */
export async function* readEvents(response: Response): AsyncGenerator<WireEvent> {
  let arrived: WireEvent[] = [];
  const parser = createParser({ onEvent: (event) => arrived.push({ type: event.event ?? 'message', text: event.data }) });
  for await (const text of textOf(response)) {
    parser.feed(text);
    const events = arrived;
    arrived = [];
    yield* events;
  }
}
