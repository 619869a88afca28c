/** Small article files, whole and broken, as upstream packs them. */
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface MadeMember {
  readonly name: string;
  readonly content: string | Uint8Array;
  readonly mtimeMs?: number;
  readonly type?: 'file' | 'directory' | 'symlink';
}

export async function tarOf(members: readonly MadeMember[]): Promise<Buffer> {
  const archive = pack();
  for (const { name, content, mtimeMs = 0, type = 'file' } of members) {
    const header = { name, type, mtime: new Date(mtimeMs), ...(type === 'symlink' ? { linkname: 'elsewhere' } : {}) };
    if (type === 'file') archive.entry(header, Buffer.from(content));
    else archive.entry(header);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

export async function tarGzOf(members: readonly MadeMember[]): Promise<Buffer> {
  return gzipSync(await tarOf(members));
}

/** One record's line, without line end, of about `bodyBytes`. The text does not shrink much, as it is different everywhere. */
export function recordLine(title: string, bodyBytes = 100, extra: Readonly<Record<string, unknown>> = {}): string {
  let state = Buffer.from(title).reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 7);
  let body = '';
  while (body.length < bodyBytes) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    body += state.toString(36);
  }
  return JSON.stringify({
    name: title,
    identifier: 1 + title.length,
    is_part_of: { identifier: 'enwiki' },
    article_body: { html: `<p title="${title}">${body}</p>` },
    event: { type: 'update', date_published: '2026-03-18T12:38:23.437225Z' },
    ...extra,
  });
}

/** `bytes` in pieces that end at `cuts` (fractions of the whole). */
export async function* inPieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array, void, undefined> {
  const places = [...new Set(cuts.map((cut) => Math.floor(cut * bytes.length)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    await Promise.resolve();
    if (to > from) yield bytes.subarray(from, to);
    from = to;
  }
}
