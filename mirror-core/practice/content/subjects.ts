/** What the pages are about, and how their titles, categories and Wikidata-like entities follow from that. */
import { hash32 } from '../random.ts';
import { codesOf, nameIn, scriptOf, region } from './facts.ts';
import type { SubjectFamily } from './phrases.ts';
import type { PracticeWiki } from './wikis.ts';

/** One page's subject; the same in every language. */
export interface Subject {
  readonly family: SubjectFamily | 'category' | 'template' | 'note';
  /** A region, language, currency or script code; the name of a category or template; a running number of a note. */
  readonly code: string;
  /** Notes only: what they are about. */
  readonly about?: { readonly family: SubjectFamily; readonly code: string };
}

function capitalised(text: string): string {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 32);
  return first.toUpperCase() + text.slice(first.length);
}

/** The title of a subject in a wiki, with spaces. Wikis begin titles with a capital letter. */
export function titleOf(wiki: PracticeWiki, subject: Subject): string {
  const { phrases, language } = wiki;
  switch (subject.family) {
    case 'region':
    case 'continent':
      return capitalised(nameIn(language, 'region', subject.code));
    case 'language':
    case 'currency':
      return capitalised(nameIn(language, subject.family, subject.code));
    case 'script':
      // Many scripts are called like the language that made them known.
      return `${capitalised(nameIn(language, 'script', subject.code))} (${phrases.label.script})`;
    case 'list':
      return subject.code in phrases.list ? phrases.list[subject.code as keyof typeof phrases.list] : subject.code;
    case 'category':
      return `${phrases.category}:${subject.code}`;
    case 'template':
      return `${phrases.template}:${subject.code}`;
    case 'note': {
      const about = subject.about === undefined ? '' : titleOf(wiki, subject.about);
      return phrases.note.replace('{0}', about).replace('{1}', subject.code);
    }
  }
}

/** Names of the categories a subject is in, without prefix. */
export function categoriesOf(wiki: PracticeWiki, subject: Subject): string[] {
  const { categoryOf } = wiki.phrases;
  switch (subject.family) {
    case 'region': {
      const continent = region(subject.code)?.continent ?? '001';
      return [categoryOf.region.replace('{0}', nameIn(wiki.language, 'region', continent))];
    }
    case 'language':
      return [categoryOf.language.replace('{0}', nameIn(wiki.language, 'script', scriptOf(subject.code)))];
    case 'category':
    case 'template':
      return [];
    default:
      return [categoryOf[subject.family]];
  }
}

/** The Wikidata-like item of a subject, equal in all wikis; its number is far above any real one. */
export function entityOf(subject: Subject): string | undefined {
  if (subject.family === 'note' || subject.family === 'template' || subject.family === 'category') return undefined;
  return `Q${9_000_000_000 + (hash32(`${subject.family}/${subject.code}`) % 900_000_000)}`;
}

export function namespaceOf(subject: Subject): number {
  return subject.family === 'category' ? 14 : subject.family === 'template' ? 10 : 0;
}

const FAMILIES: readonly SubjectFamily[] = ['list', 'continent', 'region', 'language', 'currency', 'script'];

/** All subjects a wiki could have an article on: those it starts with, then those that are created later, in this order. */
export function subjectsFor(wiki: PracticeWiki, seed: number): { readonly initial: Subject[]; readonly later: Subject[] } {
  const initial: Subject[] = [];
  const later: Subject[] = [];
  for (const family of FAMILIES) {
    for (const [index, code] of codesOf(family, seed).entries())
      (index < wiki.size[family] ? initial : later).push({ family, code });
  }
  const categories = new Set(initial.flatMap((subject) => categoriesOf(wiki, subject)));
  const templates = new Set(Object.values(wiki.phrases.infobox));
  initial.push(...[...categories].map((code): Subject => ({ family: 'category', code })));
  initial.push(...[...templates].map((code): Subject => ({ family: 'template', code })));
  return { initial, later };
}
