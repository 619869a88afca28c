/** One record, as received, made ready to be stored. */
import { hash } from 'node:crypto';
import type { Codec, EncodedRecord } from '../contracts/article.ts';
import { encodeBody } from './codec.ts';
import { scanRecord } from './scan.ts';

/** SHA-256 of the bytes, 32 bytes. */
export function sha256Of(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

/**
 * Scans, hashes and compresses one record (from the stream or a look-up; files go through `pipeline/`).
 * @param line the record without its line end; may be reused by the caller afterwards
 * @throws MirrorError RECORD_INVALID
 */
export function encodeRecord(line: Uint8Array, codec: Codec): EncodedRecord {
  const keys = scanRecord(line);
  const stored = codec === 'identity' ? Uint8Array.from(line) : encodeBody(line, codec);
  return { keys, codec, stored, rawBytes: line.length, sha256: sha256Of(line) };
}
