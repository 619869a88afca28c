import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { redactRecord } from '../../mirror-core/records/redact.ts';

const value = fc.jsonValue({ maxDepth: 2 });
const members = fc.dictionary(
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('name', 'article_body', 'abstract', 'event', 'visibility', 'license') },
    { weight: 1, arbitrary: fc.string({ maxLength: 6 }).filter((key) => key !== '__proto__') },
  ),
  value,
);
const versions = fc.dictionary(fc.constantFrom('identifier', 'editor', 'comment', 'tags'), value);
const visibilities = fc.record({ text: fc.boolean(), editor: fc.boolean(), comment: fc.boolean() });

describe('redactRecord', () => {
  it('equals deleting members of the parsed record, and changes nothing the second time', () => {
    fc.assert(
      fc.property(members, fc.option(versions), visibilities, fc.constantFrom(0, 1, 2), (record, version, visibility, indent) => {
        const whole = version === null ? record : { ...record, version };
        const json = Buffer.from(JSON.stringify(whole, null, indent));
        const expected: Record<string, unknown> = structuredClone(whole);
        if (!visibility.text || !visibility.editor || !visibility.comment) {
          expected['visibility'] = visibility;
          if (!visibility.text) {
            delete expected['article_body'];
            delete expected['abstract'];
          }
          if (version !== null) {
            const kept = Object.entries(version).filter(
              ([key]) => (visibility.editor || key !== 'editor') && (visibility.comment || key !== 'comment'),
            );
            expected['version'] = Object.fromEntries(kept);
          }
        }
        const redacted = redactRecord(json, visibility);
        expect(JSON.parse(Buffer.from(redacted).toString())).toEqual(JSON.parse(JSON.stringify(expected)));
        expect(Buffer.from(redactRecord(redacted, visibility))).toEqual(Buffer.from(redacted));
      }),
      { numRuns: 1000 },
    );
  });
});
