/** Compression of single records, over what the runtime has built in. */
import zlib from 'node:zlib';
import { promisify } from 'node:util';
import type { Codec } from '../contracts/article.ts';
import { messageOf, MirrorError } from '../contracts/errors.ts';
import { MAX_RECORD_BYTES } from '../contracts/limits.ts';

/** zstd where the runtime has it (Node 22.15 and later): smaller and quicker to unpack than brotli of the same speed. */
export const DEFAULT_CODEC: Codec = 'zstdCompressSync' in zlib ? 'zstd' : 'br';

/** Records are at most 20 MiB; hiding parts of one adds a few bytes at most. */
const DEFAULT_LIMIT_BYTES = MAX_RECORD_BYTES + 64 * 1024;

const ZSTD_LEVEL = 3;
const BROTLI_QUALITY = 1;

const deflateZstd = promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);
const inflateZstd = promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);
const deflateBrotli = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const inflateBrotli = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliDecompress);

/** Room for the whole result in one piece: zlib would otherwise grow it by copying. Text shrinks to a quarter at least, mostly. */
function pieceBytes(rawBytes: number): number {
  return Math.max(1024, Math.ceil(rawBytes / 3));
}

function zstdOptions(rawBytes: number): zlib.ZstdOptions {
  return {
    chunkSize: pieceBytes(rawBytes),
    pledgedSrcSize: rawBytes,
    params: { [zlib.constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
  };
}

function brotliOptions(rawBytes: number): zlib.BrotliOptions {
  return {
    chunkSize: pieceBytes(rawBytes),
    params: {
      [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [zlib.constants.BROTLI_PARAM_SIZE_HINT]: rawBytes,
    },
  };
}

/** Compresses one record. With `identity` the result is `raw` itself, not a copy. */
export function encodeBody(raw: Uint8Array, codec: Codec): Uint8Array {
  switch (codec) {
    case 'identity':
      return raw;
    case 'zstd':
      return zlib.zstdCompressSync(raw, zstdOptions(raw.length));
    case 'br':
      return zlib.brotliCompressSync(raw, brotliOptions(raw.length));
  }
}

/** As {@link encodeBody}, off the event loop. */
export async function encodeBodyAsync(raw: Uint8Array, codec: Codec): Promise<Uint8Array> {
  switch (codec) {
    case 'identity':
      return raw;
    case 'zstd':
      return deflateZstd(raw, zstdOptions(raw.length));
    case 'br':
      return deflateBrotli(raw, brotliOptions(raw.length));
  }
}

/**
 * Decompresses one record.
 * @param limitBytes more than this is refused before it is allocated, so that a damaged value cannot eat the memory;
 *   pass the record's known length where there is one
 * @throws MirrorError STORE_CORRUPT — the bytes are not what `codec` produces, or unpack to more than the limit
 */
export function decodeBody(stored: Uint8Array, codec: Codec, limitBytes: number = DEFAULT_LIMIT_BYTES): Uint8Array {
  try {
    switch (codec) {
      case 'identity':
        return withinLimit(stored, limitBytes);
      case 'zstd':
        return zlib.zstdDecompressSync(stored, unpackOptions(limitBytes));
      case 'br':
        return zlib.brotliDecompressSync(stored, unpackOptions(limitBytes));
    }
  } catch (error) {
    throw corrupt(error, codec, stored.length);
  }
}

/** As {@link decodeBody}, off the event loop. */
export async function decodeBodyAsync(
  stored: Uint8Array,
  codec: Codec,
  limitBytes: number = DEFAULT_LIMIT_BYTES,
): Promise<Uint8Array> {
  try {
    switch (codec) {
      case 'identity':
        return withinLimit(stored, limitBytes);
      case 'zstd':
        return await inflateZstd(stored, unpackOptions(limitBytes));
      case 'br':
        return await inflateBrotli(stored, unpackOptions(limitBytes));
    }
  } catch (error) {
    throw corrupt(error, codec, stored.length);
  }
}

function unpackOptions(limitBytes: number): { maxOutputLength: number; chunkSize: number } {
  const limit = Math.max(1, limitBytes);
  return { maxOutputLength: limit, chunkSize: Math.min(Math.max(limit, 1024), 256 * 1024) };
}

function withinLimit(stored: Uint8Array, limitBytes: number): Uint8Array {
  if (stored.length > limitBytes) throw new RangeError(`${stored.length} bytes, expected at most ${limitBytes}`);
  return stored;
}

function corrupt(error: unknown, codec: Codec, storedBytes: number): MirrorError {
  const message = `a stored record (${codec}, ${storedBytes} bytes) cannot be unpacked: ${messageOf(error)}; run "wikimirror verify" and load the dataset again`;
  return new MirrorError('STORE_CORRUPT', message, { cause: error, context: { codec, storedBytes } });
}
