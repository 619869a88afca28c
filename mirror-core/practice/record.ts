/** Records as upstream writes them: the full article, and the shorter payloads of deletes and visibility-changes (article-schema §2 to §4). */
import { buildArticle, fileOf } from './content/articles.ts';
import { toParsoidHtml } from './content/parsoid-html.ts';
import { entityOf } from './content/subjects.ts';
import { toWikitext } from './content/wikitext.ts';
import { ENTITY_BASE, FILE_BASE, findWiki, type PracticeWiki } from './content/wikis.ts';
import { editorDraft, performerDraft } from './editors.ts';
import { always, leaveOut, type Draft, type JsonObject } from './go-json.ts';
import { keyOf, type EventStamp, type LogEntry, type PageState } from './page-state.ts';
import { randomFor, type Random } from './random.ts';

const LICENSE = [
  {
    name: 'Creative Commons Attribution-ShareAlike License 4.0',
    identifier: 'CC-BY-SA-4.0',
    url: 'https://creativecommons.org/licenses/by-sa/4.0/',
  },
];

function wikiOf(page: PageState): PracticeWiki {
  const wiki = findWiki(page.project);
  if (wiki === undefined) throw new RangeError(`${page.project} is not a practice wiki`);
  return wiki;
}

/** The address of a page, percent-encoded as MediaWiki does it: colons, slashes and commas stay as they are. */
export function pageUrl(wiki: PracticeWiki, title: string): string {
  const encoded = encodeURIComponent(keyOf(title)).replaceAll('%3A', ':').replaceAll('%2F', '/').replaceAll('%2C', ',');
  return `${wiki.url}/wiki/${encoded}`;
}

/** The same address as delete and visibility events have it: decoded once too often, a plus turned into a space. */
function decodedUrl(wiki: PracticeWiki, title: string): string {
  return `${wiki.url}/wiki/${keyOf(title).replaceAll('+', ' ')}`;
}

function scoresDraft(page: PageState, random: Random): Draft {
  if (page.namespaceId !== 0) return undefined;
  const risk = Math.round(random.next() * 4000) / 10_000;
  const revertrisk = { prediction: risk > 0.38, probability: { false: 1 - risk, true: risk } };
  if (page.isBulk) return { revertrisk };
  const need = random.chance(0.3) ? 0 : random.next();
  return {
    revertrisk,
    referencerisk: { reference_risk_score: always(random.chance(0.6) ? 0 : random.next() / 3) },
    ...(page.project.startsWith('practiceen') || page.project.startsWith('practicede')
      ? { referenceneed: { reference_need_score: always(need) } }
      : {}),
  };
}

function versionDraft(page: PageState, wikitext: string, random: Random): Draft {
  return {
    identifier: page.revision,
    comment: page.comment,
    tags: page.tags,
    is_minor_edit: page.isMinor,
    is_flagged_stable: page.project === 'practicedewiki',
    scores: page.previousRevision === undefined ? undefined : scoresDraft(page, random),
    editor: editorDraft(page.editor, page.isBulk),
    number_of_characters: Array.from(wikitext).length,
    size: { value: Buffer.byteLength(wikitext), unit_text: 'B' },
    maintenance_tags:
      page.isBulk || page.namespaceId !== 0 ? undefined : { citation_needed_count: random.chance(0.2) ? 1 + random.below(4) : 0 },
  };
}

function eventDraft(type: LogEntry['type'], stamp: EventStamp): Readonly<Record<string, Draft>> {
  return { identifier: stamp.identifier, type, date_created: stamp.dateCreated, date_published: stamp.datePublished };
}

/** The wikitext of a page's current state. */
export function wikitextOf(page: PageState): string {
  const { article } = buildArticle({ wiki: wikiOf(page), subject: page.subject, title: page.title, history: page.history });
  return toWikitext(article);
}

