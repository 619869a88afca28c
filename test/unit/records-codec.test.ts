import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Codec } from '../../mirror-core/contracts/article.ts';
import { decodeBody, decodeBodyAsync, DEFAULT_CODEC, encodeBody, encodeBodyAsync } from '../../mirror-core/records/codec.ts';
import { encodeRecord } from '../../mirror-core/records/encode.ts';

const codecs: readonly Codec[] = ['identity', 'zstd', 'br'];
const text = Buffer.from('{"name":"a","is_part_of":{"identifier":"enwiki"}}'.padEnd(5000, ' '));

describe.each(codecs)('codec %s', (codec) => {
  it('gives back what went in, on and off the event loop', async () => {
    for (const raw of [text, Buffer.alloc(0), Buffer.alloc(3_000_000, 'abc')]) {
      expect(Buffer.compare(decodeBody(encodeBody(raw, codec), codec, raw.length), raw)).toBe(0);
      expect(Buffer.compare(await decodeBodyAsync(await encodeBodyAsync(raw, codec), codec, raw.length), raw)).toBe(0);
    }
  });

  it('refuses to unpack more than the limit', async () => {
    const stored = encodeBody(Buffer.alloc(1_000_000), codec);
    expect(() => decodeBody(stored, codec, 10_000)).toThrow(expect.objectContaining({ code: 'STORE_CORRUPT' }));
    await expect(decodeBodyAsync(stored, codec, 10_000)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});

describe('encodeRecord', () => {
  it('scans, hashes and compresses one record into memory of its own', () => {
    for (const codec of codecs) {
      const line = Buffer.from(text);
      const record = encodeRecord(line, codec);
      line.fill(0);
      expect(record).toMatchObject({ codec, rawBytes: text.length, keys: { title: 'a' } });
      expect(Buffer.from(record.sha256)).toEqual(createHash('sha256').update(text).digest());
      expect(Buffer.compare(decodeBody(record.stored, codec), text)).toBe(0);
    }
  });

  it('uses zstd on a runtime that has it', () => {
    expect(DEFAULT_CODEC).toBe('zstd');
  });

  it('says that damaged bytes are damaged', () => {
    expect(() => decodeBody(Buffer.from('nonsense'), 'zstd')).toThrow(/cannot be unpacked/);
  });
});
