/** Writes .tar.gz archives the way upstream's exports look (contract §8). */
import { createHash } from 'node:crypto';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';

export interface ArchiveMember {
  readonly name: string;
  readonly mode: number;
  /** Ms since the epoch: when that part was written. */
  readonly mtimeMs: number;
  /** Complete lines, each without its line end. */
  readonly lines: readonly string[];
}

export interface Archive {
  readonly bytes: Buffer;
  /** Lower-case hex of the whole file: the `version` of its metadata. */
  readonly md5: string;
}

/** Builds a whole archive in memory; practice archives are small. */
export async function buildArchive(members: readonly ArchiveMember[]): Promise<Archive> {
  const tar = pack();
  const zipped = tar.pipe(createGzip());
  for (const { name, mode, mtimeMs, lines } of members) {
    tar.entry({ name, mode, mtime: new Date(mtimeMs), type: 'file' }, lines.map((line) => `${line}\n`).join(''));
  }
  tar.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of zipped as AsyncIterable<Buffer>) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  return { bytes, md5: createHash('md5').update(bytes).digest('hex') };
}

/** Cuts lines into groups of about `targetBytes`; a line longer than that has a group of its own. */
export function groupLines(lines: readonly string[], targetBytes: number): string[][] {
  const groups: string[][] = [];
  let group: string[] = [];
  let size = 0;
  for (const line of lines) {
    const bytes = Buffer.byteLength(line) + 1;
    if (group.length > 0 && size + bytes > targetBytes) {
      groups.push(group);
      group = [];
      size = 0;
    }
    group.push(line);
    size += bytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
