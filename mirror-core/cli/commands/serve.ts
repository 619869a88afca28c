/** `start` and `serve`: the mirror in this process. */
import { join } from 'node:path';
import { loadConfig, type LoadedConfig } from '../../config/load.ts';
import { isAbortError, MirrorError } from '../../contracts/errors.ts';
import { findDaemon, PRACTICE_FOLDER, practiceSources } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { startPracticeChild } from './practice-child.ts';
import { narrate } from './running.ts';

export interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly allowRemote?: boolean;
  readonly datasets?: string;
  readonly logLevel?: string;
}

/** What practice mode mirrors unless told otherwise: several languages, one written from right to left, one of categories. */
export const PRACTICE_DATASETS = [
  'practiceenwiki_namespace_0',
  'practicedewiki_namespace_0',
  'practicejawiki_namespace_0',
  'practicearwiki_namespace_0',
  'practiceenwiki_namespace_14',
] as const;

/** Enough that something happens while one watches, little enough to stay calm. */
const PRACTICE_CHANGES_PER_MINUTE = 12;

function settingsOf(options: ServeOptions): Record<string, string | boolean | undefined> {
  return {
    'server.host': options.host,
    'server.port': options.port,
    'server.allowRemote': options.allowRemote,
    datasets: options.datasets,
    'log.level': options.logLevel,
  };
}

async function refuseSecond(context: CliContext, directory: string): Promise<void> {
  const daemon = await findDaemon(directory, context.signal);
  if (daemon === undefined) return;
  throw new MirrorError(
    'DATA_LOCKED',
    `a Wikimirror is running on ${directory} already, at ${daemon.where}; use wikimirror status to look at it, or stop it first`,
  );
}

/** Runs the mirror until the signal; ends without an error then, since stopping is what was asked for. */
async function run(
  context: CliContext,
  loaded: LoadedConfig,
  signal: AbortSignal,
  words: 'narrated' | 'plain',
  isPractice: boolean,
): Promise<void> {
  const { logger, setLevel } = context.logger(loaded, words === 'plain');
  let telling: Promise<void> = Promise.resolve();
  await context.host.runDaemon(loaded, {
    logger,
    setLogLevel: setLevel,
    signal,
    onReady: (running) => {
      if (words === 'narrated') telling = narrate(context, running, loaded.config.data, isPractice);
    },
  });
  await telling;
}

/** `serve`: for services and containers. Logs, says nothing else, and uses exactly the configuration. */
export async function serve(context: CliContext, options: ServeOptions): Promise<void> {
  const loaded = await context.loaded(settingsOf(options));
  await run(context, loaded, context.signal, 'plain', loaded.config.upstream.kind === 'practice');
}

async function startPractice(context: CliContext, outer: LoadedConfig, options: ServeOptions): Promise<void> {
  const directory = join(outer.config.data, PRACTICE_FOLDER);
  await refuseSecond(context, directory);
  context.message(
    'Wikimirror, practice mode: no account is set up, so it mirrors a small made-up Wikimedia that runs on this machine.',
  );
  context.message('Starting the practice upstream …');
  const child = await startPracticeChild(context, join(directory, 'upstream'), PRACTICE_CHANGES_PER_MINUTE);
  const failure = new AbortController();
  child.failed.catch((error: unknown) => failure.abort(error));
  try {
    const sources = practiceSources(context, outer, child.url, settingsOf(options));
    const datasets = practiceDatasets(context, outer.config.datasets);
    const chosen = await loadConfig({ ...sources, flags: { ...sources.flags, datasets } });
    await run(context, chosen, AbortSignal.any([context.signal, failure.signal]), 'narrated', true);
    if (failure.signal.aborted && !context.signal.aborted) throw failure.signal.reason;
  } finally {
    await child.stop();
  }
}

/** The datasets of practice mode: those chosen when they are of the practice wikis, else its own. */
function practiceDatasets(context: CliContext, chosen: readonly string[]): readonly string[] {
  const real = chosen.filter((name) => !name.startsWith('practice'));
  if (real.length > 0) context.message(`warning: ${real.join(', ')} can only be mirrored with an account (wikimirror login)`);
  const practice = chosen.filter((name) => name.startsWith('practice'));
  return practice.length > 0 ? practice : PRACTICE_DATASETS;
}

/** `start`: what `npm start` does. Practice mode without an account, the real service with one. */
export async function start(context: CliContext, options: ServeOptions): Promise<void> {
  const loaded = await context.loaded(settingsOf(options));
  const hasAccount = loaded.config.upstream.username !== '' || (await context.host.hasStoredAccount(loaded));
  try {
    if (!hasAccount) {
      await startPractice(context, loaded, options);
    } else {
      await refuseSecond(context, loaded.config.data);
      context.message(`Wikimirror mirrors from ${loaded.config.upstream.api}.`);
      await run(context, loaded, context.signal, 'narrated', false);
    }
  } catch (error) {
    // Ctrl-C while something was still being started.
    if (!context.signal.aborted || !isAbortError(error)) throw error;
  }
  if (context.signal.aborted) context.message('Stopped.');
}
