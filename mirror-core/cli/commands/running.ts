/** Words of a mirror that runs in this terminal: what happens while it loads, and what to try when it is there. */
import type { MirrorStatus } from '../../contracts/control-api.ts';
import { isAbortError, messageOf } from '../../contracts/errors.ts';
import { parseDatasetId } from '../../contracts/identifiers.ts';
import type { CliContext } from '../context.ts';
import type { OfflineMirror, RunningMirror } from '../host-port.ts';
import { describeSync } from '../terminal/describe-sync.ts';
import { harmless } from '../terminal/text.ts';
import { bytesWords, countOf } from '../terminal/units.ts';

/** How often the state is looked at while something happens, and how often a slow load says how far it is. */
const LOOK_EVERY_MS = 400;
const REMIND_EVERY_MS = 15_000;

type Dataset = MirrorStatus['datasets'][number];

/** Whether a dataset is as far as it gets: loaded, and live or waiting for the next news. */
function isThere(dataset: Dataset): boolean {
  const { state } = dataset;
  if (state.kind === 'live') return true;
  // A dataset that is followed is idle only before its turn comes.
  if (state.kind === 'idle') return dataset.mode === 'manual';
  return dataset.asOf !== null && state.kind === 'waiting' && state.for === 'schedule';
}

function needsPerson(dataset: Dataset): boolean {
  const { state } = dataset;
  return state.kind === 'failed' || (state.kind === 'waiting' && state.for !== 'schedule');
}

/** A title made of plain letters: readable in a URL. */
const PLAIN_TITLE = /^[A-Za-z]{3,20}$/;
/** How many titles are looked through for a plain one. */
const TITLES_LOOKED_AT = 200;

/** Title of some article, preferring one that needs no escapes. */
async function someTitle(mirror: OfflineMirror, id: string): Promise<string | undefined> {
  const parts = parseDatasetId(id);
  const reader = parts === undefined ? undefined : await mirror.reader.dataset(parts.id);
  let first: string | undefined;
  let seen = 0;
  for await (const row of reader?.manifest() ?? []) {
    first ??= row.title;
    if (PLAIN_TITLE.test(row.title)) return row.title;
    seen += 1;
    if (seen >= TITLES_LOOKED_AT) break;
  }
  return first;
}

/** For a shell in single quotes: everything but plain characters is escaped for the URL, the quote itself too. */
function urlPart(title: string): string {
  return encodeURIComponent(title).replaceAll("'", '%27');
}

/** Three lines that work when pasted: a whole article, some members of one in one project, the projects. */
export async function curlLines(running: RunningMirror, datasets: readonly Dataset[]): Promise<string[]> {
  const samples: { readonly project: string; readonly title: string }[] = [];
  for (const dataset of datasets.filter((candidate) => candidate.namespace === 0 && candidate.articles > 0)) {
    const title = await someTitle(running, dataset.id);
    if (title !== undefined) samples.push({ project: dataset.project, title });
  }
  const whole = samples.find(({ title }) => PLAIN_TITLE.test(title)) ?? samples[0];
  const chosen = samples.find(({ project }) => project !== whole?.project) ?? whole;
  const lines: string[] = [];
  if (whole !== undefined) lines.push(`curl '${running.url}/v2/articles/${urlPart(whole.title)}'`);
  if (chosen !== undefined) {
    const filters = [{ field: 'is_part_of.identifier', value: chosen.project }];
    const body = JSON.stringify({ fields: ['name', 'url', 'abstract'], filters });
    lines.push(`curl '${running.url}/v2/articles/${urlPart(chosen.title)}' -H 'Content-Type: application/json' -d '${body}'`);
  }
  return [...lines, `curl '${running.url}/v2/projects'`];
}

function loadingLine(datasets: readonly Dataset[]): string {
  const busy = datasets.filter((dataset) => !isThere(dataset));
  return busy
    .map((dataset) => {
      const { label, detail } = describeSync(dataset.state);
      return `${dataset.id} ${label}${detail === '' ? '' : ` (${harmless(detail)})`}`;
    })
    .join(', ');
}

