import { zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encloseZstd } from '../../mirror-core/server/zstd-brackets.ts';

const OPEN = 0x5b;
const CLOSE = 0x5d;

/** Content that compresses in different ways: text with repeats, noise, long runs, from nothing to several blocks. */
const content = fc.oneof(
  fc.uint8Array({ maxLength: 5_000 }),
  fc
    .array(fc.constantFrom('lake ', 'water ', '<p>', '"name":', '\u2028', '7'), { maxLength: 3_000 })
    .map((words) => Buffer.from(words.join(''))),
  fc
    .tuple(fc.integer({ min: 0, max: 700_000 }), fc.uint8Array({ minLength: 1, maxLength: 40 }))
    .map(([size, seed]) => Buffer.alloc(size, seed)),
);

describe('a zstd frame between brackets', () => {
  it('decompresses to the bracketed content, whatever wrote the frame', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 12 }), fc.boolean(), fc.boolean(), (raw, level, hasChecksum, isPledged) => {
        const stored = zstdCompressSync(raw, {
          ...(isPledged ? { pledgedSrcSize: raw.length } : {}),
          params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: hasChecksum ? 1 : 0 },
        });
        const enclosed = encloseZstd(OPEN, stored, CLOSE);
        expect(enclosed).toBeDefined();
        expect(zstdDecompressSync(enclosed!).equals(Buffer.concat([Buffer.from('['), raw, Buffer.from(']')]))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('leaves alone what is not one plain frame: noise, several frames, a cut frame, a large window', () => {
    const frame = zstdCompressSync(Buffer.from('content'));
    expect(encloseZstd(OPEN, Buffer.from('not zstd at all'), CLOSE)).toBeUndefined();
    expect(encloseZstd(OPEN, Buffer.concat([frame, frame]), CLOSE)).toBeUndefined();
    expect(encloseZstd(OPEN, frame.subarray(0, -1), CLOSE)).toBeUndefined();
    const wide = zstdCompressSync(Buffer.alloc(20_000_000, 'wide window'), { params: { [constants.ZSTD_c_windowLog]: 24 } });
    expect(encloseZstd(OPEN, wide, CLOSE)).toBeUndefined();
  });

  it('never throws, whatever the bytes', () => {
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (tail) => {
        const enclosed = encloseZstd(OPEN, Buffer.concat([header, tail]), CLOSE);
        expect(enclosed === undefined || enclosed.length > 0).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});
