/**
 * Puts a stored zstd frame between two bytes without decompressing it: `[` + record + `]`.
 *
 * Frames may be concatenated by RFC 8878, but Node's decoder (and so `fetch`) ends after the first one without an error,
 * and the client would see a lone bracket. So the result is one frame: a new header, a raw block with the opening byte,
 * the stored frame's own blocks, a raw block with the closing byte. That holds because a raw block leaves the decoder's
 * repeat offsets and entropy tables as they are; it would not hold for a second compressed record in the same frame.
 */

const MAGIC = 0xfd2fb528;
/** RFC 9659: a decoder of the content coding `zstd` need not support larger windows. */
const LARGEST_WINDOW_BYTES = 8 * 1024 * 1024;
const BLOCK_HEADER_BYTES = 3;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;

interface FrameShape {
  readonly windowBytes: number;
  readonly blocksStart: number;
  readonly hasChecksum: boolean;
}

/** Reads the frame header (RFC 8878 §3.1.1.1); `undefined` when the frame cannot be wrapped. */
function readHeader(frame: Buffer): FrameShape | undefined {
  if (frame.length < 9 || frame.readUInt32LE(0) !== MAGIC) return undefined;
  const descriptor = frame.readUInt8(4);
  const needsDictionary = (descriptor & 0b11) !== 0;
  const hasReservedBit = (descriptor & 0b1000) !== 0;
  if (needsDictionary || hasReservedBit) return undefined;
  const hasChecksum = (descriptor & 0b100) !== 0;
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  const sizeCode = descriptor >> 6;
  const sizeBytes = sizeCode === 0 ? (isSingleSegment ? 1 : 0) : 2 ** sizeCode;
  if (!isSingleSegment) {
    const window = frame.readUInt8(5);
    const base = 2 ** (10 + (window >> 3));
    return { windowBytes: base + (base / 8) * (window & 0b111), blocksStart: 6 + sizeBytes, hasChecksum };
  }
  if (frame.length < 5 + sizeBytes) return undefined;
  const contentBytes = sizeBytes === 8 ? Number(frame.readBigUInt64LE(5)) : frame.readUIntLE(5, sizeBytes);
  return { windowBytes: sizeBytes === 2 ? contentBytes + 256 : contentBytes, blocksStart: 5 + sizeBytes, hasChecksum };
}

/** Where the last block's header is, when the frame ends exactly where the bytes do. */
function lastBlock(frame: Buffer, shape: FrameShape): { readonly at: number; readonly end: number } | undefined {
  let at = shape.blocksStart;
  while (at + BLOCK_HEADER_BYTES <= frame.length) {
    const header = frame.readUIntLE(at, BLOCK_HEADER_BYTES);
    const type = (header >> 1) & 0b11;
    if (type === RESERVED_BLOCK) return undefined;
    const end = at + BLOCK_HEADER_BYTES + (type === RLE_BLOCK ? 1 : header >> 3);
    if ((header & 1) === 1) return end + (shape.hasChecksum ? 4 : 0) === frame.length ? { at, end } : undefined;
    at = end;
  }
  return undefined;
}

function rawBlock(byte: number, isLast: boolean): Buffer {
  const block = Buffer.alloc(BLOCK_HEADER_BYTES + 1);
  block.writeUIntLE((1 << 3) | (isLast ? 1 : 0), 0, BLOCK_HEADER_BYTES);
  block.writeUInt8(byte, BLOCK_HEADER_BYTES);
  return block;
}

/**
 * One zstd frame that decompresses to `open` + content + `close`, or `undefined` when `stored` is not a single plain frame
 * (a dictionary, a window above 8 MiB, several frames): the caller then decompresses.
 * @param open   one byte
 * @param close  one byte
 */
export function encloseZstd(open: number, stored: Uint8Array, close: number): Buffer | undefined {
  const frame = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const shape = readHeader(frame);
  if (shape === undefined || shape.windowBytes > LARGEST_WINDOW_BYTES) return undefined;
  const last = lastBlock(frame, shape);
  if (last === undefined) return undefined;
  // Matches reach back by distance, so the window only has to be as large as the stored frame's; rounded up to a power of two.
  const exponent = Math.max(0, Math.ceil(Math.log2(Math.max(shape.windowBytes, 1024))) - 10);
  const header = Buffer.alloc(6);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt8(0, 4);
  header.writeUInt8(exponent << 3, 5);
  const blocks = Buffer.from(frame.subarray(shape.blocksStart, last.end));
  const lastHeader = last.at - shape.blocksStart;
  blocks.writeUInt8(blocks.readUInt8(lastHeader) & ~1, lastHeader);
  return Buffer.concat([header, rawBlock(open, false), blocks, rawBlock(close, true)]);
}
