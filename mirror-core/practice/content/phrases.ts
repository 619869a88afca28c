/**
 * What the practice wikis say, in the words of each language. Sentences are built around names that must not be inflected,
 * so that a fact can be put into any of them; `{0}`, `{1}` are its places.
 */
export interface Phrases {
  readonly category: string;
  readonly template: string;
  readonly infobox: Readonly<Record<SubjectFamily, string>>;
  readonly lead: Readonly<
    Record<'region' | 'regionCapital' | 'regionMoney' | 'language' | 'languageOwn' | 'languageScript', string>
  > &
    Readonly<Record<'currency' | 'currencyCode' | 'continent' | 'script' | 'list' | 'note' | 'practice', string>>;
  readonly heading: Readonly<
    Record<
      'names' | 'languages' | 'time' | 'money' | 'places' | 'numbers' | 'calendar' | 'also' | 'history' | 'references',
      string
    >
  >;
  readonly label: Readonly<
    Record<
      'capital' | 'continent' | 'currency' | 'languages' | 'code' | 'phone' | 'ownName' | 'script' | 'direction' | 'symbol',
      string
    >
  > &
    Readonly<Record<'language' | 'name' | 'zone' | 'firstDay' | 'weekend' | 'amount' | 'value' | 'digits' | 'date', string>>;
  readonly direction: Readonly<Record<'ltr' | 'rtl', string>>;
  readonly sentence: Readonly<Record<'names' | 'time' | 'money' | 'numbers' | 'edit' | 'figure' | 'source' | 'member', string>>;
  readonly categoryOf: Readonly<Record<'region' | 'language' | 'currency' | 'continent' | 'script' | 'list' | 'note', string>>;
  readonly list: Readonly<Record<'regions' | 'languages' | 'currencies' | 'zones', string>>;
  readonly note: string;
  readonly comment: Readonly<Record<'edit' | 'create' | 'move' | 'delete' | 'undelete', string>>;
}

export type SubjectFamily = 'region' | 'language' | 'currency' | 'continent' | 'script' | 'list';

const en: Phrases = {
  category: 'Category',
  template: 'Template',
  infobox: {
    region: 'Infobox country',
    language: 'Infobox language',
    currency: 'Infobox currency',
    continent: 'Infobox continent',
    script: 'Infobox writing system',
    list: 'Overview',
  },
  lead: {
    region: '{0} is one of the countries and territories of {1}.',
    regionCapital: 'Its capital is {0}.',
    regionMoney: 'People there pay with {0}.',
    language: '{0} is a language.',
    languageOwn: 'Its own name for itself is {0}.',
    languageScript: 'It is usually written in the script {0}.',
    currency: '{0} is a currency.',
    currencyCode: 'In international payments it goes by the code {0}.',
    continent: '{0} is one of the large regions of the world; {1} countries and territories belong to it.',
    script: '{0} is a writing system; its code is {1}.',
    list: 'This page lists {0} entries.',
    note: 'This page collects notes about {0}.',
    practice: 'This article belongs to a made-up practice wiki: its facts come from open tables, its sentences from a program.',
  },
  heading: {
    names: 'Names in other languages',
    languages: 'Languages',
    time: 'Time',
    money: 'Money',
    places: 'Where it is used',
    numbers: 'Numbers',
    calendar: 'Calendar',
    also: 'See also',
    history: 'What happened to this page',
    references: 'References',
  },
  label: {
    capital: 'Capital',
    continent: 'Continent',
    currency: 'Currency',
    languages: 'Languages',
    code: 'Code',
    phone: 'Calling code',
    ownName: 'Own name',
    script: 'Script',
    direction: 'Direction',
    symbol: 'Symbol',
    language: 'Language',
    name: 'Name',
    zone: 'Time zone',
    firstDay: 'First day of the week',
    weekend: 'Weekend',
    amount: 'Amount',
    value: 'Value',
    digits: 'Digits',
    date: 'Date',
  },
  direction: { ltr: 'left to right', rtl: 'right to left' },
  sentence: {
    names: 'The table shows how other languages call {0}.',
    time: 'Clocks in {0} follow the time zones below; the week begins on {1}.',
    money: 'This is how amounts in {0} are written in different languages.',
    numbers: 'This is how {0} writes numbers.',
    edit: 'On {0}, {1} looked over this page; it was edit number {2}.',
    figure: 'A placeholder for a picture of {0}',
    source: 'Common Locale Data Repository, entry {0}',
    member: 'Pages in this category: {0}',
  },
  categoryOf: {
    region: 'Countries of {0}',
    language: 'Languages written in {0}',
    currency: 'Currencies',
    continent: 'Continents',
    script: 'Writing systems',
    list: 'Overviews',
    note: 'Notes',
  },
  list: {
    regions: 'Countries and territories',
    languages: 'Languages of the world',
    currencies: 'Currencies of the world',
    zones: 'Time zones of the world',
  },
  note: 'Notes about {0} ({1})',
  comment: {
    edit: 'look over the facts',
    create: 'new page',
    move: 'renamed for practice',
    delete: 'removed for practice',
    undelete: 'restored for practice',
  },
};

