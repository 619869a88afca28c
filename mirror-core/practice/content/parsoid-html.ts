/** Writes an article as a full HTML document in the manner of Parsoid: sections, transclusions, footnotes, relative links. */
import type { ArticleDocument, Block, Inline } from './document.ts';

export interface HtmlFrame {
  readonly wikiUrl: string;
  readonly pageId: number;
  readonly namespaceId: number;
  readonly revision: number;
  readonly previousRevision: number | undefined;
  /** RFC 3339. */
  readonly modified: string;
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', '&quot;');
}

/** A relative link target: spaces become underscores, what would end a path is encoded. */
function href(title: string): string {
  return `./${escapeAttribute(title.replaceAll(' ', '_').replaceAll('%', '%25').replaceAll('?', '%3F').replaceAll('#', '%23'))}`;
}

/** A drawing inside the page itself, so that reading an article never asks another machine for anything. */
function placeholder(hue: number, label: string): string {
  const svg =
    `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 220 140'><rect width='220' height='140' fill='hsl(${hue} 45% 82%)'/>` +
    `<path d='M0 110 L60 60 L110 100 L160 45 L220 105 V140 H0Z' fill='hsl(${(hue + 40) % 360} 40% 55%)'/>` +
    `<circle cx='${30 + (hue % 150)}' cy='34' r='16' fill='hsl(${(hue + 180) % 360} 60% 65%)'/></svg>`;
  return (
    `<img alt="${escapeAttribute(label)}" src="data:image/svg+xml,${encodeURIComponent(svg)}" height="140" width="220" ` +
    `class="mw-file-element"/>`
  );
}

/** Renders one article; keeps the element ids and counts how often each footnote was cited. */
class HtmlWriter {
  readonly #article: ArticleDocument;
  #nextId = 2;
  readonly #citations = new Map<number, number>();

  constructor(article: ArticleDocument) {
    this.#article = article;
  }

  /** Parsoid numbers its elements; the numbers are short texts in a base of their own, here plainly counted. */
  #id(): string {
    this.#nextId += 1;
    return `mw${this.#nextId.toString(36).padStart(3, '0')}`;
  }

  inline(content: readonly Inline[]): string {
    return content
      .map((piece) => {
        if (typeof piece === 'string') return escapeText(piece);
        if (piece.kind === 'bold') return `<b id="${this.#id()}">${escapeText(piece.text)}</b>`;
        if (piece.kind === 'foreign') {
          return `<span lang="${piece.language}" dir="${piece.direction}">${escapeText(piece.text)}</span>`;
        }
        if (piece.kind === 'cite') return this.#cite(piece.index);
        const title = escapeAttribute(piece.target);
        return `<a rel="mw:WikiLink" href="${href(piece.target)}" title="${title}" id="${this.#id()}">${escapeText(piece.text)}</a>`;
      })
      .join('');
  }

  #cite(index: number): string {
    const use = this.#citations.get(index) ?? 0;
    this.#citations.set(index, use + 1);
    const name = `source-${index + 1}`;
    return (
      `<sup about="#mwt${index + 10}" class="mw-ref reference" id="cite_ref-${name}_${index + 1}-${use}" rel="dc:references" ` +
      `typeof="mw:Extension/ref"><a href="./${escapeAttribute(this.#article.title.replaceAll(' ', '_'))}#cite_note-${name}-${index + 1}">` +
      `<span class="mw-reflink-text">[${index + 1}]</span></a></sup>`
    );
  }

  block(piece: Block): string {
    switch (piece.kind) {
      case 'paragraph':
        return `<p id="${this.#id()}">${this.inline(piece.content)}</p>`;
      case 'list': {
        const items = piece.items.map((item) => `<li id="${this.#id()}">${this.inline(item)}</li>`);
        return `<ul id="${this.#id()}">${items.join('\n')}</ul>`;
      }
      case 'figure':
        return (
          `<figure class="mw-default-size" typeof="mw:File/Thumb" id="${this.#id()}"><span>${placeholder(piece.hue, piece.caption)}` +
          `</span><figcaption>${escapeText(piece.caption)}</figcaption></figure>`
        );
      case 'table': {
        const head = piece.head.map((cell) => `<th scope="col">${escapeText(cell)}</th>`).join('');
        const rows = piece.rows.map(
          (row) => `<tr id="${this.#id()}">${row.map((cell) => `<td>${this.inline(cell)}</td>`).join('')}</tr>`,
        );
        return `<table class="wikitable sortable" id="${this.#id()}">\n<tbody><tr>${head}</tr>\n${rows.join('\n')}\n</tbody></table>`;
      }
    }
  }

  infobox(): string {
    const { infobox, title } = this.#article;
    if (infobox === undefined) return '';
    const parameters = Object.fromEntries(infobox.fields.map((field) => [field.label, { wt: this.#wikitextOf(field.value) }]));
    const target = { wt: infobox.template, href: `./Template:${infobox.template.replaceAll(' ', '_')}` };
    const dataMw = JSON.stringify({ parts: [{ template: { target, params: parameters, i: 0 } }] });
    const rows = infobox.fields.map(
      (field) =>
        `<tr><th scope="row" class="infobox-label">${escapeText(field.label)}</th><td class="infobox-data">${this.inline(field.value)}</td></tr>`,
    );
    return (
      `<table class="infobox vcard" about="#mwt1" typeof="mw:Transclusion" data-mw="${escapeAttribute(dataMw)}" id="mwAw"><tbody>` +
      `<tr><th colspan="2" class="infobox-above fn">${escapeText(title)}</th></tr>\n${rows.join('\n')}\n</tbody></table>`
    );
  }

  #wikitextOf(content: readonly Inline[]): string {
    return content.map((piece) => (typeof piece === 'string' ? piece : 'text' in piece ? piece.text : '')).join('');
  }

  references(): string {
    const items = this.#article.references.map((text, index) => {
      const name = `source-${index + 1}`;
      const back = Array.from({ length: this.#citations.get(index) ?? 0 }, (_, use) => {
        const anchor = `./${escapeAttribute(this.#article.title.replaceAll(' ', '_'))}#cite_ref-${name}_${index + 1}-${use}`;
        return `<a href="${anchor}"><span class="mw-linkback-text">↑ </span></a>`;
      });
      return (
        `<li about="#cite_note-${name}-${index + 1}" id="cite_note-${name}-${index + 1}"><span rel="mw:referencedBy">${back.join('')}</span> ` +
        `<span id="mw-reference-text-cite_note-${name}-${index + 1}" class="mw-reference-text reference-text">${escapeText(text)}</span></li>`
      );
    });
    return (
      `<div class="mw-references-wrap" typeof="mw:Extension/references" about="#mwt2"><ol class="mw-references references">` +
      `${items.join('\n')}</ol></div>`
    );
  }
}

