/** Commands over all records of a dataset: import, verify, manifest, quarantine. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { isAbortError, isMirrorError, messageOf, MirrorError } from '../../contracts/errors.ts';
import { withAccess } from '../connect.ts';
import type { CliContext } from '../context.ts';
import type { VerifyOutcome } from '../mirror-access.ts';
import { progressDisplay } from '../terminal/progress.ts';
import { harmless } from '../terminal/text.ts';
import { countOf, countWords } from '../terminal/units.ts';
import { readDataset } from './ids.ts';

export interface ImportCommandOptions {
  readonly dataset?: string;
  readonly complete?: boolean;
}

interface ImportSource {
  readonly name: string;
  readonly sizeBytes: number | null;
  readonly open: () => AsyncIterable<Uint8Array>;
}

async function findSource(context: CliContext, file: string): Promise<ImportSource> {
  const { stdin, cwd } = context.environment;
  if (file === '-') {
    if (stdin.isTTY === true)
      throw new MirrorError('USAGE', 'standard input is the keyboard; pipe a file in, or name one: wikimirror import FILE');
    return { name: 'standard input', sizeBytes: null, open: () => stdin as AsyncIterable<Uint8Array> };
  }
  const path = resolve(cwd, file);
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) throw new MirrorError('USAGE', `${path} is a directory; name a file (.tar.gz, .gz, .tar or NDJSON)`);
    return {
      name: basename(path),
      sizeBytes: facts.isFile() ? facts.size : null,
      open: () => createReadStream(path, { highWaterMark: 1024 * 1024 }),
    };
  } catch (error) {
    if (error instanceof MirrorError) throw error;
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new MirrorError(
      isAbsent ? 'NOT_FOUND' : 'INVALID_INPUT',
      isAbsent ? `there is no file ${path}` : `cannot read ${path}: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Turns faults of the file (no permission, a bad disk) into words. */
async function* readSource(source: ImportSource): AsyncGenerator<Uint8Array> {
  try {
    yield* source.open();
  } catch (error) {
    if (isAbortError(error)) throw error;
    throw new MirrorError(
      'INVALID_INPUT',
      `cannot read ${source.name}: ${messageOf(error)}; check the file and its permissions`,
      { cause: error },
    );
  }
}

export async function importFile(context: CliContext, file: string, options: ImportCommandOptions): Promise<void> {
  if (options.complete === true && options.dataset === undefined) {
    throw new MirrorError('USAGE', '--complete says that the file is the whole of a dataset: name it with --dataset');
  }
  if (options.complete !== true && options.dataset !== undefined) {
    throw new MirrorError('USAGE', '--dataset goes with --complete; without it, every record says itself where it belongs');
  }
  const complete = options.dataset === undefined ? undefined : readDataset(options.dataset);
  const source = await findSource(context, file);
  const { stderr, now } = context.environment;
  const display = progressDisplay(stderr, now, `Importing ${harmless(source.name)}`, 'bytes');
  try {
    const result = await withAccess(context, { mayCreate: true }, (mirror) =>
      mirror.import({
        source: readSource(source),
        sourceName: source.name,
        completeSnapshotOf: complete,
        signal: context.signal,
        onProgress: (readBytes) => display.update(readBytes, source.sizeBytes),
      }),
    );
    display.end();
    if (context.isJson) {
      await context.printJson(result);
      return;
    }
    await context.print(
      `${countOf(result.records, 'record')} read from ${harmless(source.name)}: ${countWords(result.applied)} stored, ${countWords(result.unchanged)} already known or older, in ${result.datasets.length === 0 ? 'no dataset' : result.datasets.join(', ')}`,
    );
    if (result.quarantined > 0)
      context.message(`warning: ${countOf(result.quarantined, 'bad line')} kept aside; wikimirror quarantine shows them`);
  } finally {
    display.end();
  }
}

/** The named datasets, or all there are. */
async function chosenDatasets(context: CliContext, names: readonly string[]): Promise<readonly string[]> {
  if (names.length > 0) return names;
  return withAccess(context, { mayCreate: false }, async (mirror) =>
    (await mirror.status()).datasets.map((dataset) => dataset.id),
  );
}

