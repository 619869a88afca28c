/** One gzip member from blocks compressed side by side, as upstream's archives are made (contract §8). */
import { promisify } from 'node:util';
import { constants, crc32, deflateRaw } from 'node:zlib';

const deflate = promisify<Buffer, { level: number; finishFlush: number }, Buffer>(deflateRaw);

const BLOCK_BYTES = 2 * 1024 * 1024;
/** Blocks under way at once; more than the thread pool has threads would only cost memory. */
const AT_ONCE = 4;
/** Magic, deflate, no flags, no time, no extra flags, unknown system. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

async function* blocksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  for await (const piece of source) {
    gathered.push(piece);
    size += piece.length;
    if (size < BLOCK_BYTES) continue;
    yield Buffer.concat(gathered, size);
    gathered = [];
    size = 0;
  }
  yield Buffer.concat(gathered, size);
}

/** Compresses `source` at `level` (6 as gzip's default). Memory stays at a few blocks. */
export async function* gzipInParallel(source: AsyncIterable<Uint8Array>, level = 6): AsyncGenerator<Buffer> {
  yield HEADER;
  const underWay: Promise<Buffer>[] = [];
  let checksum = 0;
  let length = 0;
  for await (const block of blocksOf(source)) {
    checksum = crc32(block, checksum);
    length += block.length;
    // A sync flush ends the block on a byte border without ending the stream, so that the next can simply follow.
    underWay.push(deflate(block, { level, finishFlush: constants.Z_SYNC_FLUSH }));
    if (underWay.length >= AT_ONCE) {
      const done = await underWay.shift();
      if (done !== undefined) yield done;
    }
  }
  for (const block of underWay) yield await block;
  yield await deflate(Buffer.alloc(0), { level, finishFlush: constants.Z_FINISH });
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(checksum, 0);
  trailer.writeUInt32LE(length % 2 ** 32, 4);
  yield trailer;
}
