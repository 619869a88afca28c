/** Tables that show how languages write money, numbers, dates and times. */
import type { Block } from './document.ts';
import { fill } from './document.ts';
import { clockOf, directionOf, nameIn, NAMING_LANGUAGES } from './facts.ts';
import type { PracticeWiki } from './wikis.ts';

const AMOUNTS = [1, 1234.5, 1_000_000];
const NUMBERS = [0, 7, 1234, 98_765.43, 1_000_000];
/** A fixed day, so that the same article is always the same. */
const SAMPLE_DAY = Date.UTC(2026, 2, 1);

/** Amounts of one currency in twelve languages. */
export function moneyTable(wiki: PracticeWiki, currency: string): Block {
  const { label } = wiki.phrases;
  const rows = NAMING_LANGUAGES.slice(0, 12).map((language) => {
    const format = new Intl.NumberFormat(language, { style: 'currency', currency });
    const written = AMOUNTS.map((amount) => [
      { kind: 'foreign' as const, language, direction: directionOf(language), text: format.format(amount) },
    ]);
    return [[nameIn(wiki.language, 'language', language)], ...written];
  });
  return { kind: 'table', head: [label.language, ...AMOUNTS.map((amount) => `${label.amount} (${amount})`)], rows };
}

/** Numbers as one language writes them. */
export function numberTable(wiki: PracticeWiki, language: string): Block {
  const { label } = wiki.phrases;
  const format = new Intl.NumberFormat(language);
  const percent = new Intl.NumberFormat(language, { style: 'percent' });
  const rows = NUMBERS.map((value) => [
    [String(value)],
    [{ kind: 'foreign' as const, language, direction: directionOf(language), text: format.format(value) }],
    [percent.format(value / 100)],
  ]);
  return { kind: 'table', head: [label.value, label.digits, '%'], rows };
}

/** The months and the days of the week in one language. */
export function calendarTable(wiki: PracticeWiki, language: string): Block {
  const { label } = wiki.phrases;
  const cell = (text: string) => [{ kind: 'foreign' as const, language, direction: directionOf(language), text }];
  const month = new Intl.DateTimeFormat(language, { month: 'long', timeZone: 'UTC' });
  const full = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeZone: 'UTC' });
  const rows = Array.from({ length: 12 }, (_, index) => {
    const first = Date.UTC(2026, index, 1);
    return [[String(index + 1)], cell(month.format(first)), cell(full.format(first))];
  });
  return { kind: 'table', head: [label.value, label.name, label.date], rows };
}

function weekday(language: string, day: number): string {
  // 1 March 2026 is a Sunday, which CLDR counts as 7.
  return new Intl.DateTimeFormat(language, { weekday: 'long', timeZone: 'UTC' }).format(SAMPLE_DAY + (day % 7) * 86_400_000);
}

/** Time zones and week of a region. */
export function clockBlocks(wiki: PracticeWiki, code: string, title: string): Block[] {
  const { label, sentence } = wiki.phrases;
  const clock = clockOf(code);
  const rows = clock.zones.map((zone) => {
    const format = new Intl.DateTimeFormat(wiki.language, { timeZone: zone, dateStyle: 'medium', timeStyle: 'long' });
    return [[zone], [format.format(SAMPLE_DAY)]];
  });
  const weekend = clock.weekend.map((day) => weekday(wiki.language, day)).join(', ');
  return [
    { kind: 'paragraph', content: fill(sentence.time, title, weekday(wiki.language, clock.firstDay)) },
    { kind: 'list', items: [[`${label.firstDay}: ${weekday(wiki.language, clock.firstDay)}`], [`${label.weekend}: ${weekend}`]] },
    { kind: 'table', head: [label.zone, label.date], rows },
  ];
}