const de: Phrases = {
  category: 'Kategorie',
  template: 'Vorlage',
  infobox: {
    region: 'Infobox Land',
    language: 'Infobox Sprache',
    currency: 'Infobox Währung',
    continent: 'Infobox Kontinent',
    script: 'Infobox Schrift',
    list: 'Übersicht',
  },
  lead: {
    region: '{0} gehört zu den Ländern und Gebieten dieses Erdteils: {1}.',
    regionCapital: 'Die Hauptstadt heißt {0}.',
    regionMoney: 'Bezahlt wird mit dieser Währung: {0}.',
    language: '{0} ist eine Sprache.',
    languageOwn: 'Sie selbst nennt sich {0}.',
    languageScript: 'Üblich ist diese Schrift: {0}.',
    currency: '{0} ist eine Währung.',
    currencyCode: 'Im Zahlungsverkehr hat sie das Kürzel {0}.',
    continent: '{0} ist eine der großen Regionen der Welt; {1} Länder und Gebiete gehören dazu.',
    script: '{0} ist eine Schrift; ihr Kürzel lautet {1}.',
    list: 'Diese Seite führt {0} Einträge auf.',
    note: 'Diese Seite sammelt Notizen zu {0}.',
    practice:
      'Dieser Artikel gehört zu einem erfundenen Übungswiki: Die Tatsachen stammen aus offenen Tabellen, die Sätze aus einem Programm.',
  },
  heading: {
    names: 'Namen in anderen Sprachen',
    languages: 'Sprachen',
    time: 'Zeit',
    money: 'Geld',
    places: 'Verbreitung',
    numbers: 'Zahlen',
    calendar: 'Kalender',
    also: 'Siehe auch',
    history: 'Was mit dieser Seite geschah',
    references: 'Einzelnachweise',
  },
  label: {
    capital: 'Hauptstadt',
    continent: 'Erdteil',
    currency: 'Währung',
    languages: 'Sprachen',
    code: 'Kürzel',
    phone: 'Vorwahl',
    ownName: 'Eigenname',
    script: 'Schrift',
    direction: 'Schreibrichtung',
    symbol: 'Zeichen',
    language: 'Sprache',
    name: 'Name',
    zone: 'Zeitzone',
    firstDay: 'Erster Wochentag',
    weekend: 'Wochenende',
    amount: 'Betrag',
    value: 'Wert',
    digits: 'Ziffern',
    date: 'Datum',
  },
  direction: { ltr: 'von links nach rechts', rtl: 'von rechts nach links' },
  sentence: {
    names: 'Die Tabelle zeigt, wie andere Sprachen {0} nennen.',
    time: 'Die Uhren in {0} richten sich nach den folgenden Zeitzonen; die Woche beginnt mit {1}.',
    money: 'So schreiben verschiedene Sprachen Beträge in {0}.',
    numbers: 'So schreibt man Zahlen auf {0}.',
    edit: 'Am {0} sah {1} diese Seite durch; es war die Bearbeitung Nummer {2}.',
    figure: 'Platzhalter für ein Bild von {0}',
    source: 'Common Locale Data Repository, Eintrag {0}',
    member: 'Seiten in dieser Kategorie: {0}',
  },
  categoryOf: {
    region: 'Land ({0})',
    language: 'Sprache in {0}',
    currency: 'Währung',
    continent: 'Erdteil',
    script: 'Schrift',
    list: 'Übersicht',
    note: 'Notiz',
  },
  list: {
    regions: 'Länder und Gebiete',
    languages: 'Sprachen der Welt',
    currencies: 'Währungen der Welt',
    zones: 'Zeitzonen der Welt',
  },
  note: 'Notizen zu {0} ({1})',
  comment: {
    edit: 'Tatsachen durchgesehen',
    create: 'neue Seite',
    move: 'zur Übung verschoben',
    delete: 'zur Übung gelöscht',
    undelete: 'zur Übung wiederhergestellt',
  },
};

export const EUROPEAN_PHRASES = { en, de };
