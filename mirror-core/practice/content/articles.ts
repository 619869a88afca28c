/** Builds the article on a subject: which facts it tells, in which order, in the words of its wiki. */
import { hash32 } from '../random.ts';
import {
  fill,
  link,
  plainText,
  sentences,
  type ArticleDocument,
  type Block,
  type InfoboxField,
  type Inline,
  type Section,
} from './document.ts';
import {
  directionOf,
  nameIn,
  NAMING_LANGUAGES,
  region,
  regionsOf,
  regionsPaying,
  regionsSpeaking,
  scriptOf,
  type RegionFacts,
} from './facts.ts';
import { listTable } from './lists.ts';
import { calendarTable, clockBlocks, currencySymbol, moneyTable, numberTable } from './samples.ts';
import { categoriesOf, titleOf, type Subject } from './subjects.ts';
import type { PracticeWiki } from './wikis.ts';

/** One past change that the page itself tells about. */
export interface HistoryNote {
  /** RFC 3339, whole seconds. */
  readonly at: string;
  readonly editor: string;
  /** Counts the page's edits from 1. */
  readonly number: number;
}

export interface ArticleInput {
  readonly wiki: PracticeWiki;
  readonly subject: Subject;
  readonly title: string;
  readonly history: readonly HistoryNote[];
}

interface Parts {
  readonly lead: readonly (readonly Inline[])[];
  readonly fields: readonly InfoboxField[];
  readonly sections: readonly Section[];
}

function bold(text: string): Inline {
  return { kind: 'bold', text };
}
function foreign(language: string, text: string): Inline {
  return { kind: 'foreign', language, direction: directionOf(language), text };
}
const cite = (index: number): Inline => ({ kind: 'cite', index });

function listOf(items: readonly (readonly Inline[])[]): Block {
  return { kind: 'list', items };
}
function paragraph(content: readonly Inline[]): Block {
  return { kind: 'paragraph', content };
}

/** Each value after the other, as a short list within one line. */
function joined(values: readonly Inline[]): Inline[] {
  return values.flatMap((value, index) => (index === 0 ? [value] : [', ', value]));
}

function linkTo(wiki: PracticeWiki, family: 'region' | 'language' | 'currency' | 'script' | 'continent', code: string): Inline {
  const name = nameIn(wiki.language, family === 'continent' ? 'region' : family, code);
  return link(titleOf(wiki, { family, code }), name);
}

/** How many languages call the subject what; between 6 and all of them, so that articles differ in length. */
function namesSection(wiki: PracticeWiki, subject: Subject, type: Intl.DisplayNamesType): Section {
  const { phrases } = wiki;
  const count = 6 + (hash32(`names/${wiki.id}/${subject.family}/${subject.code}`) % (NAMING_LANGUAGES.length - 5));
  const rows = NAMING_LANGUAGES.slice(0, count).map((language) => [
    [link(titleOf(wiki, { family: 'language', code: language }), nameIn(wiki.language, 'language', language))],
    [foreign(language, nameIn(language, type, subject.code))],
    [nameIn(wiki.language, 'script', scriptOf(language))],
  ]);
  return {
    heading: phrases.heading.names,
    blocks: [
      paragraph([...fill(phrases.sentence.names, bold(titleOf(wiki, subject))), cite(0)]),
      { kind: 'table', head: [phrases.label.language, phrases.label.name, phrases.label.script], rows },
    ],
  };
}

function placesSection(wiki: PracticeWiki, regions: readonly RegionFacts[]): Section[] {
  if (regions.length === 0) return [];
  const items = regions.map((place) => [linkTo(wiki, 'region', place.code), ` (${place.native})`]);
  return [{ heading: wiki.phrases.heading.places, blocks: [listOf(items)] }];
}

function alsoSection(wiki: PracticeWiki, subject: Subject, others: readonly RegionFacts[]): Section[] {
  const near = others.filter((place) => place.code !== subject.code).slice(0, 24);
  if (near.length === 0) return [];
  return [{ heading: wiki.phrases.heading.also, blocks: [listOf(near.map((place) => [linkTo(wiki, 'region', place.code)]))] }];
}

function figure(wiki: PracticeWiki, subject: Subject): Block {
  const caption = plainText(fill(wiki.phrases.sentence.figure, titleOf(wiki, subject)));
  return { kind: 'figure', file: fileOf(subject), caption, hue: hash32(`hue/${subject.family}/${subject.code}`) % 360 };
}

/** The picture that would stand in an article; it exists as a drawing inside the page only. */
export function fileOf(subject: Subject): string {
  return `Practice ${subject.family} ${subject.code}.svg`;
}

