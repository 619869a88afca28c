/** Finds the mirror a command should talk to: the one named by `--url`, the running daemon, or the data directory itself. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { type ConfigSources, loadConfig, type LoadedConfig } from '../config/load.ts';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';
import { isMirrorError, messageOf, MirrorError } from '../contracts/errors.ts';
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
    // The file of a daemon that was killed stays behind; whoever opens the directory next finds out by its lock.
    if (isMirrorError(error, 'DAEMON_UNREACHABLE') || probe.aborted) return undefined;
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
  const token = context.environment.env['WIKIMIRROR_TOKEN'];
  if (token === undefined || token === '') {
    throw new MirrorError(
      'AUTH_REQUIRED',
      `to talk to ${url}, set WIKIMIRROR_TOKEN to the text in ${DATA_LAYOUT.controlToken} of its data directory`,
    );
  }
  if (URL.parse(url) === null)
    throw new MirrorError('USAGE', `--url ${url} is not an address; expected something like http://127.0.0.1:8750`);
  return new DaemonClient({ url: url.replace(/\/+$/, ''), token: token.trim() }, context.signal);
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
