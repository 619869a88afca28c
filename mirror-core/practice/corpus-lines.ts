/** Lines of a corpus: made-up article records of planned, exact lengths, put together from prepared pieces of text. */
import { createHash } from 'node:crypto';
import { parseDatasetId } from '../contracts/identifiers.ts';
import { MirrorError } from '../contracts/errors.ts';
import { MAX_RECORD_BYTES } from '../contracts/limits.ts';
import { NAMING_LANGUAGES, nameIn } from './content/facts.ts';
import { wholeSeconds } from './genesis.ts';
import { always, goStringify, leaveOut } from './go-json.ts';
import { createRandom, hash32, randomFor, type Random } from './random.ts';

export interface CorpusShape {
  /** Default 1. */
  readonly seed?: number;
  /** Bytes of NDJSON, about: the corpus ends with the line that reaches them. */
  readonly rawBytes: number;
  /** Such as `practicebigwiki_namespace_0`; any well-formed dataset id. */
  readonly dataset: string;
  /** Lines of exactly 20 MiB, the longest upstream lets through, spread evenly; default 0. */
  readonly hugeLines?: number;
}

/** Measured on real snapshots: half of the lines are shorter than 21 KB, the mean is 62 KB; a log-normal distribution has both. */
const MEDIAN_BYTES = 21_000;
const SIGMA = Math.sqrt(2 * Math.log(62 / 21));
const SHORTEST_BYTES = 4_000;
const LONGEST_BYTES = 6_000_000;
/** Of the text of a record. */
const HTML_SHARE = 0.72;
/** All times of a corpus hang on this one, so that the same options give the same bytes. */
const EPOCH_MS = Date.UTC(2026, 0, 15);