function regionParts(wiki: PracticeWiki, subject: Subject): Parts {
  const { phrases, language } = wiki;
  const facts = region(subject.code);
  if (facts === undefined) return { lead: [], fields: [], sections: [] };
  const languages = facts.languages.map((code) => linkTo(wiki, 'language', code));
  const currencies = facts.currencies.map((code) => linkTo(wiki, 'currency', code));
  const continent = linkTo(wiki, 'continent', facts.continent);
  const title = titleOf(wiki, subject);
  const lead = [[...fill(phrases.lead.region, bold(title), continent), cite(0)]];
  if (facts.capital !== '') lead.push(fill(phrases.lead.regionCapital, foreign('en', facts.capital)));
  if (currencies.length > 0) lead.push([...fill(phrases.lead.regionMoney, currencies[0] ?? ''), cite(1)]);
  return {
    lead,
    fields: [
      { label: phrases.label.ownName, value: [facts.native] },
      { label: phrases.label.capital, value: [facts.capital] },
      { label: phrases.label.continent, value: [continent] },
      { label: phrases.label.languages, value: joined(languages) },
      { label: phrases.label.currency, value: joined(currencies) },
      { label: phrases.label.phone, value: [facts.phone] },
      { label: phrases.label.code, value: [facts.code] },
    ],
    sections: [
      {
        heading: phrases.heading.languages,
        blocks: [listOf(facts.languages.map((code) => [linkTo(wiki, 'language', code), ` (${nameIn(code, 'language', code)})`]))],
      },
      { heading: phrases.heading.time, blocks: clockBlocks(wiki, facts.code, title) },
      ...facts.currencies.slice(0, 1).map((code) => ({ heading: phrases.heading.money, blocks: [moneyTable(wiki, code)] })),
      namesSection(wiki, subject, 'region'),
      ...alsoSection(wiki, subject, regionsOf(facts.continent)),
    ].map((section) =>
      section.heading === phrases.heading.money
        ? withLead(section, fill(phrases.sentence.money, nameIn(language, 'currency', facts.currencies[0] ?? 'EUR')))
        : section,
    ),
  };
}

function withLead(section: Section, content: readonly Inline[]): Section {
  return { heading: section.heading, blocks: [paragraph(content), ...section.blocks] };
}

function languageParts(wiki: PracticeWiki, subject: Subject): Parts {
  const { phrases } = wiki;
  const title = titleOf(wiki, subject);
  const script = scriptOf(subject.code);
  const own = foreign(subject.code, nameIn(subject.code, 'language', subject.code));
  return {
    lead: [
      [...fill(phrases.lead.language, bold(title)), cite(0)],
      fill(phrases.lead.languageOwn, own),
      fill(phrases.lead.languageScript, linkTo(wiki, 'script', script)),
    ],
    fields: [
      { label: phrases.label.ownName, value: [own] },
      { label: phrases.label.script, value: [linkTo(wiki, 'script', script)] },
      { label: phrases.label.direction, value: [phrases.direction[directionOf(subject.code)]] },
      { label: phrases.label.code, value: [subject.code] },
    ],
    sections: [
      withLead(
        { heading: phrases.heading.numbers, blocks: [numberTable(wiki, subject.code)] },
        fill(phrases.sentence.numbers, bold(title)),
      ),
      { heading: phrases.heading.calendar, blocks: [calendarTable(wiki, subject.code)] },
      ...placesSection(wiki, regionsSpeaking(subject.code)),
      namesSection(wiki, subject, 'language'),
    ],
  };
}

function currencyParts(wiki: PracticeWiki, subject: Subject): Parts {
  const { phrases, language } = wiki;
  return {
    lead: [
      [...fill(phrases.lead.currency, bold(titleOf(wiki, subject))), cite(0)],
      [...fill(phrases.lead.currencyCode, subject.code), cite(1)],
    ],
    fields: [
      { label: phrases.label.code, value: [subject.code] },
      { label: phrases.label.symbol, value: [currencySymbol(language, subject.code)] },
    ],
    sections: [
      withLead(
        { heading: phrases.heading.money, blocks: [moneyTable(wiki, subject.code)] },
        fill(phrases.sentence.money, bold(titleOf(wiki, subject))),
      ),
      ...placesSection(wiki, regionsPaying(subject.code)),
      namesSection(wiki, subject, 'currency'),
    ],
  };
}

