/** Runs command lines in the test's process, against a fake daemon, with every door to the real mirror closed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { MirrorError } from '../../mirror-core/contracts/errors.ts';
import type { CliEnvironment } from '../../mirror-core/cli/context.ts';
import { host as realHost } from '../../mirror-core/cli/host.ts';
import type { HostPort } from '../../mirror-core/cli/host-port.ts';
import { runCli } from '../../mirror-core/cli/program.ts';
import { type FakeDaemon, startFakeDaemon } from '../support/fake-daemon.ts';

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function isOpen(): never {
  throw new MirrorError('DATA_LOCKED', 'opened the data directory');
}

/** Every door to the real mirror is closed unless a test opens it. */
const closedHost: HostPort = {
  ...realHost,
  withMirror: isOpen,
  runDaemon: isOpen,
  login: isOpen,
  hasStoredAccount: () => Promise.resolve(false),
};

export interface RunOptions {
  readonly env?: Record<string, string>;
  readonly input?: string;
  readonly host?: Partial<HostPort>;
  readonly signal?: AbortSignal;
  readonly isTTY?: boolean;
  readonly answers?: readonly string[];
  readonly onOutput?: (text: string) => void;
}

/** Runs one command line in this process against the fake daemon. */
async function runOnce(daemon: FakeDaemon, folder: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  let out = '';
  let err = '';
  const answers = [...(options.answers ?? [])];
  const answer = (): Promise<string> => Promise.resolve(answers.shift() ?? '');
  const isTTY = options.isTTY ?? false;
  const once = (): void => undefined;
  const environment: CliEnvironment = {
    stdin: Object.assign(Readable.from([Buffer.from(options.input ?? '')]), { isTTY }),
    stdout: { isTTY: false, once, write: (text) => ((out += text), options.onOutput?.(text), true) },
    stderr: { isTTY, once, write: (text) => ((err += text), true) },
    env: { WIKIMIRROR_URL: daemon.url, WIKIMIRROR_TOKEN: 'the-token', NO_COLOR: '1', ...options.env },
    cwd: folder,
    defaultData: join(folder, 'data'),
    signal: options.signal ?? new AbortController().signal,
    now: () => 0,
    host: { ...closedHost, ...options.host },
    questions: { ask: answer, askHidden: answer },
  };
  const code = await runCli(args, environment);
  return { code, out, err };
}

export interface CliBench {
  readonly daemon: FakeDaemon;
  /** Current folder of the command lines; the data directory is `data` in it. */
  readonly folder: string;
  run(args: readonly string[], options?: RunOptions): Promise<Outcome>;
  close(): Promise<void>;
}

export async function createCliBench(): Promise<CliBench> {
  const daemon = await startFakeDaemon();
  const folder = await mkdtemp(join(tmpdir(), 'wikimirror-cli-'));
  return {
    daemon,
    folder,
    run: (args, options = {}) => runOnce(daemon, folder, args, options),
    close: async () => {
      await daemon.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