function gaussian(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Lengths of all lines in bytes, without their line ends, in order. */
export function* lineLengths(shape: CorpusShape): Generator<number> {
  const random = randomFor(shape.seed ?? 1, 'lengths');
  const huge = shape.hugeLines ?? 0;
  let written = 0;
  let hugeWritten = 0;
  while (written < shape.rawBytes || hugeWritten < huge) {
    const isHuge = hugeWritten < huge && written >= (shape.rawBytes * (hugeWritten + 0.5)) / huge - MAX_RECORD_BYTES;
    const ordinary = Math.round(MEDIAN_BYTES * Math.exp(SIGMA * gaussian(random)));
    const length = isHuge ? MAX_RECORD_BYTES : Math.min(LONGEST_BYTES, Math.max(SHORTEST_BYTES, ordinary));
    if (isHuge) hugeWritten += 1;
    written += length + 1;
    yield length;
  }
}

/** The title of line `index`, with spaces. */
export function corpusTitle(seed: number, index: number): string {
  const word = (salt: number) => WORDS[hash32(`${seed}/${index}/${salt}`) % WORDS.length] ?? 'Word';
  const first = word(1);
  return `${first.charAt(0).toUpperCase()}${first.slice(1)} ${word(2)} ${index}`;
}

const SYLLABLES = 'ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu za bre cli dro fla gri pla ste tru'.split(' ');

const WORDS: readonly string[] = (() => {
  const random = createRandom(7);
  return Array.from({ length: 6000 }, () => Array.from({ length: 1 + random.below(4) }, () => random.pick(SYLLABLES)).join(''));
})();

/** Real names in many scripts, so that characters of several bytes lie on every kind of border. */
const NAMES: readonly string[] = NAMING_LANGUAGES.flatMap((language) =>
  ['JP', 'EG', 'DE', 'BR', 'IN', 'GR'].map((code) => nameIn(language, 'region', code)),
);

interface Vocabulary {
  /** Pieces of HTML and of wikitext as they stand inside a JSON text: escaped, UTF-8. */
  readonly html: readonly Buffer[];
  readonly wikitext: readonly Buffer[];
  /** Letters and spaces only: may be cut anywhere. */
  readonly padding: Buffer;
}

function inJson(text: string): Buffer {
  return Buffer.from(goStringify(text).slice(1, -1), 'utf8');
}

/** Words as language has them: a few are common, most are rare. */
function prose(random: Random, count: number): string[] {
  return Array.from({ length: count }, () => WORDS[Math.floor(WORDS.length * random.next() ** 3)] ?? 'word');
}

function htmlPiece(random: Random, index: number): string {
  const id = () => `mw${random.below(46_000).toString(36)}`;
  const parts = prose(random, 8 + random.below(50)).map((word) => {
    if (random.chance(0.12)) return `<a rel="mw:WikiLink" href="./${word}" title="${word}" id="${id()}">${word}</a>`;
    if (random.chance(0.02)) return `<span lang="mul" dir="auto">${random.pick(NAMES)}</span>`;
    if (random.chance(0.03)) {
      const note = `cite_ref-${word}_${index}-0`;
      return `<sup about="#mwt${random.below(400)}" class="mw-ref reference" id="${note}" rel="dc:references" typeof="mw:Extension/ref"><a href="#cite_note-${word}-${index}"><span class="mw-reflink-text">[${random.below(90)}]</span></a></sup>`;
    }
    return word;
  });
  if (random.chance(0.25)) {
    const cells = parts.map((cell) => `<td class="infobox-data" id="${id()}">${cell}</td>`);
    return `<table class="wikitable sortable" id="${id()}">\n<tbody><tr>${cells.join('')}</tr>\n</tbody></table>\n`;
  }
  return `<p id="${id()}">${parts.join(' ')}.</p>\n`;
}

function wikitextPiece(random: Random): string {
  const parts = prose(random, 8 + random.below(50)).map((word) => {
    if (random.chance(0.12)) return `[[${word}]]`;
    if (random.chance(0.02)) return `{{lang|mul|${random.pick(NAMES)}}}`;
    return random.chance(0.03) ? `<ref name="${word}">{{cite web|url=https://${word}.example/|title=${word}}}</ref>` : word;
  });
  return `${parts.join(' ')}.\n\n`;
}

function makeVocabulary(seed: number): Vocabulary {
  const random = randomFor(seed, 'vocabulary');
  return {
    html: Array.from({ length: 6000 }, (_, index) => inJson(htmlPiece(random, index))),
    wikitext: Array.from({ length: 3000 }, () => inJson(wikitextPiece(random))),
    padding: Buffer.from(prose(random, 4000).join(' ').padEnd(16_384, 'a')),
  };
}

/** Makes the lines of one corpus. */
export class CorpusLines {
  readonly #shape: CorpusShape;
  readonly #seed: number;
  readonly #project: string;
  readonly #namespaceId: number;
  readonly #vocabulary: Vocabulary;

  /** @throws MirrorError `INVALID_INPUT` when `dataset` is not a dataset id */
  constructor(shape: CorpusShape) {
    const dataset = parseDatasetId(shape.dataset);
    if (dataset === undefined)
      throw new MirrorError('INVALID_INPUT', `${shape.dataset} is not a dataset id such as practicebigwiki_namespace_0.`);
    this.#shape = shape;
    this.#seed = shape.seed ?? 1;
    this.#project = dataset.project;
    this.#namespaceId = dataset.namespaceId;
    this.#vocabulary = makeVocabulary(this.#seed);
  }

  /** Everything of a record but the two texts: what stands before them, and what stands after. */
  #frame(index: number): { readonly head: Buffer; readonly tail: Buffer } {
    const title = corpusTitle(this.#seed, index);
    const host = `https://${this.#project}.practicewiki.example`;
    const url = `${host}/wiki/${encodeURIComponent(title.replaceAll(' ', '_'))}`;
    const publishedMs = EPOCH_MS + (index % 86_400) * 1000;
    const revision = 1_000_000 + index * 7;
    const entity = `Q${9_000_000_000 + index}`;
    const head = goStringify(
      leaveOut({
        name: title,
        identifier: 100 + index,
        abstract: `${title} is an article of a made-up corpus.`,
        date_created: wholeSeconds(EPOCH_MS - (index % 3000) * 86_400_000),
        date_modified: wholeSeconds(publishedMs - 5000),
        version: {
          identifier: revision,
          comment: 'made for measuring',
          editor: { identifier: 10_004, name: 'PracticeBot', edit_count: 310_553, groups: ['*', 'user', 'bot'], is_bot: true },
        },
        previous_version: { identifier: revision - 3 },
        url,
        namespace: { identifier: always(this.#namespaceId) },
        in_language: { identifier: 'en' },
        main_entity: { identifier: entity, url: `https://entities.practicewiki.example/entity/${entity}` },
        categories: [{ name: 'Category:Corpus', url: `${host}/wiki/Category:Corpus` }],
        redirects: index % 5 === 0 ? [{ name: `${title} (corpus)`, url: `${url}_(corpus)` }] : [],
        is_part_of: { identifier: this.#project, url: host },
      }),
    );
    const identifier = createHash('md5').update(`${this.#seed}/${index}`).digest('hex');
    const tail = goStringify({
      license: [
        {
          name: 'Creative Commons Attribution-ShareAlike License 4.0',
          identifier: 'CC-BY-SA-4.0',
          url: 'https://creativecommons.org/licenses/by-sa/4.0/',
        },
      ],
      event: {
        identifier: `${identifier.slice(0, 8)}-${identifier.slice(8, 12)}-4${identifier.slice(13, 16)}-8${identifier.slice(17, 20)}-${identifier.slice(20)}`,
        type: 'update',
        date_created: `${new Date(publishedMs - 900).toISOString().slice(0, 23)}204Z`,
        date_published: `${new Date(publishedMs).toISOString().slice(0, 23)}717Z`,
      },
    });
    return {
      head: Buffer.from(`${head.slice(0, -1)},"article_body":{"html":"`),
      tail: Buffer.from(`"},${tail.slice(1)}`),
    };
  }

  /** Writes line `index`, `length` bytes and a line end, into `target` at `offset`; returns where it ends. */
  write(index: number, length: number, target: Buffer, offset: number): number {
    const { head, tail } = this.#frame(index);
    const between = Buffer.from('","wikitext":"');
    const end = offset + length;
    const random = randomFor(this.#seed, 'text', index);
    let at = offset + head.copy(target, offset);
    const text = length - head.length - between.length - tail.length;
    at = this.#fill(this.#vocabulary.html, random, target, at, at + Math.floor(text * HTML_SHARE));
    at += between.copy(target, at);
    at = this.#fill(this.#vocabulary.wikitext, random, target, at, end - tail.length);
    at += tail.copy(target, at);
    target[at] = 10;
    return at + 1;
  }

  #fill(pieces: readonly Buffer[], random: Random, target: Buffer, from: number, until: number): number {
    let at = from;
    for (;;) {
      const piece = random.pick(pieces);
      if (at + piece.length > until) break;
      at += piece.copy(target, at);
    }
    while (at < until) at += this.#vocabulary.padding.copy(target, at, 0, Math.min(this.#vocabulary.padding.length, until - at));
    return at;
  }

  /**
   * The lines from `firstIndex` on, gathered into buffers of about 1 MiB (a longer line alone). Each buffer belongs to
   * the receiver.
   */
  *buffers(lengths: readonly number[], firstIndex: number): Generator<Buffer> {
    const gatherBytes = 1024 * 1024;
    let start = 0;
    while (start < lengths.length) {
      let end = start;
      let size = 0;
      while (end < lengths.length && (size === 0 || size + (lengths[end] ?? 0) < gatherBytes)) {
        size += (lengths[end] ?? 0) + 1;
        end += 1;
      }
      const buffer = Buffer.allocUnsafe(size);
      let at = 0;
      for (let line = start; line < end; line += 1) at = this.write(firstIndex + line, lengths[line] ?? 0, buffer, at);
      yield buffer;
      start = end;
    }
  }

  get shape(): CorpusShape {
    return this.#shape;
  }
}
