/** Second pass of `verify`: rows that lead to a title must lead to one that says the same of itself. */
import type { TitleKey } from '../contracts/identifiers.ts';
import { decodeIndexed, type IndexedLive } from './entry-codec.ts';
import { entryKey, numberOfKey, partsOfLinkKey, rangeOf, ROW, type LinkKind } from './index-keys.ts';
import { decodePageTitles } from './row-codecs.ts';
import type { VerifyContext } from './verify.ts';

const WINDOW_ROWS = 256;

interface Lead {
  readonly title: TitleKey;
  readonly what: string;
  readonly isConfirmedBy: (live: IndexedLive) => boolean;
}

export async function verifySecondaryRows(context: VerifyContext): Promise<void> {
  await verifyLeads(context, pageLeads(context));
  await verifyLeads(
    context,
    linkLeads(context, ROW.redirect, ({ links }, value) => links.redirects.some((redirect) => redirect === value)),
  );
  await verifyLeads(
    context,
    linkLeads(context, ROW.entity, ({ links }, value) => links.entityId === value),
  );
}

async function* pageLeads({ files, snapshot }: VerifyContext): AsyncGenerator<Lead> {
  for await (const [key, value] of files.index.iterator({ ...rangeOf(ROW.page), snapshot })) {
    const pageId = numberOfKey(key);
    for (const title of decodePageTitles(value)) {
      yield { title, what: `page id ${pageId}`, isConfirmedBy: ({ entry }) => entry.pageId === pageId };
    }
  }
}

async function* linkLeads(
  { files, snapshot }: VerifyContext,
  kind: LinkKind,
  isConfirmed: (live: IndexedLive, value: string) => boolean,
): AsyncGenerator<Lead> {
  for await (const key of files.index.keys({ ...rangeOf(kind), snapshot })) {
    const { title, value } = partsOfLinkKey(key);
    yield { title, what: value, isConfirmedBy: (live) => isConfirmed(live, value) };
  }
}

async function verifyLeads(context: VerifyContext, leads: AsyncIterable<Lead>): Promise<void> {
  let window: Lead[] = [];
  for await (const lead of leads) {
    window.push(lead);
    if (window.length < WINDOW_ROWS) continue;
    await verifyWindow(context, window);
    window = [];
  }
  await verifyWindow(context, window);
}

async function verifyWindow({ files, snapshot, options, report }: VerifyContext, window: readonly Lead[]): Promise<void> {
  options.signal?.throwIfAborted();
  if (window.length === 0) return;
  const rows = await files.index.getMany(
    window.map(({ title }) => entryKey(title)),
    { snapshot },
  );
  for (const [position, { title, what, isConfirmedBy }] of window.entries()) {
    const bytes = rows[position];
    const indexed = bytes === undefined ? undefined : decodeIndexed(bytes);
    if (indexed?.kind === 'live' && isConfirmedBy(indexed)) continue;
    report({ title, seq: indexed?.entry.seq ?? null, problem: `${what} leads to a title that does not have it` });
  }
}
