/** Facts the articles are made of: Node's own locale data (CLDR) and the countries-list tables. Everything is looked up once and kept. */
import { continents, countries, type ICountry } from 'countries-list';
import { randomFor } from '../random.ts';
import type { SubjectFamily } from './phrases.ts';
import { remember } from './remember.ts';

/** Continents of countries-list, by the region code CLDR has names for. */
const CONTINENT_REGIONS: Readonly<Record<keyof typeof continents, string>> = {
  AF: '002',
  AN: 'AQ',
  AS: '142',
  EU: '150',
  NA: '003',
  OC: '009',
  SA: '005',
};

/** Languages every article is named in, in the order of the tables: many scripts, both directions. */
export const NAMING_LANGUAGES = (
  'en de ar ja fr es ru zh hi he pt it ko tr fa uk pl nl sv el th vi bn ta te ur id ms sw am ka hy km lo my ne si ' +
  'gu kn ml mr pa bg sr ro hu cs sk sl hr da nb fi et lv lt is ga cy eu ca gl sq mk az kk ky uz mn zu af yo ha ig so ps'
).split(' ');

const FIRST: Readonly<Record<'region' | 'language' | 'currency' | 'script', readonly string[]>> = {
  region: 'JP DE EG US FR BR IN CN NG SA GB MX KE IL GR TH'.split(' '),
  language: 'en de ar ja fr es hi he ru zh sw el'.split(' '),
  currency: 'EUR USD JPY GBP CHF EGP'.split(' '),
  script: 'Latn Arab Jpan Cyrl Hebr Deva Grek Hang'.split(' '),
};

const SCRIPTS = (
  'Latn Arab Jpan Cyrl Hebr Deva Grek Hang Armn Beng Ethi Geor Gujr Guru Hans Hant Hira Kana Khmr Knda Laoo Mlym Mong Mymr ' +
  'Orya Sinh Taml Telu Thaa Thai Tibt Cher Cans Tfng Nkoo'
).split(' ');

const LANGUAGES = (
  'aa ab af ak am ar as ay az ba be bg bm bn bo br bs ca ce cs cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn ' +
  'gu gv ha he hi hr ht hu hy id ig is it iu ja jv ka ki kk kl km kn ko ks ku kw ky lb lg ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn ' +
  'nso ny oc om or os pa pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tn to tr ts tt ' +
  'ug uk ur uz ve vi wo xh yi yo zh zu'
).split(' ');

const nameTables = new Map<string, Intl.DisplayNames>();

/** What `language` calls this region, language, currency or script; the bare code when it has no word for it. */
export function nameIn(language: string, type: Intl.DisplayNamesType, code: string): string {
  const key = `${type}/${language}`;
  let table = nameTables.get(key);
  if (table === undefined) {
    table = new Intl.DisplayNames([language], { type });
    nameTables.set(key, table);
  }
  return table.of(code) ?? code;
}

/** Whether `language` has a word of its own, and not only the code. */
export function hasName(language: string, type: Intl.DisplayNamesType, code: string): boolean {
  return nameIn(language, type, code) !== code;
}

export interface RegionFacts {
  readonly code: string;
  readonly continent: string;
  readonly capital: string;
  readonly currencies: readonly string[];
  readonly languages: readonly string[];
  readonly native: string;
  readonly phone: string;
}

function toRegion(code: string, country: ICountry): RegionFacts {
  return {
    code,
    continent: CONTINENT_REGIONS[country.continent],
    capital: country.capital,
    currencies: country.currency,
    languages: country.languages,
    native: country.native,
    phone: country.phone.map((number) => `+${number}`).join(', '),
  };
}

const REGIONS: ReadonlyMap<string, RegionFacts> = new Map(
  Object.entries(countries)
    .filter(([code]) => code !== 'AQ')
    .map(([code, country]) => [code, toRegion(code, country)]),
);
const CURRENCIES = [...new Set([...REGIONS.values()].flatMap((region) => region.currencies))].filter((code) =>
  Intl.supportedValuesOf('currency').includes(code),
);
export const TIME_ZONES = Intl.supportedValuesOf('timeZone');
export const CONTINENTS: readonly string[] = Object.values(CONTINENT_REGIONS);

export function region(code: string): RegionFacts | undefined {
  return REGIONS.get(code);
}
export function allRegions(): RegionFacts[] {
  return [...REGIONS.values()];
}
export function regionsOf(continent: string): RegionFacts[] {
  return allRegions().filter((candidate) => candidate.continent === continent);
}
export function regionsSpeaking(language: string): RegionFacts[] {
  return allRegions().filter((candidate) => candidate.languages.includes(language));
}
export function regionsPaying(currency: string): RegionFacts[] {
  return allRegions().filter((candidate) => candidate.currencies.includes(currency));
}
/** The script a language is most often written in. */
export const scriptOf: (language: string) => string = remember(
  (language: string) => new Intl.Locale(language).maximize().script ?? 'Latn',
);
export function directionOf(language: string): 'ltr' | 'rtl' {
  return ['Arab', 'Hebr', 'Thaa', 'Nkoo'].includes(scriptOf(language)) ? 'rtl' : 'ltr';
}

const CODES: Readonly<Record<SubjectFamily, readonly string[]>> = {
  region: [...REGIONS.keys()],
  language: LANGUAGES,
  currency: CURRENCIES,
  continent: CONTINENTS,
  script: SCRIPTS,
  list: ['regions', 'languages', 'currencies', 'zones'],
};

/** All codes of a family, the well-known ones first and the others in an order that comes from the seed. */
export function codesOf(family: SubjectFamily, seed: number): readonly string[] {
  if (family === 'continent' || family === 'list') return CODES[family];
  const first = FIRST[family];
  const random = randomFor(seed, family);
  const rest = CODES[family]
    .filter((code) => !first.includes(code))
    .map((code) => ({ code, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank);
  return [...first, ...rest.map((entry) => entry.code)];
}

export interface Clock {
  readonly zones: readonly string[];
  /** 1 is Monday, 7 Sunday, as in `weekend`. */
  readonly firstDay: number;
  readonly weekend: readonly number[];
}

/** Week rules and time zones CLDR has for a region. */
export const clockOf: (code: string) => Clock = remember((code: string) => {
  // Newer than the type library: both exist in Node 24 (ECMA-402 Locale Info).
  const locale = new Intl.Locale(`und-${code}`) as Intl.Locale & {
    getTimeZones(): string[] | undefined;
    getWeekInfo(): { firstDay: number; weekend: number[] };
  };
  const week = locale.getWeekInfo();
  return { zones: locale.getTimeZones() ?? [], firstDay: week.firstDay, weekend: week.weekend };
});
