/** Finds the mirror a command should talk to: the one named by `--url`, the running daemon, or the data directory itself. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type ConfigSources, loadConfig, type LoadedConfig } from '../config/load.ts';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';
import { ERROR_CATALOGUE, isMirrorError, messageOf, MirrorError } from '../contracts/errors.ts';
import type { CliContext } from './context.ts';
import { DaemonClient } from './daemon-client.ts';
import { LocalMirror } from './local-mirror.ts';
import type { MirrorAccess } from './mirror-access.ts';

/** `run/daemon.json`. */
export const DaemonFileSchema = Type.Object({
  pid: Type.Integer(),
  url: Type.String(),
  version: Type.String(),
  startedAt: Type.String(),
});

/** Where `start` keeps everything of practice mode, inside the data directory. */
export const PRACTICE_FOLDER = 'practice';

/** How long a daemon may take to show that it lives. */
const PROBE_MS = 5000;

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new MirrorError(
      'DATA_UNWRITABLE',
      `cannot read ${path}: ${messageOf(error)}; run this as the user that runs Wikimirror`,
      { cause: error },
    );
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function parseDaemonFile(text: string): { url: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(DaemonFileSchema, value) ? value : undefined;
  } catch (error) {
    // Half-written by a daemon that was killed: as good as none.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether the answer is not one that the daemon of our own directory gives. */
function isNotOurs(error: unknown): boolean {
  return isMirrorError(error) && (error.code === 'DAEMON_UNREACHABLE' || ERROR_CATALOGUE[error.code].http < 500);
}

/** The daemon that serves `directory`, when one answers. */
export async function findDaemon(directory: string, signal: AbortSignal): Promise<DaemonClient | undefined> {
  const text = await readIfPresent(join(directory, DATA_LAYOUT.daemon));
  const daemon = text === undefined ? undefined : parseDaemonFile(text);
  if (daemon === undefined) return undefined;
  const token = (await readIfPresent(join(directory, DATA_LAYOUT.controlToken)))?.trim() ?? '';
  const address = { url: daemon.url.replace(/\/+$/, ''), token };
  const probe = AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]);
  try {
    await new DaemonClient(address, probe).status();
    return new DaemonClient(address, signal);
  } catch (error) {
    signal.throwIfAborted();
    // The note of a daemon that was killed stays behind, and anybody may listen at its address now: another program, or the mirror
    // of another directory. Whoever opens the directory next finds out by its lock.
    if (probe.aborted || isNotOurs(error)) return undefined;
    throw error;
  }
}

/** The configuration for the practice mirror inside the data directory of `outer`, whose file also counts here. */
export function practiceSources(
  context: CliContext,
  outer: LoadedConfig,
  upstreamUrl?: string,
  settings: ConfigSources['flags'] = {},
): ConfigSources {
  const url =
    upstreamUrl === undefined
      ? {}
      : { 'upstream.auth': upstreamUrl, 'upstream.api': upstreamUrl, 'upstream.realtime': upstreamUrl };
  const sources = context.sources({
    ...settings,
    data: join(outer.config.data, PRACTICE_FOLDER),
    'upstream.kind': 'practice',
    // The practice upstream knows one account, which is no secret.
    'upstream.username': 'practice',
    'upstream.password': 'practice',
    // Between machines a minute of silence tells that a stream has caught up; on one machine seconds do.
    ...(outer.origins.get('sync.silenceSeconds') === 'default' ? { 'sync.silenceSeconds': 3 } : {}),
    ...url,
  });
  return outer.hasFile ? { ...sources, file: outer.file } : sources;
}

function remote(context: CliContext, url: string): DaemonClient {
  const parsed = URL.parse(url);
  if (parsed !== null && (parsed.username !== '' || parsed.password !== '')) {
    throw new MirrorError(
      'USAGE',
      'the address in --url or WIKIMIRROR_URL contains a user name or password; set WIKIMIRROR_TOKEN',
    );
  }
  if (parsed === null || (parsed.protocol !== 'http:' && parsed.protocol !== 'https:'))
    throw new MirrorError('USAGE', `--url ${url} is not an address; expected something like http://127.0.0.1:8750`);
  const token = (context.environment.env['WIKIMIRROR_TOKEN'] ?? '').trim();
  const expected = `set WIKIMIRROR_TOKEN to the text in ${DATA_LAYOUT.controlToken} of its data directory`;
  if (token === '') throw new MirrorError('AUTH_REQUIRED', `talking to ${url} needs its control token; ${expected}`);
  // Checked here, because whoever refuses to send it quotes it.
  if (!/^[\x21-\x7e]+$/.test(token)) throw new MirrorError('AUTH_FAILED', `WIKIMIRROR_TOKEN is not a token; ${expected}`);
  return new DaemonClient({ url: url.replace(/\/+$/, ''), token }, context.signal);
}

async function holdsMirror(directory: string): Promise<boolean> {
  return exists(join(directory, DATA_LAYOUT.identity));
}

/** The running daemon this call is about, or `undefined`. */
export async function connectDaemon(context: CliContext): Promise<DaemonClient | undefined> {
  const url = context.options.url ?? context.environment.env['WIKIMIRROR_URL'];
  if (url !== undefined && url !== '') return remote(context, url);
  const { data } = (await context.loaded()).config;
  return (await findDaemon(data, context.signal)) ?? (await findDaemon(join(data, PRACTICE_FOLDER), context.signal));
}

export interface AccessOptions {
  /** Whether an empty data directory is fine (add, import), or nothing to look at (status, get). */
  readonly mayCreate: boolean;
}

/** The configuration whose data directory is opened when no daemon runs. */
async function localConfig(context: CliContext, options: AccessOptions): Promise<LoadedConfig> {
  const loaded = await context.loaded();
  const { data } = loaded.config;
  if (await holdsMirror(data)) return loaded;
  if (await holdsMirror(join(data, PRACTICE_FOLDER))) {
    return loadConfig(practiceSources(context, loaded));
  }
  if (options.mayCreate) return loaded;
  throw new MirrorError(
    'NOT_FOUND',
    `nothing is mirrored in ${data} yet; run npm start to begin, or name another place with --data`,
  );
}

/** Runs `work` with the mirror, wherever it is. */
export async function withAccess<T>(
  context: CliContext,
  options: AccessOptions,
  work: (mirror: MirrorAccess) => Promise<T>,
): Promise<T> {
  const daemon = await connectDaemon(context);
  if (daemon !== undefined) return work(daemon);
  const loaded = await localConfig(context, options);
  return context.host.withMirror(loaded, context.quietLogger(loaded), (mirror) =>
    work(new LocalMirror(mirror, loaded.config.data)),
  );
}
