/** `get`: one article from the mirror. */
import { MirrorError } from '../../contracts/errors.ts';
import { withAccess } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { harmless } from '../terminal/text.ts';
import { timeWords } from '../terminal/units.ts';

export interface GetOptions {
  readonly project?: string;
  readonly fields?: string;
  readonly html?: boolean;
  readonly wikitext?: boolean;
}

/** The member at a dotted path, when it is text or a number. */
function textAt(record: unknown, path: string): string | undefined {
  let value = record;
  for (const part of path.split('.')) {
    if (Array.isArray(value)) value = value[0];
    value = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[part] : undefined;
  }
  return typeof value === 'string' ? value : typeof value === 'number' ? String(value) : undefined;
}

function summaryLines(record: unknown, context: CliContext): string[] {
  const modified = textAt(record, 'date_modified');
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['project', textAt(record, 'is_part_of.identifier')],
    ['address', textAt(record, 'url')],
    ['version', textAt(record, 'version.identifier')],
    ['last edited', modified === undefined ? undefined : timeWords(modified)],
    ['licence', textAt(record, 'license.name') ?? textAt(record, 'license.identifier')],
    ['abstract', textAt(record, 'abstract')],
  ];
  const known = rows.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`${name.padEnd(12)} ${harmless(value)}`],
  );
  return [context.paint(harmless(textAt(record, 'name') ?? ''), 'strong'), ...known];
}

function projectsOf(records: readonly unknown[]): string[] {
  return records.map((record) => textAt(record, 'is_part_of.identifier') ?? '?');
}

async function printBody(context: CliContext, records: readonly unknown[], title: string, options: GetOptions): Promise<void> {
  const [record] = records;
  if (records.length > 1) {
    throw new MirrorError('USAGE', `"${title}" is in ${projectsOf(records).join(', ')}; choose one with --project`);
  }
  const path = options.html === true ? 'article_body.html' : 'article_body.wikitext';
  const body = textAt(record, path);
  if (body === undefined) throw new MirrorError('NOT_FOUND', `the record of "${title}" has no ${path}`);
  await context.print(body);
}

export async function getArticle(context: CliContext, title: string, options: GetOptions): Promise<void> {
  if (title.trim() === '') throw new MirrorError('USAGE', 'the title is empty; expected something like wikimirror get "Earth"');
  const wantsBody = options.html === true || options.wikitext === true;
  const fields = options.fields
    ?.split(',')
    .map((field) => field.trim())
    .filter((field) => field !== '');
  const records = await withAccess(context, { mayCreate: false }, (mirror) =>
    mirror.lookup({ title, project: options.project, fields }),
  );
  if (records.length === 0) throw new MirrorError('NOT_FOUND', `no mirrored project has an article called "${title}"`);
  if (wantsBody) return printBody(context, records, title, options);
  if (context.isJson || fields !== undefined) return context.printJson(records);
  for (const [index, record] of records.entries()) {
    if (index > 0) await context.print('');
    for (const line of summaryLines(record, context)) await context.print(line);
  }
}
