import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../mirror-core/upstream/enterprise/line-splitter.ts';
import { firstObjectSpan } from '../../mirror-core/upstream/enterprise/json-span.ts';

/** Bytes rich in line ends, carriage returns and characters of several bytes. */
const stream = fc
  .array(fc.oneof(fc.constantFrom('\n', '\r\n', '\r', 'é', '東', '😀', '{"a":1}'), fc.string({ unit: 'binary' })), {
    maxLength: 40,
  })
  .map((parts) => Buffer.from(parts.join(''), 'utf8'));

/** What the lines are, by the plainest means. */
function reference(bytes: Buffer): string[] {
  return bytes
    .toString('latin1')
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => line !== '');
}

function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...places].map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [...sorted, bytes.length].map((end, index) => bytes.subarray(index === 0 ? 0 : sorted[index - 1], end));
}

describe('the line splitter', () => {
  it('finds the same lines wherever the stream is cut', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(10_000), { maxLength: 20 }), (bytes, places) => {
        const splitter = new LineSplitter();
        const lines: Uint8Array[] = [];
        for (const piece of cut(bytes, places)) lines.push(...splitter.push(piece));
        const rest = splitter.rest();
        if (rest !== undefined) lines.push(rest);
        expect(lines.map((line) => Buffer.from(line).toString('latin1'))).toEqual(reference(bytes));
      }),
    );
  });

  it('yields lines that own their memory', () => {
    const piece = Buffer.from('{"a":1}\n{"b":2}\n');
    const lines = [...new LineSplitter().push(piece)];
    piece.fill(0);
    expect(lines.map((line) => Buffer.from(line).toString())).toEqual(['{"a":1}', '{"b":2}']);
    expect(lines.map((line) => line.buffer.byteLength)).toEqual([7, 7]);
  });

  it('refuses exactly the lines that are longer than the limit, wherever they are cut', () => {
    fc.assert(
      fc.property(fc.nat(30), fc.boolean(), fc.array(fc.nat(100), { maxLength: 5 }), (length, hasReturn, places) => {
        const splitter = new LineSplitter(16);
        const bytes = Buffer.from(`${'x'.repeat(length)}${hasReturn ? '\r' : ''}\n`);
        const run = (): number[] => cut(bytes, places).flatMap((piece) => [...splitter.push(piece)].map((line) => line.length));
        if (length > 16) expect(run).toThrow(expect.objectContaining({ code: 'LINE_TOO_LONG' }));
        else expect(run()).toEqual(length === 0 ? [] : [length]);
      }),
    );
  });

  it('takes time in proportion to the bytes, also for one long line in many pieces', () => {
    const splitter = new LineSplitter();
    const piece = Buffer.alloc(64, 0x61);
    let early = 0;
    // A splitter that joins anew at every piece would copy more than 3 TB here and not come to an end.
    for (let index = 0; index < 327_000; index += 1) early += [...splitter.push(piece)].length;
    expect(early).toBe(0);
    expect([...splitter.push(Buffer.from('\n'))].map((line) => line.length)).toEqual([327_000 * 64]);
  });
});

describe('the first object of an answer', () => {
  it('is found whatever is in it and around it', () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue());
    const space = fc.constantFrom('', ' ', '\n', '\t \r\n');
    fc.assert(
      fc.property(json, json, space, fc.boolean(), (first, second, gap, isList) => {
        const text = JSON.stringify(first);
        const rest = JSON.stringify(second);
        const answer = isList ? `${gap}[${gap}${text}${gap},${rest}]` : `${gap}${text}\n${rest}`;
        const span = firstObjectSpan(Buffer.from(answer));
        expect(Buffer.from(span ?? []).toString()).toBe(text);
      }),
    );
  });

  it.each(['', '[]', '[ ]', '"text"', '{"a":"}', '{"a":{}', '[1,{"a":1}]'])('is not found in %j', (text) => {
    expect(firstObjectSpan(Buffer.from(text))).toBeUndefined();
  });
});