async function verifyOne(context: CliContext, name: string): Promise<VerifyOutcome> {
  const id = readDataset(name);
  const { stderr, now } = context.environment;
  const display = progressDisplay(stderr, now, `Checking ${id}`, 'count');
  try {
    return await withAccess(context, { mayCreate: false }, (mirror) =>
      mirror.verify(id, { signal: context.signal, onProgress: (done, total) => display.update(done, total) }),
    );
  } catch (error) {
    // One dataset that cannot be opened must not keep the others from being checked.
    if (!isMirrorError(error, 'STORE_CORRUPT') && !isMirrorError(error, 'STORE_IO')) throw error;
    return { dataset: id, checked: 0, problems: 1, examples: [{ title: null, seq: null, problem: error.message }] };
  } finally {
    display.end();
  }
}

/** What was found in one dataset; a problem without title and number is one of the dataset as a whole. */
function reportLines(context: CliContext, { dataset, checked, problems, examples }: VerifyOutcome): string[] {
  const isUnreadable = examples.some(({ title, seq }) => title === null && seq === null);
  const verdict = problems === 0 ? context.paint('all good', 'good') : context.paint(countOf(problems, 'problem'), 'bad');
  const headline =
    isUnreadable && checked === 0
      ? context.paint('cannot be checked', 'bad')
      : `${countOf(checked, 'record')} checked, ${verdict}`;
  return [
    `${dataset}  ${headline}`,
    ...examples.map(({ title, seq, problem }) => {
      const record = title ?? (seq === null ? '' : `record ${seq}`);
      return `  ${record === '' ? '' : `${harmless(record)}: `}${harmless(problem)}`;
    }),
  ];
}

/** Prints a report for each dataset. @throws MirrorError STORE_CORRUPT when records are damaged */
export async function verifyDatasets(context: CliContext, names: readonly string[]): Promise<void> {
  const chosen = await chosenDatasets(context, names);
  const reports: VerifyOutcome[] = [];
  for (const name of chosen) {
    const report = await verifyOne(context, name);
    reports.push(report);
    if (!context.isJson) for (const line of reportLines(context, report)) await context.print(line);
  }
  if (context.isJson) await context.printJson(reports);
  const damaged = reports.filter((report) => report.problems > 0);
  if (damaged.length > 0) {
    throw new MirrorError(
      'STORE_CORRUPT',
      `damaged records in ${damaged.map((report) => report.dataset).join(', ')}; remove and add the dataset to load it anew, or import a good snapshot`,
    );
  }
}

/** Prints the inventory as NDJSON, with and without `--json`: it is for programs. */
export async function printManifest(
  context: CliContext,
  name: string,
  options: { readonly tombstones?: boolean },
): Promise<void> {
  const id = readDataset(name);
  await withAccess(context, { mayCreate: false }, async (mirror) => {
    for await (const row of mirror.manifest(id, options.tombstones === true)) {
      context.signal.throwIfAborted();
      await context.print(JSON.stringify(row));
    }
  });
}

const EXCERPT_CHARACTERS = 100;

/** Shows what was kept aside, dataset by dataset; with `--json` whole rows, one a line. */
export async function printQuarantine(context: CliContext, names: readonly string[]): Promise<void> {
  let count = 0;
  for (const name of await chosenDatasets(context, names)) {
    const id = readDataset(name);
    const rows = await withAccess(context, { mayCreate: false }, (mirror) => mirror.quarantine(id));
    for (const row of rows) {
      count += 1;
      if (context.isJson) {
        await context.print(JSON.stringify({ dataset: id, ...row }));
        continue;
      }
      const place = row.line > 0 ? `${row.source}, line ${row.line}` : row.source;
      await context.print(`${id}  ${harmless(place)}: ${harmless(row.reason)} (${countOf(row.bytes, 'byte')})`);
      await context.print(`  ${harmless(row.excerpt.slice(0, EXCERPT_CHARACTERS))}`);
    }
  }
  if (count === 0 && !context.isJson) await context.print('Nothing is kept aside.');
}