function continentParts(wiki: PracticeWiki, subject: Subject): Parts {
  const { phrases } = wiki;
  const regions = regionsOf(subject.code);
  const rows = regions.map((place) => [
    [linkTo(wiki, 'region', place.code)],
    [place.native],
    [place.capital],
    joined(place.currencies.map((code) => linkTo(wiki, 'currency', code))),
  ]);
  const head = [phrases.label.name, phrases.label.ownName, phrases.label.capital, phrases.label.currency];
  return {
    lead: [[...fill(phrases.lead.continent, bold(titleOf(wiki, subject)), String(regions.length)), cite(0)]],
    fields: [{ label: phrases.label.code, value: [subject.code] }],
    sections: [{ heading: phrases.list.regions, blocks: [{ kind: 'table', head, rows }] }, namesSection(wiki, subject, 'region')],
  };
}

function scriptParts(wiki: PracticeWiki, subject: Subject): Parts {
  const { phrases } = wiki;
  const used = NAMING_LANGUAGES.filter((language) => scriptOf(language) === subject.code);
  const items = used.map((code) => [linkTo(wiki, 'language', code), ` (${nameIn(code, 'language', code)})`]);
  return {
    lead: [[...fill(phrases.lead.script, bold(titleOf(wiki, subject)), subject.code), cite(0)]],
    fields: [{ label: phrases.label.code, value: [subject.code] }],
    sections: [
      ...(items.length > 0 ? [{ heading: phrases.heading.languages, blocks: [listOf(items)] }] : []),
      namesSection(wiki, subject, 'script'),
    ],
  };
}

function partsOf(wiki: PracticeWiki, subject: Subject): Parts {
  const { phrases } = wiki;
  switch (subject.family) {
    case 'region':
      return regionParts(wiki, subject);
    case 'language':
      return languageParts(wiki, subject);
    case 'currency':
      return currencyParts(wiki, subject);
    case 'continent':
      return continentParts(wiki, subject);
    case 'script':
      return scriptParts(wiki, subject);
    case 'list': {
      const table = listTable(wiki, subject.code);
      const entries = table.kind === 'table' ? table.rows.length : 0;
      return {
        lead: [fill(phrases.lead.list, String(entries))],
        fields: [],
        sections: [{ heading: titleOf(wiki, subject), blocks: [table] }],
      };
    }
    case 'note': {
      const about = subject.about ?? { family: 'region', code: 'JP' };
      const linked = link(titleOf(wiki, about));
      return { lead: [fill(phrases.lead.note, linked)], fields: [], sections: [...partsOf(wiki, about).sections.slice(-2)] };
    }
    case 'category':
      return { lead: [fill(phrases.sentence.member, bold(subject.code))], fields: [], sections: [] };
    case 'template':
      return { lead: [fill(phrases.sentence.source, bold(subject.code))], fields: [], sections: [] };
  }
}

function historySection(wiki: PracticeWiki, history: readonly HistoryNote[]): Section[] {
  if (history.length === 0) return [];
  const items = history.map((note) => fill(wiki.phrases.sentence.edit, note.at, note.editor, String(note.number)));
  return [{ heading: wiki.phrases.heading.history, blocks: [listOf(items)] }];
}

/** The whole article, and its plain-text lead (`abstract`). */
export function buildArticle(input: ArticleInput): { readonly article: ArticleDocument; readonly abstract: string } {
  const { wiki, subject, title } = input;
  const { phrases, language } = wiki;
  const parts = partsOf(wiki, subject);
  const told = sentences(language, ...parts.lead);
  const hasBox = subject.family !== 'category' && subject.family !== 'template' && subject.family !== 'note';
  const isPage = subject.family !== 'category' && subject.family !== 'template';
  const usesNotes = plainText(told) !== '' && isPage && subject.family !== 'note' && subject.family !== 'list';
  const codes = [`${subject.family}/${subject.code}`, `${subject.family}/${subject.code}/use`];
  const article: ArticleDocument = {
    title,
    language,
    direction: wiki.direction,
    infobox: hasBox ? { template: phrases.infobox[subject.family], fields: parts.fields } : undefined,
    lead: [...(hasBox ? [figure(wiki, subject)] : []), paragraph(told), paragraph([phrases.lead.practice])],
    sections: [...parts.sections, ...historySection(wiki, input.history)],
    references: usesNotes ? codes.map((code) => plainText(fill(phrases.sentence.source, code))) : [],
    referencesHeading: phrases.heading.references,
    categories: categoriesOf(wiki, subject).map((name) => `${phrases.category}:${name}`),
  };
  return { article, abstract: plainText(told) };
}
