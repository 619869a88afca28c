/** From a request's URL to the titles to look for (contract §5.1). */
import { MirrorError } from '../contracts/errors.ts';
import { titleKey, type TitleKey } from '../contracts/identifiers.ts';

/**
 * The article name in `rawPath` after `prefix`, percent-decoded once: slashes belong to the name whether encoded or not, `+` is a plus.
 * @returns `undefined` for an empty name, and for bytes that are no UTF-8 and so no title
 * @throws MirrorError USAGE when a percent sign is not followed by two hexadecimal digits
 */
export function nameFromPath(rawPath: string, prefix: string): string | undefined {
  const encoded = rawPath.slice(prefix.length);
  if (encoded === '') return undefined;
  if (/%(?![0-9A-Fa-f]{2})/.test(encoded)) {
    throw new MirrorError('USAGE', 'The name contains a percent sign that is not part of an escape; write a literal % as %25.');
  }
  try {
    return decodeURIComponent(encoded);
  } catch {
    // Bytes that are not UTF-8: no title is spelled so, which is an ordinary "not found".
    return undefined;
  }
}

/** Wikis, besides the wiktionaries, whose titles keep a small first letter (MediaWiki's `$wgCapitalLinks`). */
const SMALL_LETTER_WIKIS: ReadonlySet<string> = new Set(['jbowiki']);

export function keepsFirstLetter(project: string, code: string | undefined): boolean {
  return code === 'wiktionary' || project.endsWith('wiktionary') || SMALL_LETTER_WIKIS.has(project);
}

function capitalised(text: string): string {
  const first = text.codePointAt(0);
  if (first === undefined) return text;
  const letter = String.fromCodePoint(first);
  // Georgian has capitals that are never used at the start of a word; MediaWiki leaves those letters alone.
  if (first >= 0x10d0 && first <= 0x10ff) return text;
  const upper = letter.toUpperCase();
  const isOneLetter = upper.length === String.fromCodePoint(upper.codePointAt(0) ?? first).length;
  return isOneLetter ? upper + text.slice(letter.length) : text;
}

/**
 * The title as MediaWiki would spell it: composed (NFC), runs of spaces and underscores as one, none at the ends, and the
 * first letter capital unless the wiki keeps small ones; in other namespaces than 0 the letter after the prefix too.
 */
export function normalisedTitle(
  name: string,
  where: { readonly namespaceId: number; readonly keepsFirstLetter: boolean },
): TitleKey {
  const plain = name.normalize('NFC').replace(/[ _]+/g, '_').replace(/^_|_$/g, '');
  const colon = where.namespaceId === 0 ? -1 : plain.indexOf(':');
  if (colon === -1) return titleKey(where.keepsFirstLetter ? plain : capitalised(plain));
  const rest = plain.slice(colon + 1).replace(/^_/, '');
  const prefix = capitalised(plain.slice(0, colon).replace(/_$/, ''));
  return titleKey(`${prefix}:${where.keepsFirstLetter ? rest : capitalised(rest)}`);
}
