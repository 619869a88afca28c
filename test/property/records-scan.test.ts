import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMirrorError } from '../../mirror-core/contracts/errors.ts';
import { scanRecord } from '../../mirror-core/records/scan.ts';
import { referenceKeys } from '../support/record-reference.ts';

/** Pieces that look like structure, so that a scanner that loses its place in a string finds plenty to trip over. */
const trickyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '\\',
        '\\"',
        '":"',
        '","event":{"type":"delete"}',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"article_body":{',
        '\n',
        '\u2028',
      ),
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom('\ud800', '\udc00', '😀', 'é', 'ش'),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

const longText = fc
  .tuple(trickyText, fc.integer({ min: 1, max: 3000 }))
  .map(([piece, times]) => piece.repeat(times).slice(0, 12_000));
const isoTime = fc.constantFrom(
  '2026-03-18T12:38:21.104512Z',
  '2026-03-18T12:38:23Z',
  '0001-01-01T00:00:00Z',
  'soon',
  '',
  '2026-03-18 12:38:23+00:00',
);
const count = fc.constantFrom(0, 1, 14, 48211907, 2 ** 53, 1.5, -3, 1e21);
const anything = fc.oneof(fc.jsonValue({ maxDepth: 2 }), trickyText);
const orAnything = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 9, arbitrary: usual }, { weight: 1, arbitrary: anything });
const maybe = <T>(usual: fc.Arbitrary<T>): fc.Arbitrary<unknown> => orAnything(usual);

const wanted: Record<string, fc.Arbitrary<unknown>> = {
  name: orAnything(trickyText.map((title) => `T ${title}`)),
  identifier: maybe(count),
  date_modified: maybe(isoTime),
  version: maybe(
    fc.record({ comment: trickyText, identifier: count, editor: fc.record({ identifier: count }) }, { requiredKeys: [] }),
  ),
  namespace: maybe(fc.record({ identifier: count }, { requiredKeys: [] })),
  in_language: maybe(fc.record({ identifier: trickyText }, { requiredKeys: [] })),
  main_entity: maybe(fc.record({ identifier: trickyText, url: trickyText }, { requiredKeys: [] })),
  redirects: maybe(
    fc.array(orAnything(fc.record({ name: trickyText, url: trickyText }, { requiredKeys: [] })), { maxLength: 3 }),
  ),
  is_part_of: orAnything(fc.record({ identifier: fc.constantFrom('enwiki', 'be_x_oldwiki', 'a b', ''), url: trickyText })),
  article_body: maybe(
    fc.record({ html: fc.oneof(trickyText, longText), wikitext: fc.oneof(trickyText, longText) }, { requiredKeys: [] }),
  ),
  license: maybe(
    fc.array(orAnything(fc.record({ name: trickyText, identifier: trickyText }, { requiredKeys: [] })), { maxLength: 2 }),
  ),
  visibility: maybe(fc.record({ text: fc.boolean(), editor: fc.boolean(), comment: fc.boolean() }, { requiredKeys: [] })),
  event: maybe(
    fc.record(
      {
        type: fc.constantFrom('update', 'delete', ''),
        date_created: isoTime,
        date_published: isoTime,
        partition: count,
        offset: count,
      },
      { requiredKeys: [] },
    ),
  ),
  image: maybe(fc.record({ caption: trickyText, width: count }, { requiredKeys: [] })),
};

interface Member {
  readonly key: string;
  readonly value: unknown;
}

const usualMembers: fc.Arbitrary<Member[]> = fc
  .tuple(
    ...Object.entries(wanted).map(([key, value]) =>
      fc.tuple(value, fc.integer({ min: 0, max: 9 })).map(([v, dice]) => ({ key, value: v, dice })),
    ),
  )
  .map((members) => members.filter(({ key, dice }) => dice > 0 || key === 'name'));

const unknownMember: fc.Arbitrary<Member> = fc.record({
  key: fc.oneof(trickyText, fc.constantFrom('html', 'Name', 'identifier ')),
  value: anything,
});
/** A second body is a short one: what stands between two long ones is knowingly not looked at. */
const shortBody = fc.record({ html: trickyText }, { requiredKeys: [] });
const repeatedMember: fc.Arbitrary<Member> = fc
  .constantFrom(...Object.keys(wanted))
  .chain((key) => (key === 'article_body' ? shortBody : (wanted[key] ?? anything)).map((value) => ({ key, value })));

/** Upstream's order with strangers in between, or any order at all. */
const memberLists: fc.Arbitrary<Member[]> = fc
  .tuple(usualMembers, fc.array(fc.tuple(fc.oneof(unknownMember, repeatedMember), fc.nat(20)), { maxLength: 3 }), fc.boolean())
  .chain(([usual, others, isShuffled]) => {
    const members = [...usual];
    for (const [member, place] of others) members.splice(place, 0, member);
    return isShuffled ? fc.shuffledSubarray(members, { minLength: members.length }) : fc.constant(members);
  });

const spacing = fc.constantFrom('', '', '', ' ', '\t \r\n');

/** The object's text, with white space where JSON allows it and some characters of keys and strings as escapes. */
const lines = fc
  .tuple(memberLists, spacing, spacing, spacing, fc.integer({ min: 0, max: 5 }))
  .map(([members, a, b, c, escapes]) => {
    const escaped = (literal: string): string =>
      escapes === 0 ? literal.replace(/[a-z]/, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`) : literal;
    const parts = members.map(({ key, value }) => {
      const json = JSON.stringify(value, null, a === ' ' ? 1 : 0);
      return `${escaped(JSON.stringify(key))}${b}:${c}${escapes === 1 ? json.replaceAll(/[<>&]|é/g, (one) => `\\u00${one.charCodeAt(0).toString(16)}`) : json}`;
    });
    return Buffer.from(`${a}{${b}${parts.join(`${c},${a}`)}${a}}${c}`);
  });

describe('scanRecord against JSON.parse', () => {
  it('finds the same keys in any valid record', () => {
    fc.assert(
      fc.property(lines, (line) => {
        const expected = referenceKeys(line);
        if (expected === undefined) expect(() => scanRecord(line)).toThrow();
        else expect(scanRecord(line)).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });

  it('refuses a line cut short anywhere, always as RECORD_INVALID', () => {
    fc.assert(
      fc.property(lines, fc.double({ min: 0, max: 0.999, noNaN: true }), (line, part) => {
        const cut = line.subarray(0, Math.floor(line.toString('latin1').trimEnd().length * part));
        let refusal: unknown;
        try {
          scanRecord(cut);
        } catch (error) {
          refusal = error;
        }
        expect(isMirrorError(refusal, 'RECORD_INVALID')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
