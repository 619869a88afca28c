/** Reads from the index, in as few calls as possible, all that the decisions on a list of changes need. */
import type { TitleKey } from '../contracts/identifiers.ts';
import type { Change } from '../contracts/store-port.ts';
import { decodeIndexed, type IndexedTitle } from './entry-codec.ts';
import { entryKey, markKey, pageKey } from './index-keys.ts';
import type { LevelDatabase } from './level-database.ts';
import { decodeMark, decodePageTitles } from './row-codecs.ts';
import { emptyRows, markId, type LoadedRows, type Staging } from './staging.ts';

/** Title and version a change speaks of. */
export function subjectOf(change: Change): { readonly title: TitleKey; readonly versionId: number; readonly pageId: number } {
  return change.kind === 'record' ? change.record.keys : change;
}

/**
 * Loads entries, page lists and visibility marks that are not staged already.
 * @param hasMarks whether any visibility mark exists; without one no mark is looked for
 */
export async function loadRows(
  index: LevelDatabase,
  staging: Staging,
  changes: readonly Change[],
  hasMarks: boolean,
): Promise<LoadedRows> {
  const rows = emptyRows();
  const titles = new Set<TitleKey>();
  const pages = new Set<number>();
  const marks = new Map<string, { readonly title: TitleKey; readonly versionId: number }>();
  for (const change of changes) {
    const { title, versionId, pageId } = subjectOf(change);
    if (!staging.entries.has(title)) titles.add(title);
    if (change.kind === 'record' && pageId !== 0 && !staging.pages.has(pageId)) pages.add(pageId);
    if (hasMarks && change.kind !== 'delete') {
      const id = markId(title, versionId);
      if (!staging.marks.has(id)) marks.set(id, { title, versionId });
    }
  }
  await Promise.all([loadEntries(index, titles, rows), loadPages(index, pages, rows), loadMarks(index, marks, rows)]);
  await loadPages(index, pagesLeft(staging, changes, rows), rows);
  await loadEntries(index, rivalTitles(staging, changes, rows), rows);
  return rows;
}

/** Pages that a title may leave and that are not the incoming record's. */
function pagesLeft(staging: Staging, changes: readonly Change[], rows: LoadedRows): Set<number> {
  const pages = new Set<number>();
  for (const change of changes) {
    const { title } = subjectOf(change);
    const known = staging.entries.get(title) ?? rows.entries.get(title);
    const pageId = known?.kind === 'live' ? known.entry.pageId : 0;
    if (pageId !== 0 && !staging.pages.has(pageId) && !rows.pages.has(pageId)) pages.add(pageId);
  }
  return pages;
}

/** Titles that share a page id with an incoming record. */
function rivalTitles(staging: Staging, changes: readonly Change[], rows: LoadedRows): Set<TitleKey> {
  const titles = new Set<TitleKey>();
  for (const change of changes) {
    if (change.kind !== 'record') continue;
    const { pageId } = change.record.keys;
    for (const title of staging.pages.get(pageId) ?? rows.pages.get(pageId) ?? []) {
      if (!staging.entries.has(title) && !rows.entries.has(title)) titles.add(title);
    }
  }
  return titles;
}

async function loadEntries(index: LevelDatabase, titles: ReadonlySet<TitleKey>, rows: LoadedRows): Promise<void> {
  if (titles.size === 0) return;
  const list = [...titles];
  const values = await index.getMany(list.map(entryKey));
  for (const [position, title] of list.entries()) {
    const bytes = values[position];
    const entry: IndexedTitle | undefined = bytes === undefined ? undefined : decodeIndexed(bytes);
    rows.entries.set(title, entry);
  }
}

async function loadPages(index: LevelDatabase, pages: ReadonlySet<number>, rows: LoadedRows): Promise<void> {
  if (pages.size === 0) return;
  const list = [...pages];
  const values = await index.getMany(list.map(pageKey));
  for (const [position, pageId] of list.entries()) {
    const bytes = values[position];
    rows.pages.set(pageId, bytes === undefined ? [] : decodePageTitles(bytes));
  }
}

async function loadMarks(
  index: LevelDatabase,
  wanted: ReadonlyMap<string, { readonly title: TitleKey; readonly versionId: number }>,
  rows: LoadedRows,
): Promise<void> {
  if (wanted.size === 0) return;
  const list = [...wanted];
  const values = await index.getMany(list.map(([, { title, versionId }]) => markKey(title, versionId)));
  for (const [position, [id]] of list.entries()) {
    const bytes = values[position];
    if (bytes !== undefined) rows.marks.set(id, decodeMark(bytes));
  }
}
