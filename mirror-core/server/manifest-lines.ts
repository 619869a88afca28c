/** A dataset's inventory as a byte stream. */
import { Readable } from 'node:stream';
import type { ManifestRow } from '../contracts/store-port.ts';

/** Rows are sent in pieces of about this size: a write per row would cost more than reading it. */
const PIECE_CHARACTERS = 64 * 1024;

async function* pieces(rows: AsyncIterable<ManifestRow>): AsyncGenerator<string> {
  let piece = '';
  for await (const row of rows) {
    piece += `${JSON.stringify(row)}\n`;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

/** One row a line; reads on only as fast as the client takes it. */
export function manifestLines(rows: AsyncIterable<ManifestRow>): Readable {
  return Readable.from(pieces(rows), { objectMode: false, highWaterMark: PIECE_CHARACTERS });
}
