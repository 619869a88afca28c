/** An article before it is written down: one tree, rendered to wikitext and to HTML, so that the two always say the same. */

export type Inline =
  | string
  | { readonly kind: 'link'; readonly target: string; readonly text: string }
  | { readonly kind: 'bold'; readonly text: string }
  | { readonly kind: 'foreign'; readonly language: string; readonly direction: 'ltr' | 'rtl'; readonly text: string }
  /** A footnote mark; `index` counts `ArticleDocument.references` from 0. */
  | { readonly kind: 'cite'; readonly index: number };

export type Block =
  | { readonly kind: 'paragraph'; readonly content: readonly Inline[] }
  | { readonly kind: 'list'; readonly items: readonly (readonly Inline[])[] }
  | { readonly kind: 'table'; readonly head: readonly string[]; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: 'figure'; readonly file: string; readonly caption: string; readonly hue: number };

export interface Section {
  readonly heading: string;
  readonly blocks: readonly Block[];
}

export interface InfoboxField {
  readonly label: string;
  readonly value: readonly Inline[];
}

export interface ArticleDocument {
  readonly title: string;
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly infobox: { readonly template: string; readonly fields: readonly InfoboxField[] } | undefined;
  readonly lead: readonly Block[];
  readonly sections: readonly Section[];
  readonly references: readonly string[];
  readonly referencesHeading: string;
  /** Full names, with the prefix of the wiki. */
  readonly categories: readonly string[];
}

/** Puts `values` into the places `{0}`, `{1}` … of a sentence. */
export function fill(sentence: string, ...values: readonly Inline[]): Inline[] {
  return sentence
    .split(/(\{\d\})/)
    .filter((piece) => piece !== '')
    .map((piece) => {
      const place = /^\{(\d)\}$/.exec(piece);
      return place === null ? piece : (values[Number(place[1])] ?? '');
    });
}

export function link(target: string, text: string = target): Inline {
  return { kind: 'link', target, text };
}

/** The words alone, for abstracts. */
export function plainText(content: readonly Inline[]): string {
  return content.map((piece) => (typeof piece === 'string' ? piece : piece.kind === 'cite' ? '' : piece.text)).join('');
}

/** Sentences one after another, with a space where the language has one between sentences. */
export function sentences(language: string, ...parts: readonly (readonly Inline[])[]): Inline[] {
  const gap = language === 'ja' ? '' : ' ';
  return parts.flatMap((part, index) => (index === 0 || gap === '' ? part : [gap, ...part]));
}
