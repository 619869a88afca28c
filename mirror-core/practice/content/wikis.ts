/** The practice wikis. Their addresses lie under `.example`, which can never be registered, so nothing can be taken for Wikimedia. */
import { PHRASES } from './phrases-rtl-cjk.ts';
import type { Phrases, SubjectFamily } from './phrases.ts';

export interface PracticeWiki {
  /** Project id, such as `practiceenwiki`. */
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly language: 'en' | 'de' | 'ar' | 'ja';
  readonly direction: 'ltr' | 'rtl';
  readonly phrases: Phrases;
  /** How many subjects of each family have an article at the start. */
  readonly size: Readonly<Record<SubjectFamily, number>>;
  readonly firstPageId: number;
  readonly firstRevision: number;
}

export const ENTITY_BASE = 'https://entities.practicewiki.example/entity/';
export const FILE_BASE = 'https://files.practicewiki.example/';
export const DEFAULT_NAMESPACES = [0, 10, 14] as const;

function wiki(language: PracticeWiki['language'], name: string, index: number, size: PracticeWiki['size']): PracticeWiki {
  return {
    id: `practice${language}wiki`,
    name,
    url: `https://${language}.practicewiki.example`,
    language,
    direction: language === 'ar' ? 'rtl' : 'ltr',
    phrases: PHRASES[language],
    size,
    firstPageId: 1000 * (index + 1),
    firstRevision: 5_000_000 * (index + 1),
  };
}

/** In the order of upstream's configuration, which is the order On-demand looks in (contract §5.2). */
export const PRACTICE_WIKIS: readonly PracticeWiki[] = [
  wiki('en', 'Practice Wiki', 0, { region: 120, language: 50, currency: 30, continent: 7, script: 20, list: 4 }),
  wiki('de', 'Practice-Wiki auf Deutsch', 1, { region: 90, language: 35, currency: 20, continent: 7, script: 12, list: 3 }),
  wiki('ja', '練習ウィキ (Practice)', 2, { region: 60, language: 24, currency: 14, continent: 7, script: 10, list: 2 }),
  wiki('ar', 'ويكي التدريب (Practice)', 3, { region: 50, language: 20, currency: 10, continent: 7, script: 8, list: 2 }),
];

export function findWiki(id: string): PracticeWiki | undefined {
  return PRACTICE_WIKIS.find((candidate) => candidate.id === id);
}

export interface PracticeNamespace {
  readonly identifier: number;
  readonly name: string;
  readonly description: string;
}

/** The full list upstream has (contract §4). */
export const NAMESPACES: readonly PracticeNamespace[] = [
  { identifier: 0, name: 'Article', description: 'Articles of the main namespace' },
  { identifier: 6, name: 'File', description: 'Descriptions of files' },
  { identifier: 10, name: 'Template', description: 'Templates used in other pages' },
  { identifier: 14, name: 'Category', description: 'Categories that group other pages' },
];

export const CODES: readonly { readonly identifier: string; readonly name: string; readonly description: string }[] = [
  { identifier: 'wiki', name: 'Wikipedia', description: 'Encyclopedia' },
  { identifier: 'wikibooks', name: 'Wikibooks', description: 'Textbooks and manuals' },
  { identifier: 'wikinews', name: 'Wikinews', description: 'News' },
  { identifier: 'wikiquote', name: 'Wikiquote', description: 'Quotations' },
  { identifier: 'wikisource', name: 'Wikisource', description: 'Source texts' },
  { identifier: 'wikivoyage', name: 'Wikivoyage', description: 'Travel guides' },
  { identifier: 'wiktionary', name: 'Wiktionary', description: 'Dictionary' },
  { identifier: 'wikiversity', name: 'Wikiversity', description: 'Learning materials' },
];
