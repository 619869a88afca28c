/** Writes an article as wikitext. */
import type { ArticleDocument, Block, Inline } from './document.ts';

function inline(content: readonly Inline[], references: readonly string[]): string {
  return content
    .map((piece) => {
      if (typeof piece === 'string') return piece;
      if (piece.kind === 'bold') return `'''${piece.text}'''`;
      if (piece.kind === 'foreign') return `{{lang|${piece.language}|${piece.text}}}`;
      if (piece.kind === 'cite') return `<ref name="source-${piece.index + 1}">${references[piece.index] ?? ''}</ref>`;
      return piece.target === piece.text ? `[[${piece.target}]]` : `[[${piece.target}|${piece.text}]]`;
    })
    .join('');
}

function block(piece: Block, references: readonly string[]): string {
  switch (piece.kind) {
    case 'paragraph':
      return inline(piece.content, references);
    case 'list':
      return piece.items.map((item) => `* ${inline(item, references)}`).join('\n');
    case 'figure':
      return `[[File:${piece.file}|thumb|${piece.caption}]]`;
    case 'table': {
      const rows = piece.rows.map((row) => `|-\n| ${row.map((cell) => inline(cell, references)).join(' || ')}`);
      return [`{| class="wikitable"`, `! ${piece.head.join(' !! ')}`, ...rows, '|}'].join('\n');
    }
  }
}

/** The wikitext of `article`, ending without a newline as MediaWiki stores it. */
export function toWikitext(article: ArticleDocument): string {
  const { infobox, references } = article;
  const parts: string[] = [];
  if (infobox !== undefined) {
    const fields = infobox.fields.map((field) => `| ${field.label} = ${inline(field.value, references)}`);
    parts.push([`{{${infobox.template}`, ...fields, '}}'].join('\n'));
  }
  parts.push(...article.lead.map((piece) => block(piece, references)));
  for (const section of article.sections) {
    parts.push(`== ${section.heading} ==`, ...section.blocks.map((piece) => block(piece, references)));
  }
  if (references.length > 0) parts.push(`== ${article.referencesHeading} ==`, '<references />');
  if (article.categories.length > 0) parts.push(article.categories.map((name) => `[[${name}]]`).join('\n'));
  return parts.join('\n\n');
}