/** The full record of a page, as On-demand, snapshots, batches and update events have it. */
export function articleRecord(page: PageState): JsonObject {
  const wiki = wikiOf(page);
  const { phrases } = wiki;
  const random = randomFor('record', page.project, page.pageId, page.revision);
  const { article, abstract } = buildArticle({ wiki, subject: page.subject, title: page.title, history: page.history });
  const wikitext = toWikitext(article);
  const isArticle = page.namespaceId === 0;
  const html = toParsoidHtml(article, {
    wikiUrl: wiki.url,
    pageId: page.pageId,
    namespaceId: page.namespaceId,
    revision: page.revision,
    previousRevision: page.previousRevision,
    modified: page.modified,
  });
  const entity = isArticle ? entityOf(page.subject) : undefined;
  const named = (name: string) => ({ name, url: pageUrl(wiki, name) });
  const templates =
    article.infobox === undefined ? [] : [`${phrases.template}:${article.infobox.template}`, `${phrases.template}:Lang`];
  return leaveOut({
    name: page.title,
    identifier: page.pageId,
    abstract: isArticle ? abstract : '',
    date_created: page.isBulk ? undefined : page.created,
    date_modified: page.modified,
    date_previously_modified: page.isBulk ? undefined : page.previouslyModified,
    protection: page.pageId % 23 === 0 ? [{ type: 'edit', level: 'autoconfirmed', expiry: 'infinity' }] : [],
    version: versionDraft(page, wikitext, random),
    previous_version:
      page.isBulk || page.previousRevision === undefined
        ? undefined
        : { identifier: page.previousRevision, number_of_characters: page.previousCharacters },
    url: pageUrl(wiki, page.title),
    watchers_count: page.pageId % 3 === 0 ? 30 + (page.pageId % 211) : 0,
    namespace: { identifier: always(page.namespaceId) },
    in_language: { identifier: wiki.language },
    main_entity: entity === undefined ? undefined : { identifier: entity, url: `${ENTITY_BASE}${entity}` },
    additional_entities:
      entity === undefined ? [] : [{ identifier: entity, url: `${ENTITY_BASE}${entity}`, aspects: ['S', `L.${wiki.language}`] }],
    categories: article.categories.map(named),
    templates: templates.map(named),
    redirects: page.redirects.map(named),
    is_part_of: { identifier: page.project, url: wiki.url },
    article_body: { html, wikitext },
    license: LICENSE,
    event: eventDraft('update', page.event),
    image:
      article.infobox === undefined
        ? undefined
        : { content_url: `${FILE_BASE}${encodeURIComponent(fileOf(page.subject))}`, width: 220, height: 140 },
  });
}

/** The payload of a delete or visibility-change: underscores in the name, a decoded address, and a version that names the performer. */
function shortRecord(entry: LogEntry): JsonObject {
  const { page, type } = entry;
  const wiki = wikiOf(page);
  const revised = entry.movedTo ?? page;
  const isDelete = type === 'delete';
  const shows = entry.visibility ?? { text: true, editor: true, comment: true };
  return leaveOut({
    name: keyOf(page.title),
    identifier: page.pageId,
    date_modified: isDelete ? `${entry.stamp.dateCreated.slice(0, 19)}Z` : page.modified,
    version: {
      identifier: revised.revision,
      comment: shows.comment ? revised.comment : '',
      is_minor_edit: revised.isMinor,
      editor: shows.editor ? performerDraft(entry.performer ?? 0) : undefined,
      size: { value: Buffer.byteLength(wikitextOf(revised)), unit_text: 'B' },
    },
    previous_version: entry.movedTo === undefined ? { identifier: page.previousRevision } : undefined,
    url: decodedUrl(wiki, revised.title),
    namespace: { identifier: always(page.namespaceId) },
    in_language: { identifier: wiki.language },
    is_part_of: { identifier: page.project, url: wiki.url },
    visibility:
      entry.visibility === undefined
        ? undefined
        : { text: always(shows.text), editor: always(shows.editor), comment: always(shows.comment) },
    event: eventDraft(type, entry.stamp),
  });
}

/** The record of a logged event, without its place on the stream. */
export function entryRecord(entry: LogEntry): JsonObject {
  return entry.type === 'update' ? articleRecord(entry.page) : shortRecord(entry);
}

/** The record of a logged event as the stream sends it: `event.partition` and `event.offset` added, a real 0 written. */
export function streamRecord(entry: LogEntry): JsonObject {
  const record = entryRecord(entry);
  const event = leaveOut({
    ...eventDraft(entry.type, entry.stamp),
    partition: always(entry.partition),
    offset: always(entry.offset),
  });
  return { ...record, event };
}
