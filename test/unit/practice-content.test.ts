import { describe, expect, it } from 'vitest';
import { buildArticle } from '../../mirror-core/practice/content/articles.ts';
import { toParsoidHtml } from '../../mirror-core/practice/content/parsoid-html.ts';
import { entityOf, subjectsFor, titleOf, type Subject } from '../../mirror-core/practice/content/subjects.ts';
import { toWikitext } from '../../mirror-core/practice/content/wikitext.ts';
import { PRACTICE_WIKIS } from '../../mirror-core/practice/content/wikis.ts';
import { genesis } from '../../mirror-core/practice/genesis.ts';
import { always, goStringify, leaveOut } from '../../mirror-core/practice/go-json.ts';
import { keyOf, partitionOf } from '../../mirror-core/practice/page-state.ts';
import { articleRecord } from '../../mirror-core/practice/record.ts';

const NOW = Date.UTC(2026, 2, 3, 4, 5, 6);
const pagesOf = (seed: number) =>
  genesis(seed, PRACTICE_WIKIS, NOW).flatMap((operation) => (operation.op === 'live' ? [operation.page] : []));

describe('JSON of upstream', () => {
  it('leaves out zero, false, empty text, null, empty lists and absent members, and keeps empty objects', () => {
    const draft = { a: 0, b: false, c: '', d: null, e: [], f: undefined, g: {}, h: { i: 0 }, j: always(0), k: [0, { l: '' }] };
    expect(leaveOut(draft)).toEqual({ g: {}, h: {}, j: 0, k: [0, {}] });
  });

  it('escapes what Go escapes and nothing else outside ASCII', () => {
    expect(goStringify({ '<a>': '& \u2028\u2029 é 日 "\n' })).toBe('{"\\u003ca\\u003e":"\\u0026 \\u2028\\u2029 é 日 \\"\\n"}');
  });
});

