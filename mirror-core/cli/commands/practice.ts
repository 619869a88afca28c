/** `practice` and what drives it. */
import { join, resolve } from 'node:path';
import { MirrorError } from '../../contracts/errors.ts';
import { parseProjectId } from '../../contracts/identifiers.ts';
import { PRACTICE_FOLDER } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { PRACTICE_ACTIONS } from '../host-port.ts';
import { harmless } from '../terminal/text.ts';
import { bytesWords, countOf } from '../terminal/units.ts';

export interface PracticeServeOptions {
  readonly directory?: string;
  readonly port: number;
  readonly rate: number;
  readonly withParent?: boolean;
}

async function directoryOf(context: CliContext, options: { readonly directory?: string }): Promise<string> {
  if (options.directory !== undefined) return resolve(context.environment.cwd, options.directory);
  return join((await context.loaded()).config.data, PRACTICE_FOLDER, 'upstream');
}

/** Aborted when standard input ends: the parent holds its other end. */
function untilParentEnds(context: CliContext): AbortSignal {
  const gone = new AbortController();
  const { stdin } = context.environment;
  const end = (): void => gone.abort();
  stdin.once('end', end).once('close', end).once('error', end).resume();
  return gone.signal;
}

/** Runs the practice upstream until it is stopped. */
export async function servePractice(context: CliContext, options: PracticeServeOptions): Promise<void> {
  const directory = await directoryOf(context, options);
  const signal = options.withParent === true ? AbortSignal.any([context.signal, untilParentEnds(context)]) : context.signal;
  let printing: Promise<void> = Promise.resolve();
  await context.host.runPracticeProcess({
    directory,
    host: '127.0.0.1',
    port: options.port,
    changesPerMinute: options.rate,
    logger: context.quietLogger(await context.loaded()),
    signal,
    onReady: ({ url }) => {
      if (context.isJson) {
        printing = context.printJson({ url, directory });
        return;
      }
      printing = context.print(
        `The practice upstream answers at ${url} (made-up content, not from Wikimedia). State: ${directory}`,
      );
      context.message('To mirror it:');
      context.message(
        `  WME_AUTH_URL=${url} WME_API_URL=${url} WME_REALTIME_URL=${url} WME_USERNAME=practice WME_PASSWORD=practice wikimirror serve`,
      );
      context.message('Stop with Ctrl-C.');
    },
  });
  await printing;
}

export interface PracticeActOptions {
  readonly directory?: string;
  readonly count: number;
  readonly project?: string;
  readonly title?: string;
}

export async function actInPractice(context: CliContext, name: string, options: PracticeActOptions): Promise<void> {
  const action = PRACTICE_ACTIONS.find((candidate) => candidate === name);
  if (action === undefined)
    throw new MirrorError(
      'USAGE',
      `"${name}" is nothing the practice upstream can do; expected one of ${PRACTICE_ACTIONS.join(', ')}`,
    );
  const deeds = await context.host.actOnPractice(
    await directoryOf(context, options),
    {
      action,
      count: options.count,
      ...(options.project === undefined ? {} : { project: options.project }),
      ...(options.title === undefined ? {} : { title: options.title }),
    },
    context.signal,
  );
  if (context.isJson) return context.printJson(deeds);
  for (const deed of deeds) await context.print(`${deed.action}  ${deed.project}  ${harmless(deed.title)}`);
}

export async function setPracticeRate(
  context: CliContext,
  changesPerMinute: number,
  options: { readonly directory?: string },
): Promise<void> {
  await context.host.setPracticeRate(await directoryOf(context, options), changesPerMinute, context.signal);
  if (context.isJson) return context.printJson({ changesPerMinute });
  await context.print(`The practice upstream now makes ${countOf(changesPerMinute, 'change')} a minute by itself.`);
}

export async function exportPractice(context: CliContext, options: { readonly directory?: string }): Promise<void> {
  await context.host.exportPractice(await directoryOf(context, options), context.signal);
  if (context.isJson) return context.printJson({ exported: true });
  await context.print('New practice snapshots are published.');
}

export interface CorpusOptions {
  readonly size: number;
  readonly seed: number;
  readonly project: string;
}

export async function makeCorpus(context: CliContext, file: string, options: CorpusOptions): Promise<void> {
  if (parseProjectId(options.project) === undefined)
    throw new MirrorError('USAGE', `"${options.project}" is not a project code such as practicebigwiki`);
  const result = await context.host.writePracticeCorpus({
    path: resolve(context.environment.cwd, file),
    project: options.project,
    sizeBytes: options.size,
    seed: options.seed,
    signal: context.signal,
  });
  if (context.isJson) return context.printJson(result);
  await context.print(
    `${result.path}: ${countOf(result.records, 'made-up record')}, ${bytesWords(result.rawBytes)} uncompressed`,
  );
}
