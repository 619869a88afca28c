/** The project codes and namespaces of the service: full fixed lists, whatever is mirrored (contract §4). */
import type { Code, Namespace } from '../contracts/wme.ts';

export const CODES: readonly Code[] = [
  { identifier: 'wiki', name: 'Wikipedia', description: 'Encyclopedia.' },
  { identifier: 'wikibooks', name: 'Wikibooks', description: 'Textbooks and manuals.' },
  { identifier: 'wikinews', name: 'Wikinews', description: 'News reports.' },
  { identifier: 'wikiquote', name: 'Wikiquote', description: 'Quotations with their sources.' },
  { identifier: 'wikisource', name: 'Wikisource', description: 'Library of source texts.' },
  { identifier: 'wikivoyage', name: 'Wikivoyage', description: 'Travel guide.' },
  { identifier: 'wiktionary', name: 'Wiktionary', description: 'Dictionary and thesaurus.' },
  { identifier: 'wikiversity', name: 'Wikiversity', description: 'Learning materials and courses.' },
];

export const NAMESPACES: readonly Namespace[] = [
  { name: 'Article', identifier: 0, description: 'The main namespace, which holds the articles.' },
  { name: 'File', identifier: 6, description: 'Description pages of media files.' },
  { name: 'Template', identifier: 10, description: 'Pages that are meant to be included in others.' },
  { name: 'Category', identifier: 14, description: 'Pages that list their members by topic.' },
];
