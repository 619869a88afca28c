/** The practice upstream as a child process of `start`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { MirrorError } from '../../contracts/errors.ts';
import type { CliContext } from '../context.ts';

const ReadySchema = Type.Object({ url: Type.String() });
/** Time to close its files before it is killed. */
const STOP_MS = 5000;
/** Last words kept for the message when it ends by itself. */
const LAST_WORDS = 5;

export interface PracticeChild {
  readonly url: string;
  /** Rejects when the process ends before it was told to. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

function parseReady(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return Value.Check(ReadySchema, value) ? value.url : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Starts the practice upstream on `directory` and waits until it answers. It ends with this process, however that ends. */
export async function startPracticeChild(
  context: CliContext,
  directory: string,
  changesPerMinute: number,
): Promise<PracticeChild> {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const program = fileURLToPath(new URL(`../main${extension}`, import.meta.url));
  const args = [
    'practice',
    '--json',
    '--directory',
    directory,
    '--port',
    '0',
    '--rate',
    String(changesPerMinute),
    '--with-parent',
  ];
  // Its standard input is a pipe from us: when we are gone, the pipe closes and it stops.
  const child = spawn(process.execPath, [...process.execArgv, program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...context.environment.env },
  });
  let isStopping = false;
  const words: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    words.push(line);
    if (words.length > LAST_WORDS) words.shift();
    if (!isStopping && context.environment.env['WIKIMIRROR_DEBUG'] === '1') context.message(`practice upstream: ${line}`);
  });
  child.stdin.on('error', () => {
    // It is gone already; its end is reported by "exit".
    isStopping ||= false;
  });
  const ended = once(child, 'exit');
  const failed = ended.then((): never => {
    const reason = words.length === 0 ? '' : `: ${words.join(' ').replace(/^error: /, '')}`;
    throw new MirrorError('UPSTREAM_UNREACHABLE', `the practice upstream ended${reason}; start again`);
  });
  // Whoever waits sees it; after a stop nobody does.
  failed.catch(() => undefined);

  const stop = async (): Promise<void> => {
    isStopping = true;
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.stdin.end();
    const timeout = new AbortController();
    const late = delay(STOP_MS, undefined, { signal: timeout.signal }).then(
      () => child.kill('SIGKILL'),
      () => false,
    );
    await ended;
    timeout.abort();
    await late;
  };

  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = parseReady(line);
      if (url !== undefined) resolve(url);
    });
  });
  const interrupted = once(context.signal, 'abort').then((): never => {
    throw new DOMException('stopped', 'AbortError');
  });
  interrupted.catch(() => undefined);
  try {
    context.signal.throwIfAborted();
    return { url: await Promise.race([ready, failed, interrupted]), failed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
