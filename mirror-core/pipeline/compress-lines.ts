/** The work on one job: hash and compress every line of it, and lay the results side by side in one piece of memory. */
import { hash } from 'node:crypto';
import type { Codec } from '../contracts/article.ts';
import { encodeBody } from '../records/codec.ts';

export const HASH_BYTES = 32;

/** Offset and length of each line in the ring's memory, alternating. */
export type LinePlaces = Uint32Array;

export interface CompressedLines {
  /** The compressed lines one after the other, then their SHA-256 sums. Belongs to whoever receives it. */
  readonly bytes: ArrayBuffer;
  /** End of each compressed line in `bytes`. */
  readonly ends: Uint32Array;
}

export function compressLines(memory: Buffer, places: LinePlaces, codec: Codec): CompressedLines {
  const count = places.length / 2;
  const ends = new Uint32Array(count);
  const values: Uint8Array[] = [];
  const hashes: Buffer[] = [];
  let total = 0;
  for (let index = 0; index < count; index += 1) {
    const offset = places[2 * index] ?? 0;
    const line = memory.subarray(offset, offset + (places[2 * index + 1] ?? 0));
    const value = encodeBody(line, codec);
    values.push(value);
    hashes.push(hash('sha256', line, 'buffer'));
    total += value.length;
    ends[index] = total;
  }
  // One exact piece of its own: pooled memory could not be given away to another thread.
  const bytes = new ArrayBuffer(total + HASH_BYTES * count);
  const target = new Uint8Array(bytes);
  let at = 0;
  for (const piece of [...values, ...hashes]) {
    target.set(piece, at);
    at += piece.length;
    free(piece);
  }
  return { bytes, ends };
}

/**
 * Gives the memory of a copied result back at once. The collector sees only small objects here and would let tens of
 * megabytes of such buffers pile up before it ran. Buffers out of the runtime's shared pool, and the ring's own memory, stay.
 */
function free(piece: Uint8Array): void {
  const { buffer } = piece;
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
