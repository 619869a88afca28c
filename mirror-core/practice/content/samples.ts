/** Tables that show how languages write money, numbers, dates and times. */
import type { Block } from './document.ts';
import { fill } from './document.ts';
import { clockOf, directionOf, nameIn, NAMING_LANGUAGES } from './facts.ts';
import { remember } from './remember.ts';
import type { PracticeWiki } from './wikis.ts';

const AMOUNTS = [1, 1234.5, 1_000_000];
const NUMBERS = [0, 7, 1234, 98_765.43, 1_000_000];
/** A fixed day, so that the same article is always the same. */
const SAMPLE_DAY = Date.UTC(2026, 2, 1);

const writtenAmounts = remember((language: string, currency: string) => {
  const format = new Intl.NumberFormat(language, { style: 'currency', currency });
  return AMOUNTS.map((amount) => format.format(amount));
});
const writtenNumbers = remember((language: string) => {
  const format = new Intl.NumberFormat(language);
  const percent = new Intl.NumberFormat(language, { style: 'percent' });
  return NUMBERS.map((value) => ({ value, digits: format.format(value), percent: percent.format(value / 100) }));
});
const months = remember((language: string) => {
  const month = new Intl.DateTimeFormat(language, { month: 'long', timeZone: 'UTC' });
  const full = new Intl.DateTimeFormat(language, { dateStyle: 'full', timeZone: 'UTC' });
  return Array.from({ length: 12 }, (_, index) => {
    const first = Date.UTC(2026, index, 1);
    return { number: String(index + 1), name: month.format(first), date: full.format(first) };
  });
});
const weekday = remember((language: string, day: number) =>
  // 1 March 2026 is a Sunday, which CLDR counts as 7.
  new Intl.DateTimeFormat(language, { weekday: 'long', timeZone: 'UTC' }).format(SAMPLE_DAY + (day % 7) * 86_400_000),
);

/** What the clocks of a time zone show on the first of March and of July 2026, midnight UTC. */
export const zoneTimes = remember((language: string, zone: string) => {
  const format = new Intl.DateTimeFormat(language, { timeZone: zone, timeStyle: 'long', dateStyle: 'medium' });
  return { winter: format.format(SAMPLE_DAY), summer: format.format(Date.UTC(2026, 6, 1)) };
});

/** The sign of a currency in a language; its code when it has none. */
export const currencySymbol = remember((language: string, currency: string) => {
  const format = new Intl.NumberFormat(language, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' });
  return format.formatToParts(1).find((part) => part.type === 'currency')?.value ?? currency;
});

/** Amounts of one currency in twelve languages. */
export function moneyTable(wiki: PracticeWiki, currency: string): Block {
  const { label } = wiki.phrases;
  const rows = NAMING_LANGUAGES.slice(0, 12).map((language) => {
    const written = writtenAmounts(language, currency).map((text) => [
      { kind: 'foreign' as const, language, direction: directionOf(language), text },
    ]);
    return [[nameIn(wiki.language, 'language', language)], ...written];
  });
  return { kind: 'table', head: [label.language, ...AMOUNTS.map((amount) => `${label.amount} (${amount})`)], rows };
}

/** Numbers as one language writes them. */
export function numberTable(wiki: PracticeWiki, language: string): Block {
  const { label } = wiki.phrases;
  const rows = writtenNumbers(language).map(({ value, digits, percent }) => [
    [String(value)],
    [{ kind: 'foreign' as const, language, direction: directionOf(language), text: digits }],
    [percent],
  ]);
  return { kind: 'table', head: [label.value, label.digits, '%'], rows };
}

/** The months and the days of the week in one language. */
export function calendarTable(wiki: PracticeWiki, language: string): Block {
  const { label } = wiki.phrases;
  const cell = (text: string) => [{ kind: 'foreign' as const, language, direction: directionOf(language), text }];
  const rows = months(language).map(({ number, name, date }) => [[number], cell(name), cell(date)]);
  return { kind: 'table', head: [label.value, label.name, label.date], rows };
}

/** Time zones and week of a region. */
export function clockBlocks(wiki: PracticeWiki, code: string, title: string): Block[] {
  const { label, sentence } = wiki.phrases;
  const clock = clockOf(code);
  const rows = clock.zones.map((zone) => [[zone], [zoneTimes(wiki.language, zone).winter]]);
  const weekend = clock.weekend.map((day) => weekday(wiki.language, day)).join(', ');
  return [
    { kind: 'paragraph', content: fill(sentence.time, title, weekday(wiki.language, clock.firstDay)) },
    { kind: 'list', items: [[`${label.firstDay}: ${weekday(wiki.language, clock.firstDay)}`], [`${label.weekend}: ${weekend}`]] },
    { kind: 'table', head: [label.zone, label.date], rows },
  ];
}
