import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BadLine, readRecords } from '../../mirror-core/pipeline/read-records.ts';
import { inPieces, recordLine, tarOf } from '../support/archives.ts';
import { collect } from '../support/collect-records.ts';

const MAX_LINE_BYTES = 3000;

interface Line {
  readonly text: string;
  readonly kind: 'good' | 'bad' | 'blank';
}

/** From shorter than anything to longer than allowed; around the limit every length matters. */
const line: fc.Arbitrary<Line> = fc.oneof(
  { weight: 6, arbitrary: fc.nat(2500).map((size): Line => ({ text: recordLine(`Page ${size}`, size), kind: 'good' })) },
  {
    weight: 2,
    arbitrary: fc.integer({ min: -2, max: 2 }).map((off): Line => {
      const length = MAX_LINE_BYTES + off;
      const padding = length - recordLine('Edge', 100, { pad: '' }).length;
      return { text: recordLine('Edge', 100, { pad: 'x'.repeat(padding) }), kind: off > 0 ? 'bad' : 'good' };
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom('{', 'x', '{"name":"no project"}').map((text): Line => ({ text, kind: 'bad' })) },
  { weight: 1, arbitrary: fc.integer({ min: 3001, max: 12_000 }).map((size): Line => ({ text: 'y'.repeat(size), kind: 'bad' })) },
  { weight: 1, arbitrary: fc.constantFrom('', ' ', '\t').map((text): Line => ({ text, kind: 'blank' })) },
);
const member = fc.record({
  lines: fc.array(line, { maxLength: 12 }),
  hasLastEnd: fc.boolean(),
  lineEnd: fc.constantFrom('\n', '\r\n'),
});

describe('readRecords', () => {
  it('gives the same records and the same bad lines however the bytes are cut, and through however small a ring', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(member, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('tar.gz', 'tar', 'ndjson.gz', 'ndjson'),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 }),
        fc.integer({ min: MAX_LINE_BYTES + 1, max: 4 * MAX_LINE_BYTES }),
        fc.boolean(),
        async (made, format, cuts, ringBytes, hasManyGzipMembers) => {
          const members = format.startsWith('tar') ? made : made.slice(0, 1);
          const contents = members.map(({ lines, hasLastEnd, lineEnd }) => {
            const text = lines.map(({ text: one }) => one).join(lineEnd);
            return lines.length > 0 && hasLastEnd ? text + lineEnd : text;
          });
          const named = contents.map((content, index) => ({ name: `part_${index}.ndjson`, content }));
          const plain = format.startsWith('tar') ? await tarOf(named) : Buffer.from(contents.join(''));
          const half = Math.floor(plain.length / 2);
          const packed = hasManyGzipMembers
            ? Buffer.concat([gzipSync(plain.subarray(0, half)), gzipSync(plain.subarray(half))])
            : gzipSync(plain);

          const bad: BadLine[] = [];
          const { batches, summary, failure } = await collect(
            readRecords(
              { bytes: inPieces(format.endsWith('gz') ? packed : plain, cuts), name: 'part_0.ndjson' },
              {
                codec: 'identity',
                signal: new AbortController().signal,
                onBadLine: (one) => bad.push(one),
                maxLineBytes: MAX_LINE_BYTES,
                ringBytes,
              },
            ),
          );
          expect(failure).toBeUndefined();
          const all = members.flatMap(({ lines, lineEnd }, index) =>
            lines.map((one, number) => ({
              ...one,
              lineEnd,
              where: `part_${index}.ndjson:${number + 1}`,
              isLast: number === lines.length - 1,
            })),
          );
          // A carriage return counts towards the limit, so a line of exactly the limit is too long with one.
          const isTooLong = ({ text, lineEnd, where, isLast }: (typeof all)[number]): boolean => {
            const hasEnd = !isLast || members[Number(/_(\d)/.exec(where)?.[1])]?.hasLastEnd === true;
            return Buffer.byteLength(text) + (lineEnd === '\r\n' && hasEnd ? 1 : 0) > MAX_LINE_BYTES;
          };
          const good = all.filter((one) => one.kind === 'good' && !isTooLong(one));
          const records = batches.flatMap((batch) => batch.records.map(({ stored }) => Buffer.from(stored).toString()));
          expect(records).toEqual(good.map(({ text }) => text));
          const expectedBad = all.filter((one) => one.kind === 'bad' || (one.kind === 'good' && isTooLong(one)));
          expect(bad.map((one) => `${one.member}:${one.line}`)).toEqual(expectedBad.map(({ where }) => where));
          expect(summary).toMatchObject({ records: good.length, badLines: expectedBad.length });
        },
      ),
      { numRuns: 300 },
    );
  });
});
