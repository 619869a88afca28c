/** The people and programs of the practice wikis. None of them exists. */
import { always, type Draft } from './go-json.ts';

interface Editor {
  readonly name: string;
  readonly editCount: number;
  readonly groups: readonly string[];
  readonly started: string;
  readonly isBot?: boolean;
  readonly isAdmin?: boolean;
  readonly isAnonymous?: boolean;
}

const USER = ['*', 'user', 'autoconfirmed'];

const EDITORS: readonly Editor[] = [
  { name: 'Ada of Practice', editCount: 18_204, groups: [...USER, 'extendedconfirmed'], started: '2009-03-14T08:15:09Z' },
  { name: 'Übungsleiter', editCount: 5_120, groups: [...USER, 'editor'], started: '2012-11-02T17:40:51Z' },
  { name: '練習生', editCount: 941, groups: USER, started: '2018-06-21T03:22:10Z' },
  { name: 'متدرب', editCount: 2_377, groups: USER, started: '2016-01-30T11:05:44Z' },
  { name: 'PracticeBot', editCount: 310_553, groups: [...USER, 'bot'], started: '2011-08-08T00:00:12Z', isBot: true },
  { name: 'Careful & <Curious>', editCount: 77, groups: USER, started: '2023-09-19T20:31:27Z' },
  { name: 'Practice Steward', editCount: 44_018, groups: [...USER, 'sysop'], started: '2007-05-05T05:05:05Z', isAdmin: true },
  { name: '~2026-31847-2', editCount: 0, groups: ['*'], started: '', isAnonymous: true },
];

export const EDITOR_COUNT = EDITORS.length;
/** Who deletes, moves and hides. */
export const STEWARD = 6;

function editor(index: number): Editor {
  const found = EDITORS[index % EDITORS.length];
  if (found === undefined) throw new RangeError(`there is no practice editor ${index}`);
  return found;
}

export function editorName(index: number): string {
  return editor(index).name;
}

/** `version.editor` of a full record; of a page imported in bulk only the first two members. */
export function editorDraft(index: number, isBulk: boolean): Draft {
  const person = editor(index);
  const identifier = person.isAnonymous === true ? 0 : 10_000 + (index % EDITORS.length);
  if (isBulk) return { identifier, name: person.name };
  return {
    identifier,
    name: person.name,
    edit_count: person.editCount,
    groups: person.groups,
    is_bot: person.isBot,
    is_anonymous: person.isAnonymous,
    is_admin: person.isAdmin,
    has_advanced_rights: person.isAdmin,
    date_started: person.started,
  };
}

/** `version.editor` of a delete or visibility-change: whoever did that; nobody's start is Go's zero time (article-schema §2). */
export function performerDraft(index: number): Draft {
  const person = editor(index);
  const isKnown = person.isAnonymous !== true;
  return {
    identifier: isKnown ? 10_000 + (index % EDITORS.length) : 0,
    name: person.name,
    edit_count: person.editCount,
    groups: person.groups,
    is_bot: person.isBot,
    date_started: isKnown ? person.started : always('0001-01-01T00:00:00Z'),
  };
}