describe('practice content', () => {
  it('is the same for the same seed and another for another', () => {
    expect(pagesOf(7)).toEqual(pagesOf(7));
    expect(pagesOf(7).map((page) => page.title)).not.toEqual(pagesOf(8).map((page) => page.title));
  });

  it.each(PRACTICE_WIKIS.map((wiki) => [wiki.id, wiki] as const))(
    'gives %s articles of a fitting number and size, in all three namespaces',
    (_id, wiki) => {
      const pages = pagesOf(1).filter((page) => page.project === wiki.id);
      const articles = pages.filter((page) => page.namespaceId === 0);
      expect(articles.length).toBeGreaterThanOrEqual(60);
      expect(articles.length).toBeLessThanOrEqual(250);
      expect(new Set(pages.map((page) => page.namespaceId))).toEqual(new Set([0, 10, 14]));
      expect(new Set(pages.map((page) => keyOf(page.title))).size).toBe(pages.length);
      const sizes = articles.map((page) => Buffer.byteLength(goStringify(articleRecord(page)))).sort((a, b) => a - b);
      const median = sizes[Math.floor(sizes.length / 2)] ?? 0;
      expect(sizes[0]).toBeGreaterThan(3_000);
      expect(median).toBeGreaterThan(10_000);
      expect(median).toBeLessThan(60_000);
      expect(sizes.at(-1)).toBeGreaterThan(150_000);
    },
  );

  it('points to nothing outside of .example', () => {
    const hosts = new Set<string>();
    for (const page of pagesOf(1).slice(0, 400)) {
      const text = goStringify(articleRecord(page))
        .replaceAll('http://www.w3.org/2000/svg', '')
        .replaceAll(encodeURIComponent('http://www.w3.org/2000/svg'), '');
      for (const [, host] of text.matchAll(/https?:\/\/([^/"\\ ]+)/g)) hosts.add(host ?? '');
    }
    const vocabularies = ['purl.org', 'mediawiki.org', 'creativecommons.org'];
    expect([...hosts].filter((host) => !host.endsWith('.practicewiki.example') && !vocabularies.includes(host))).toEqual([]);
  });

  it('gives one subject the same entity in every wiki', () => {
    const japan: Subject = { family: 'region', code: 'JP' };
    expect(PRACTICE_WIKIS.map((wiki) => titleOf(wiki, japan))).toEqual(['Japan', 'Japan', '日本', 'اليابان']);
    const records = pagesOf(1)
      .filter((page) => page.subject.family === 'region' && page.subject.code === 'JP')
      .map(articleRecord);
    expect(records.map((record) => record['main_entity'])).toEqual(
      PRACTICE_WIKIS.map(() => ({
        identifier: entityOf(japan),
        url: `https://entities.practicewiki.example/entity/${entityOf(japan) ?? ''}`,
      })),
    );
  });

  it('writes members in the order of the schema', () => {
    const order = (
      'name identifier abstract date_created date_modified date_previously_modified protection version previous_version url watchers_count ' +
      'namespace in_language main_entity additional_entities categories templates redirects is_part_of article_body license event image'
    ).split(' ');
    for (const page of pagesOf(1).slice(0, 200)) {
      const members = Object.keys(articleRecord(page));
      expect(members).toEqual(order.filter((member) => members.includes(member)));
    }
  });

  it('lacks in bulk-ingested records what upstream lacks there', () => {
    const bulk = pagesOf(1).find((page) => page.isBulk && page.namespaceId === 0);
    expect(bulk).toBeDefined();
    if (bulk === undefined) return;
    const record = articleRecord(bulk);
    for (const member of ['date_created', 'date_previously_modified', 'previous_version'])
      expect(record).not.toHaveProperty(member);
    const version = record['version'] as Record<string, Record<string, unknown>>;
    expect(version).not.toHaveProperty('maintenance_tags');
    expect(Object.keys(version['editor'] ?? {}).every((member) => ['identifier', 'name'].includes(member))).toBe(true);
    expect(Object.keys(version['scores'] ?? { revertrisk: 1 })).toEqual(['revertrisk']);
  });

  it('says the same in wikitext and in HTML, right to left where the language is', () => {
    const arabic = PRACTICE_WIKIS.find((wiki) => wiki.language === 'ar');
    expect(arabic).toBeDefined();
    if (arabic === undefined) return;
    const subject: Subject = { family: 'region', code: 'EG' };
    const { article, abstract } = buildArticle({ wiki: arabic, subject, title: titleOf(arabic, subject), history: [] });
    const frame = {
      wikiUrl: arabic.url,
      pageId: 1,
      namespaceId: 0,
      revision: 5,
      previousRevision: 4,
      modified: '2026-01-01T00:00:00Z',
    };
    const html = toParsoidHtml(article, frame);
    const wikitext = toWikitext(article);
    expect(html).toContain('<body lang="ar" class="mw-content-rtl sitedir-rtl rtl');
    expect(html).toMatch(/<li about="#cite_note-source-1-1" id="cite_note-source-1-1">/);
    expect(html).toMatch(/<a rel="mw:WikiLink" href="\.\/[^"]+" title="[^"]+"/);
    expect(html).toMatch(
      /<figure class="mw-default-size" typeof="mw:File\/Thumb"[^>]*><span><img [^>]*src="data:image\/svg\+xml,/,
    );
    expect(html.match(/<section /g)?.length).toBe(article.sections.length + 2);
    for (const section of article.sections) {
      expect(html).toContain(`>${section.heading}</h2>`);
      expect(wikitext).toContain(`== ${section.heading} ==`);
    }
    expect(wikitext).toContain(`{{${arabic.phrases.infobox.region}`);
    expect(abstract).toContain(titleOf(arabic, subject));
  });

  it('has subjects left for pages created later', () => {
    for (const wiki of PRACTICE_WIKIS) expect(subjectsFor(wiki, 1).later.length).toBeGreaterThan(100);
  });

  it('spreads titles over all partitions and a title over one', () => {
    const partitions = new Set(pagesOf(1).map((page) => partitionOf(page.project, page.title)));
    expect(partitions.size).toBe(50);
    expect(partitionOf('practiceenwiki', 'Two words')).toBe(partitionOf('practiceenwiki', 'Two_words'));
  });
});