/** Tells each change that matters once. Resolves when everything is there, or when the signal says so. */
async function narrateLoading(context: CliContext, running: RunningMirror, signal: AbortSignal): Promise<readonly Dataset[]> {
  const told = new Map<string, string>();
  let reminded = context.environment.now();
  for (;;) {
    const { datasets } = await running.control.status();
    for (const dataset of datasets) {
      const words = describeSync(dataset.state);
      const line = isThere(dataset)
        ? `${context.paintMessages('✓', 'good')} ${dataset.id}: ${countOf(dataset.articles, 'article')}, ${bytesWords(dataset.storedBytes)}, ${words.label}`
        : needsPerson(dataset)
          ? `${context.paintMessages('!', 'bad')} ${dataset.id}: ${words.label}${words.detail === '' ? '' : `: ${harmless(words.detail)}`}`
          : undefined;
      const key = isThere(dataset) ? 'there' : words.label;
      if (line !== undefined && told.get(dataset.id) !== key) context.message(line);
      told.set(dataset.id, key);
    }
    if (datasets.length > 0 && datasets.every(isThere)) return datasets;
    if (context.environment.now() - reminded > REMIND_EVERY_MS) {
      reminded = context.environment.now();
      if (datasets.length > 0) context.message(`… ${loadingLine(datasets)}`);
    }
    await nextEvent(running, signal);
  }
}

/** Waits for something to happen, at least a moment and at most until the next reminder is due. */
async function nextEvent(running: RunningMirror, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    let happened = false;
    let isLookDue = false;
    const done = (settle: () => void): void => {
      clearTimeout(look);
      clearTimeout(remind);
      unsubscribe();
      signal.removeEventListener('abort', stop);
      settle();
    };
    const stop = (): void =>
      done(() => reject(signal.reason instanceof Error ? signal.reason : new DOMException('stopped', 'AbortError')));
    const unsubscribe = running.control.events.subscribe(() => {
      happened = true;
      if (isLookDue) done(resolve);
    });
    const look = setTimeout(() => {
      isLookDue = true;
      if (happened) done(resolve);
    }, LOOK_EVERY_MS);
    const remind = setTimeout(() => done(resolve), REMIND_EVERY_MS);
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Accompanies a mirror from "the API answers" to "everything is there". Ends quietly when the mirror is stopped. */
export async function narrate(
  context: CliContext,
  running: RunningMirror,
  dataDirectory: string,
  isPractice: boolean,
): Promise<void> {
  try {
    const status = await running.control.status();
    context.message(`The API answers at ${running.url}`);
    if (status.datasets.length === 0) {
      context.message('No projects are chosen yet. In another terminal:');
      context.message('  npm run wikimirror -- projects simple');
      context.message('  npm run wikimirror -- add simplewiki_namespace_0');
      return;
    }
    context.message(`Mirroring ${countOf(status.datasets.length, 'dataset')} …`);
    const datasets = await narrateLoading(context, running, context.signal);
    const isLive = datasets.every((dataset) => dataset.state.kind === 'live' || dataset.mode === 'manual');
    context.message('');
    context.message(
      isLive
        ? context.paintMessages('Live: every change upstream arrives here within seconds.', 'good')
        : context.paintMessages('Loaded, and kept up to date by itself.', 'good'),
    );
    context.message('Try, in another terminal:');
    for (const line of await curlLines(running, datasets)) context.message(`  ${line}`);
    context.message('  npm run wikimirror -- status --watch');
    context.message('');
    context.message(`Data: ${dataDirectory}`);
    if (isPractice)
      context.message(
        'For the real Wikipedia: npm run wikimirror -- login (a free account: https://enterprise.wikimedia.com), then npm start.',
      );
    context.message('Stop with Ctrl-C; the next start continues where this one ended.');
  } catch (error) {
    if (context.signal.aborted || isAbortError(error)) return;
    // The mirror itself is fine and goes on; only the words about it failed.
    context.message(`warning: cannot tell how far the mirror is: ${messageOf(error)}; wikimirror status shows it`);
  }
}
