/** Choosing what is mirrored: projects, add, remove, pause, resume, sync. */
import type { CatalogueProject, DatasetStatus } from '../../contracts/control-api.ts';
import { MirrorError } from '../../contracts/errors.ts';
import { withAccess } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { describeSync } from '../terminal/describe-sync.ts';
import { tableLines } from '../terminal/table.ts';
import { fit, harmless } from '../terminal/text.ts';
import { bytesWords, countOf } from '../terminal/units.ts';
import { readDataset } from './ids.ts';

const PROJECT_COLUMNS = [
  { title: 'DATASET' },
  { title: 'NAME' },
  { title: 'LANGUAGE' },
  { title: 'SIZE', isRight: true },
  { title: '' },
] as const;
const NAME_WIDTH = 40;

function projectRows(project: CatalogueProject): string[][] {
  const language = project.nativeLanguageName ?? project.languageName ?? project.language ?? '';
  return project.snapshots.map((snapshot) => [
    snapshot.dataset,
    fit(harmless(project.name ?? project.identifier), NAME_WIDTH),
    harmless(language),
    snapshot.sizeBytes === null ? '' : bytesWords(snapshot.sizeBytes),
    snapshot.isMirrored ? 'mirrored' : '',
  ]);
}

export async function listProjects(context: CliContext, search: string | undefined): Promise<void> {
  const projects = await withAccess(context, { mayCreate: true }, (mirror) => mirror.projects(search));
  if (context.isJson) return context.printJson(projects);
  const rows = projects.flatMap(projectRows);
  if (rows.length === 0) {
    context.message(search === undefined ? 'Upstream offers no projects.' : `No project matches "${harmless(search)}".`);
    return;
  }
  for (const line of tableLines(PROJECT_COLUMNS, rows)) await context.print(line);
  context.message(`${countOf(rows.length, 'dataset')}. Choose with: wikimirror add ${rows[0]?.[0] ?? ''}`);
}

async function showStates(context: CliContext, datasets: readonly DatasetStatus[]): Promise<void> {
  if (context.isJson) return context.printJson(datasets);
  for (const dataset of datasets) {
    const { label, detail, tone } = describeSync(dataset.state);
    await context.print(`${dataset.id}  ${context.paint(label, tone)}${detail === '' ? '' : `  ${harmless(detail)}`}`);
  }
}

export async function addDatasets(context: CliContext, names: readonly string[]): Promise<void> {
  const ids = names.map(readDataset);
  const added = await withAccess(context, { mayCreate: true }, async (mirror) => {
    const states = await mirror.add(ids);
    if (!/^https?:/.test(mirror.where))
      context.message('Chosen. Loading begins when Wikimirror runs: npm start, or wikimirror serve.');
    return states.filter((state) => ids.some((id) => id === state.id));
  });
  await showStates(context, added);
}

export async function removeDatasets(
  context: CliContext,
  names: readonly string[],
  options: { readonly yes?: boolean },
): Promise<void> {
  const ids = names.map(readDataset);
  await withAccess(context, { mayCreate: false }, async (mirror) => {
    const { datasets } = await mirror.status();
    const chosen = ids.map((id) => {
      const dataset = datasets.find((candidate) => candidate.id === id);
      if (dataset === undefined) throw new MirrorError('NOT_FOUND', `${id} is not mirrored; wikimirror status lists what is`);
      return { id, dataset };
    });
    if (options.yes !== true) {
      const total = chosen.reduce((sum, { dataset }) => sum + dataset.storedBytes, 0);
      if (!context.canAsk) {
        throw new MirrorError(
          'USAGE',
          `removing ${ids.join(', ')} erases ${bytesWords(total)}; where nobody can be asked, say --yes to mean it`,
        );
      }
      const answer = await context.questions.ask(`Remove ${ids.join(', ')} (${bytesWords(total)}) from this mirror? [y/N] `);
      if (!/^y(es)?$/i.test(answer.trim())) {
        context.message('Nothing was removed.');
        return;
      }
    }
    const results = [];
    for (const { id } of chosen) {
      const { freedBytes } = await mirror.remove(id);
      results.push({ id, freedBytes });
      if (!context.isJson) await context.print(`${id} removed, ${bytesWords(freedBytes)} free again`);
    }
    if (context.isJson) await context.printJson(results);
  });
}

export async function actOnDatasets(
  context: CliContext,
  names: readonly string[],
  action: 'pause' | 'resume' | 'sync',
): Promise<void> {
  const ids = names.map(readDataset);
  const states = await withAccess(context, { mayCreate: false }, async (mirror) => {
    const all = ids.length > 0 ? ids : (await mirror.status()).datasets.map((dataset) => readDataset(dataset.id));
    const done: DatasetStatus[] = [];
    for (const id of all) done.push(await mirror.act(id, action));
    return done;
  });
  await showStates(context, states);
}
