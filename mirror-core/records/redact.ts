/** Takes hidden parts out of a record by cutting bytes, so that everything that stays is exactly as received. */
import { isFullyVisible, type Visibility } from '../contracts/article.ts';
import { bufferOver, OPEN_OBJECT, skipSpace } from './json-bytes.ts';
import { iterateMembers, type MemberSpan } from './members.ts';

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly insert: string;
}

/**
 * The record as it may be shown under `visibility` (contract §15.7): without `article_body` and `abstract` when the text is
 * hidden, without `version.editor` or `version.comment` when those are, and with a `visibility` member that says so, before
 * `event` where there is one. A member that occurs twice is cut twice. Applying it again changes nothing.
 * A fully visible record is returned as it is, the same array.
 * @throws MirrorError RECORD_INVALID — `json` is not an object
 */
export function redactRecord(json: Uint8Array, visibility: Visibility): Uint8Array {
  if (isFullyVisible(visibility)) return json;
  const members = [...iterateMembers(json)];
  const isCut = (member: MemberSpan): boolean =>
    member.key === 'visibility' || (!visibility.text && (member.key === 'article_body' || member.key === 'abstract'));
  const edits = cuts(members, isCut);
  for (const member of members) {
    if (member.key === 'version' && json[member.valueStart] === OPEN_OBJECT) edits.push(...versionCuts(json, member, visibility));
  }
  edits.push(insertion(json, members, isCut, visibility));
  return applyEdits(json, edits);
}

function versionCuts(json: Uint8Array, version: MemberSpan, visibility: Visibility): Edit[] {
  const isHidden = (member: MemberSpan): boolean =>
    (!visibility.editor && member.key === 'editor') || (!visibility.comment && member.key === 'comment');
  return cuts([...iterateMembers(json, version.valueStart, version.valueEnd)], isHidden);
}

/** One cut per run of members to remove, each taking along the commas that would be left over. */
function cuts(members: readonly MemberSpan[], isCut: (member: MemberSpan) => boolean): Edit[] {
  const edits: Edit[] = [];
  let runStart: MemberSpan | undefined;
  let lastKept: MemberSpan | undefined;
  let lastCut: MemberSpan | undefined;
  for (const member of members) {
    if (isCut(member)) {
      runStart ??= member;
      lastCut = member;
    } else {
      if (runStart !== undefined) edits.push({ start: runStart.keyStart, end: member.keyStart, insert: '' });
      runStart = undefined;
      lastKept = member;
    }
  }
  if (runStart !== undefined && lastCut !== undefined) {
    edits.push({ start: lastKept === undefined ? runStart.keyStart : lastKept.valueEnd, end: lastCut.valueEnd, insert: '' });
  }
  return edits;
}

function insertion(
  json: Uint8Array,
  members: readonly MemberSpan[],
  isCut: (member: MemberSpan) => boolean,
  visibility: Visibility,
): Edit {
  const { text, editor, comment } = visibility;
  const member = `"visibility":${JSON.stringify({ text, editor, comment })}`;
  const event = members.findLast(({ key }) => key === 'event');
  if (event !== undefined) return { start: event.keyStart, end: event.keyStart, insert: `${member},` };
  const lastKept = members.findLast((candidate) => !isCut(candidate));
  if (lastKept !== undefined) return { start: lastKept.valueEnd, end: lastKept.valueEnd, insert: `,${member}` };
  const inside = skipSpace(bufferOver(json), 0, json.length) + 1;
  return { start: inside, end: inside, insert: member };
}

function applyEdits(json: Uint8Array, edits: readonly Edit[]): Uint8Array {
  // An insertion at the place where a cut begins or ends belongs before the former and behind the latter.
  const ordered = edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const { start, end, insert } of ordered) {
    if (start > at) pieces.push(json.subarray(at, start));
    if (insert !== '') pieces.push(Buffer.from(insert));
    at = Math.max(at, end);
  }
  pieces.push(json.subarray(at));
  return Buffer.concat(pieces);
}
