/** The one logger: JSON lines for machines, calm single lines for a person at a terminal; secrets never in either. */
import { Writable } from 'node:stream';
import { destination, pino, type DestinationStream, type Logger, type LoggerOptions as LoggerSettings } from 'pino';
import type { Config } from '../contracts/config.ts';
import { isMirrorError, messageOf } from '../contracts/errors.ts';

export type LogLevel = Config['log']['level'];

interface TextTarget {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  /** `auto`: words on a terminal, JSON elsewhere. */
  readonly format?: 'auto' | 'json' | 'words';
  /** Standard error unless given; for tests. */
  readonly stream?: TextTarget;
  readonly useColor?: boolean;
}

const SECRET_NAMES = [
  'authorization',
  'Authorization',
  'cookie',
  'Cookie',
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'idToken',
  'access_token',
  'refresh_token',
  'id_token',
  'controlToken',
];

/** Paths of secrets at the top, one level down, and inside request headers and configuration. pino has no "at any depth". */
const REDACTED_PATHS = SECRET_NAMES.flatMap((name) => [
  name,
  `*.${name}`,
  `*.*.${name}`,
  `req.headers["${name.toLowerCase()}"]`,
  `headers["set-cookie"]`,
]).filter((path, index, all) => all.indexOf(path) === index);

const LEVEL_WORDS: Readonly<Record<number, readonly [word: string, color: number]>> = {
  10: ['trace', 90],
  20: ['debug', 90],
  30: ['info', 36],
  40: ['warn', 33],
  50: ['error', 31],
  60: ['fatal', 31],
};

/** Members that are shown elsewhere in the line or are of no use to a person. */
const HIDDEN_MEMBERS = new Set(['level', 'time', 'msg', 'component', 'event', 'err']);

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One JSON log line as one line for a person: time, level, component, message, then the facts. Text that is not JSON passes unchanged. */
export function formatLogLine(line: string, useColor: boolean): string {
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  if (!isObject(entry)) return line;
  const paint = (text: string, color: number): string => (useColor ? `\u001B[${color}m${text}\u001B[0m` : text);
  const [word, color] = LEVEL_WORDS[Number(entry['level'])] ?? ['log', 0];
  const at = new Date(Number(entry['time'])).toTimeString().slice(0, 8);
  const component = typeof entry['component'] === 'string' ? `${entry['component']}: ` : '';
  const facts = Object.entries(entry)
    .filter(([name]) => !HIDDEN_MEMBERS.has(name))
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const error = isObject(entry['err']) ? ` (${String(entry['err']['message'])})` : '';
  const tail = facts.length > 0 ? ` ${paint(facts.join(' '), 90)}` : '';
  return `${paint(at, 90)} ${paint(word.padEnd(5), color)} ${component}${typeof entry['msg'] === 'string' ? entry['msg'] : ''}${error}${tail}`;
}

/** What is logged of an error: ours by code and facts, since the place in the code says nothing to an operator; any other with its stack. */
function errorFacts(error: unknown): unknown {
  if (!isMirrorError(error)) return error instanceof Error ? pino.stdSerializers.err(error) : error;
  const cause = error.cause === undefined ? {} : { cause: messageOf(error.cause) };
  return {
    type: error.name,
    code: error.code,
    message: error.message,
    retryable: error.retryable,
    context: error.context,
    ...cause,
  };
}

function wordsStream(target: TextTarget, useColor: boolean): DestinationStream {
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      for (const line of chunk.toString().split('\n')) if (line !== '') target.write(`${formatLogLine(line, useColor)}\n`);
      done();
    },
  });
}

/** A logger whose level can be changed while it runs, children included. */
export interface ProcessLogger {
  readonly logger: Logger;
  readonly setLevel: (level: LogLevel) => void;
}

/** Builds the process's logger. Parts get `logger.child({ component })`. */
export function createLogger(options: LoggerOptions): ProcessLogger {
  const stream = options.stream ?? process.stderr;
  const format = options.format ?? 'auto';
  const useWords = format === 'words' || (format === 'auto' && stream.isTTY === true);
  // pino copies the level into each child at its birth; children are remembered (weakly: servers make one per request) to reach them later.
  const children = new Set<WeakRef<Logger>>();
  const forget = new FinalizationRegistry<WeakRef<Logger>>((reference) => children.delete(reference));
  const settings: LoggerSettings = {
    level: options.level,
    base: null,
    serializers: { err: errorFacts },
    redact: { paths: [...REDACTED_PATHS], censor: '[redacted]' },
    onChild: (child) => {
      const reference = new WeakRef<Logger>(child);
      children.add(reference);
      forget.register(child, reference);
    },
  };
  const logger = pino(settings, target(options.stream, stream, useWords, options.useColor ?? false));
  return {
    logger,
    setLevel: (level) => {
      logger.level = level;
      for (const child of children) {
        const alive = child.deref();
        if (alive !== undefined) alive.level = level;
      }
    },
  };
}

function target(given: LoggerOptions['stream'], stream: TextTarget, useWords: boolean, useColor: boolean): DestinationStream {
  if (useWords) return wordsStream(stream, useColor);
  // Synchronous, so that the last words before an exit are not lost; the mirror logs facts, not items.
  return given === undefined ? destination({ fd: 2, sync: true }) : { write: (text: string) => void given.write(text) };
}
