/** Corpora of any size for benchmarks and tests: a snapshot archive, or plain NDJSON, made from a seed in bounded memory. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { corpusTitle, CorpusLines, lineLengths, type CorpusShape } from './corpus-lines.ts';
import { gzipInParallel } from './parallel-gzip.ts';

export type { CorpusShape } from './corpus-lines.ts';

export interface CorpusOptions extends CorpusShape {
  /** The file to write; replaced when it is there. */
  readonly path: string;
  /** `tar.gz` (default): a snapshot archive; `ndjson`: its lines, uncompressed. */
  readonly format?: 'tar.gz' | 'ndjson';
  /** A new member of the archive begins before one would become longer than this; default 100,000,000 as upstream's. */
  readonly memberBytes?: number;
  readonly signal?: AbortSignal;
}

export interface CorpusReport {
  readonly lines: number;
  /** Bytes of NDJSON, line ends included. */
  readonly rawBytes: number;
  readonly fileBytes: number;
  /** Members of the archive; 0 for plain NDJSON. */
  readonly members: number;
  readonly longestLineBytes: number;
  /** Lower-case hex of the file, which is what `version` of its snapshot would be. */
  readonly md5: string;
}

interface Member {
  readonly firstIndex: number;
  readonly lengths: readonly number[];
  readonly bytes: number;
}

/** A fixed time of writing, so that the same options give the same archive to the byte. */
const MEMBER_TIME = new Date(Date.UTC(2026, 0, 16));

function* membersOf(shape: CorpusShape, memberBytes: number): Generator<Member> {
  let lengths: number[] = [];
  let bytes = 0;
  let firstIndex = 0;
  for (const length of lineLengths(shape)) {
    if (lengths.length > 0 && bytes + length + 1 > memberBytes) {
      yield { firstIndex, lengths, bytes };
      firstIndex += lengths.length;
      lengths = [];
      bytes = 0;
    }
    lengths.push(length);
    bytes += length + 1;
  }
  yield { firstIndex, lengths, bytes };
}

/** Titles of all lines of a corpus, with spaces, in order. */
export function* corpusTitles(shape: CorpusShape): Generator<string> {
  let index = 0;
  for (const length of lineLengths(shape)) {
    if (length > 0) yield corpusTitle(shape.seed ?? 1, index);
    index += 1;
  }
}

/** The lines of a corpus as buffers of whole lines. */
export function* corpusBuffers(shape: CorpusShape): Generator<Buffer> {
  const lines = new CorpusLines(shape);
  for (const member of membersOf(shape, 100_000_000)) yield* lines.buffers(member.lengths, member.firstIndex);
}

async function* tarOf(options: CorpusOptions, memberBytes: number): AsyncGenerator<Uint8Array> {
  const lines = new CorpusLines(options);
  const archive = pack();
  const write = async (): Promise<void> => {
    let number = 0;
    for (const { firstIndex, lengths, bytes } of membersOf(options, memberBytes)) {
      const entry = archive.entry({
        name: `${options.dataset}_${number}.ndjson`,
        size: bytes,
        mode: 0o766,
        mtime: MEMBER_TIME,
        type: 'file',
      });
      await pipeline(lines.buffers(lengths, firstIndex), entry);
      number += 1;
    }
    archive.finalize();
  };
  // A failure of the writing side reaches the reader as the end of the archive's stream.
  write().catch((error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))));
  yield* archive as AsyncIterable<Uint8Array>;
}

/**
 * Writes a corpus. The same seed and options give the same lines, and the same file.
 * @throws MirrorError `INVALID_INPUT` when `dataset` is not a dataset id; file system errors as they come
 */
export async function writeCorpus(options: CorpusOptions): Promise<CorpusReport> {
  const memberBytes = options.memberBytes ?? 100_000_000;
  const isArchive = options.format !== 'ndjson';
  const hash = createHash('md5');
  let fileBytes = 0;
  const source = isArchive ? gzipInParallel(tarOf(options, memberBytes)) : Readable.from(corpusBuffers(options));
  await pipeline(
    source,
    async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        hash.update(piece);
        fileBytes += piece.length;
        yield piece;
      }
    },
    createWriteStream(options.path, { highWaterMark: 1024 * 1024 }),
    options.signal === undefined ? {} : { signal: options.signal },
  );
  let lines = 0;
  let rawBytes = 0;
  let longestLineBytes = 0;
  for (const length of lineLengths(options)) {
    lines += 1;
    rawBytes += length + 1;
    longestLineBytes = Math.max(longestLineBytes, length);
  }
  const members = isArchive ? Array.from(membersOf(options, memberBytes)).length : 0;
  return { lines, rawBytes, fileBytes, members, longestLineBytes, md5: hash.digest('hex') };
}
