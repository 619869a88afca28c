import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TitleKey } from '../../mirror-core/contracts/identifiers.ts';
import type { ChangeRow, ChangeSource } from '../../mirror-core/contracts/store-port.ts';
import { BinaryReader, BinaryWriter } from '../../mirror-core/store/binary.ts';
import { decodeWholeBody, decodeBodyValue, encodeBodyValue } from '../../mirror-core/store/body-codec.ts';
import {
  decodeHead,
  decodeIndexed,
  encodeIndexed,
  visibilityOf,
  type IndexedTitle,
} from '../../mirror-core/store/entry-codec.ts';
import {
  bodyKey,
  changeKey,
  entryKey,
  garbageKey,
  linkKey,
  numberOfKey,
  partsOfLinkKey,
  partsOfTitleKey,
  rangeOfText,
  ROW,
  seqOfBodyKey,
  titleOfKey,
} from '../../mirror-core/store/index-keys.ts';
import {
  decodeChange,
  decodeErase,
  decodeGarbage,
  decodeMark,
  decodePageTitles,
  encodeChange,
  encodeErase,
  encodeGarbage,
  encodeMark,
  encodePageTitles,
} from '../../mirror-core/store/row-codecs.ts';
import { decodeText, encodeText } from '../../mirror-core/store/text-bytes.ts';

