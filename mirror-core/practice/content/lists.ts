/** The overview pages: one long table each, the largest records of a practice wiki. */
import { link, type Block, type Inline } from './document.ts';
import { allRegions, codesOf, directionOf, hasName, nameIn, NAMING_LANGUAGES, scriptOf, TIME_ZONES } from './facts.ts';
import { zoneTimes } from './samples.ts';
import { titleOf } from './subjects.ts';
import type { PracticeWiki } from './wikis.ts';

/** Names in a few languages besides the wiki's own make the table long and many-scripted. */
const COLUMN_LANGUAGES = NAMING_LANGUAGES.slice(0, 8);

function named(type: Intl.DisplayNamesType, code: string): Inline[][] {
  return COLUMN_LANGUAGES.map((language) => [
    hasName(language, type, code)
      ? { kind: 'foreign', language, direction: directionOf(language), text: nameIn(language, type, code) }
      : code,
  ]);
}

/** The table of an overview page: `regions`, `languages`, `currencies` or `zones`. */
export function listTable(wiki: PracticeWiki, code: string): Block {
  const { label } = wiki.phrases;
  const names = COLUMN_LANGUAGES.map((language) => nameIn(wiki.language, 'language', language));
  if (code === 'zones') {
    const rows = TIME_ZONES.map((zone) => {
      const { winter, summer } = zoneTimes(wiki.language, zone);
      return [[zone], [winter], [summer]];
    });
    return { kind: 'table', head: [label.zone, `${label.date} 1`, `${label.date} 2`], rows };
  }
  if (code === 'languages') {
    const rows = [...codesOf('language', 0)]
      .sort()
      .map((language) => [
        [link(titleOf(wiki, { family: 'language', code: language }), nameIn(wiki.language, 'language', language))],
        [language],
        [nameIn(wiki.language, 'script', scriptOf(language))],
        ...named('language', language),
      ]);
    return { kind: 'table', head: [label.language, label.code, label.script, ...names], rows };
  }
  if (code === 'currencies') {
    const rows = [...codesOf('currency', 0)]
      .sort()
      .map((currency) => [
        [link(titleOf(wiki, { family: 'currency', code: currency }), nameIn(wiki.language, 'currency', currency))],
        [currency],
        ...named('currency', currency),
      ]);
    return { kind: 'table', head: [label.currency, label.code, ...names], rows };
  }
  const rows = allRegions().map((place) => [
    [link(titleOf(wiki, { family: 'region', code: place.code }), nameIn(wiki.language, 'region', place.code))],
    [place.code],
    [place.capital],
    ...named('region', place.code),
  ]);
  return { kind: 'table', head: [label.name, label.code, label.capital, ...names], rows };
}