function headOf(article: ArticleDocument, frame: HtmlFrame): string {
  const redirect = `${frame.wikiUrl}/wiki/Special:Redirect`;
  const replaces =
    frame.previousRevision === undefined ? '' : `<link rel="dc:replaces" resource="mwr:revision/${frame.previousRevision}"/>`;
  return (
    `<!DOCTYPE html>\n<html prefix="dc: http://purl.org/dc/terms/ mw: http://mediawiki.org/rdf/" about="${redirect}/revision/${frame.revision}">` +
    `<head prefix="mwr: ${redirect}/"><meta charset="utf-8"/><meta property="mw:pageId" content="${frame.pageId}"/>` +
    `<meta property="mw:pageNamespace" content="${frame.namespaceId}"/>${replaces}` +
    `<meta property="dc:modified" content="${frame.modified.replace('Z', '.000Z')}"/><meta property="mw:html:version" content="2.8.0"/>` +
    `<link rel="dc:isVersionOf" href="${frame.wikiUrl}/wiki/${encodeURIComponent(article.title.replaceAll(' ', '_'))}"/>` +
    `<title>${escapeText(article.title)}</title><base href="${frame.wikiUrl}/wiki/"/>` +
    `<meta http-equiv="content-language" content="${article.language}"/></head>`
  );
}

/** The HTML of `article` as upstream delivers it in `article_body.html`. */
export function toParsoidHtml(article: ArticleDocument, frame: HtmlFrame): string {
  const writer = new HtmlWriter(article);
  const { direction } = article;
  const sections = [
    `<section data-mw-section-id="0" id="mwAQ">${writer.infobox()}\n${article.lead.map((piece) => writer.block(piece)).join('\n')}</section>`,
  ];
  const numbered = article.sections.map((section) => ({
    heading: section.heading,
    content: section.blocks.map((piece) => writer.block(piece)).join('\n'),
  }));
  if (article.references.length > 0) numbered.push({ heading: article.referencesHeading, content: writer.references() });
  for (const [index, section] of numbered.entries()) {
    const anchor = escapeAttribute(section.heading.replaceAll(' ', '_'));
    sections.push(
      `<section data-mw-section-id="${index + 1}"><h2 id="${anchor}">${escapeText(section.heading)}</h2>\n${section.content}</section>`,
    );
  }
  const categories = article.categories.map((name) => `<link rel="mw:PageProp/Category" href="${href(name)}"/>`);
  return (
    `${headOf(article, frame)}<body lang="${article.language}" class="mw-content-${direction} sitedir-${direction} ${direction} ` +
    `mw-body-content parsoid-body mediawiki mw-parser-output" dir="${direction}">${sections.join('')}${categories.join('')}</body></html>`
  );
}