const count = fc.maxSafeNat();
/** Any JavaScript string, lone surrogates included. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
);
const title = text.map((value) => value as TitleKey);
const time = fc.record({
  seconds: fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
});
const optionalTime = fc.option(time, { nil: undefined });
const bits = fc.integer({ min: 0, max: 7 });

const indexed: fc.Arbitrary<IndexedTitle> = fc.oneof(
  fc
    .record({
      entry: fc.record({
        kind: fc.constant('live' as const),
        seq: count,
        pageId: count,
        versionId: count,
        namespaceId: count,
        eventTime: time,
        publishedTime: optionalTime,
        deletedTime: optionalTime,
        visibility: bits.map(visibilityOf),
        isRedacted: fc.constant(false),
        isSuspect: fc.boolean(),
        generation: count,
        rawBytes: count,
        storedBytes: count,
        sha256: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
        mirroredAtMs: count,
      }),
      cut: bits,
      licenseSet: count,
      links: fc.record({
        entityId: fc.option(
          text.filter((value) => value !== ''),
          { nil: undefined },
        ),
        redirects: fc.array(title, { maxLength: 5 }),
      }),
    })
    .map((live) => ({ ...live, kind: 'live' as const, entry: { ...live.entry, isRedacted: live.cut !== 0 } })),
  fc
    .record({ seq: count, pageId: count, versionId: count, eventTime: time, generation: count, mirroredAtMs: count })
    .chain((entry) =>
      count.map((sinceGeneration) => ({
        kind: 'tombstone' as const,
        entry: { kind: 'tombstone' as const, ...entry },
        sinceGeneration,
      })),
    ),
);

function sign(value: number): number {
  return Math.sign(value);
}

describe('text', () => {
  it('survives as bytes, whatever it is', () => {
    fc.assert(fc.property(text, (value) => decodeText(encodeText(value)) === value));
  });

  it('has different bytes when it differs', () => {
    fc.assert(fc.property(text, text, (a, b) => (a === b) === encodeText(a).equals(encodeText(b))));
  });

  it('is plain UTF-8 when it is well formed', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (value) => encodeText(value).equals(Buffer.from(value))));
  });
});

describe('values', () => {
  it('of entries come back as they were', () => {
    fc.assert(
      fc.property(indexed, (value) => {
        const bytes = encodeIndexed(value);
        expect(decodeIndexed(bytes)).toEqual(value);
        expect(decodeHead(bytes).entry).toEqual(value.entry);
      }),
    );
  });

  it('of entries that are cut short are refused, not misread', () => {
    fc.assert(
      fc.property(indexed, fc.nat(), (value, at) => {
        const bytes = encodeIndexed({ ...value, ...(value.kind === 'live' ? { links: { entityId: 'Q1', redirects: [] } } : {}) });
        expect(() => decodeIndexed(bytes.subarray(0, at % bytes.length))).toThrow(RangeError);
      }),
    );
  });

  it('of the other rows come back as they were', () => {
    const sources: ChangeSource[] = ['snapshot', 'batch', 'realtime', 'on-demand', 'import', 'reconcile'];
    const change: fc.Arbitrary<ChangeRow> = fc.record({
      seq: count,
      type: fc.constantFrom('update' as const, 'delete' as const, 'visibility-change' as const),
      title,
      versionId: count,
      eventTime: time,
      publishedTime: optionalTime,
      position: fc.option(fc.record({ partition: count, offset: count }), { nil: undefined }),
      source: fc.constantFrom(...sources),
    });
    fc.assert(
      fc.property(change, (row) => {
        expect(decodeChange(row.seq, encodeChange(row))).toEqual(row);
      }),
    );
    const mark = fc.record({ visibility: bits.map(visibilityOf), eventTime: time });
    fc.assert(
      fc.property(mark, (row) => {
        expect(decodeMark(encodeMark(row))).toEqual(row);
      }),
    );
    const garbage = fc.record({ versionId: count, storedBytes: count });
    fc.assert(
      fc.property(garbage, (row) => {
        expect(decodeGarbage(encodeGarbage(row))).toEqual(row);
      }),
    );
    const kind = fc.constantFrom('removed' as const, 'hidden' as const);
    const erase = fc.record({ kind, title, versionId: count, dueMs: count });
    fc.assert(
      fc.property(erase, (row) => {
        expect(decodeErase(encodeErase(row))).toEqual(row);
      }),
    );
    fc.assert(
      fc.property(fc.array(title), (titles) => {
        expect(decodePageTitles(encodePageTitles(titles))).toEqual(titles);
      }),
    );
  });

  it('of bodies carry title, codec and bytes', () => {
    const codec = fc.constantFrom('identity' as const, 'zstd' as const, 'br' as const);
    fc.assert(
      fc.property(title, codec, fc.uint8Array(), fc.nat({ max: 20_000 }), (name, format, stored, padding) => {
        const long = ('x'.repeat(padding) + name) as TitleKey;
        const value = encodeBodyValue(long, format, stored);
        const body = decodeWholeBody(value);
        expect({ ...body, stored: Uint8Array.from(body.stored) }).toEqual({ title: long, codec: format, stored });
        expect(decodeBodyValue(value).stored.equals(body.stored)).toBe(true);
      }),
    );
  });

  it('of numbers come back in up to 53 bits', () => {
    fc.assert(fc.property(count, (value) => new BinaryReader(new BinaryWriter().varint(value).finish()).varint() === value));
  });
});

describe('keys', () => {
  it('with numbers sort as the numbers do', () => {
    fc.assert(
      fc.property(count, count, (a, b) => {
        expect(sign(Buffer.compare(bodyKey(a), bodyKey(b)))).toBe(sign(a - b));
        expect(sign(Buffer.compare(changeKey(a), changeKey(b)))).toBe(sign(a - b));
        expect(seqOfBodyKey(bodyKey(a))).toBe(a);
        expect(numberOfKey(changeKey(a))).toBe(a);
      }),
    );
  });

  it('of titles sort by code point and give the title back', () => {
    const order = (a: string, b: string): number => sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    fc.assert(fc.property(title, (name) => titleOfKey(entryKey(name)) === name));
    const wellFormed = fc.string({ unit: 'binary' }).map((value) => value as TitleKey);
    fc.assert(fc.property(wellFormed, wellFormed, (a, b) => sign(Buffer.compare(entryKey(a), entryKey(b))) === order(a, b)));
  });

  it('of two parts never run into each other', () => {
    fc.assert(
      fc.property(text, title, text, title, (valueA, titleA, valueB, titleB) => {
        const keyA = linkKey(ROW.redirect, valueA, titleA);
        const keyB = linkKey(ROW.redirect, valueB, titleB);
        expect(keyA.equals(keyB)).toBe(valueA === valueB && titleA === titleB);
        expect(partsOfLinkKey(keyA)).toEqual({ value: valueA, title: titleA });
        const { gte, lt } = rangeOfText(ROW.redirect, valueA);
        const isInRange = Buffer.compare(keyB, gte) >= 0 && Buffer.compare(keyB, lt) < 0;
        expect(isInRange).toBe(valueA === valueB);
      }),
    );
  });

  it('of title and number give both back', () => {
    fc.assert(
      fc.property(title, count, (name, number) => {
        expect(partsOfTitleKey(garbageKey(name, number))).toEqual({ title: name, number });
      }),
    );
  });
});
