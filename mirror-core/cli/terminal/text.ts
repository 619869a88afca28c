/** Text as a terminal sees it: how wide it is, and nothing in it that could take the terminal over. */
import { stripVTControlCharacters } from 'node:util';

const SEGMENTS = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** Characters that fill two columns: CJK, Hangul, kana, full-width forms, emoji. */
const WIDE =
  /^(?:\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\u3000-\u303F\uFF01-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation})/u;
const INVISIBLE = /^(?:\p{Mark}|\p{Cf}|\p{Cc})/u;

/** Columns that `text` fills. Colour codes count nothing. */
export function textWidth(text: string): number {
  let width = 0;
  for (const { segment } of SEGMENTS.segment(stripVTControlCharacters(text))) {
    if (INVISIBLE.test(segment)) continue;
    width += WIDE.test(segment) ? 2 : 1;
  }
  return width;
}

/** `text` with spaces behind it (or before it), up to `width` columns. */
export function pad(text: string, width: number, isRight = false): string {
  const spaces = ' '.repeat(Math.max(0, width - textWidth(text)));
  return isRight ? spaces + text : text + spaces;
}

/** `text` cut to `width` columns, with an ellipsis when something is missing. */
export function fit(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let cut = '';
  let used = 0;
  for (const { segment } of SEGMENTS.segment(text)) {
    const next = textWidth(segment);
    if (used + next > width - 1) break;
    cut += segment;
    used += next;
  }
  return `${cut}…`;
}

/** Text from outside (titles, messages of other services) without control characters, so that it cannot steer the terminal. */
export function harmless(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069]+/gu, ' ');
}
