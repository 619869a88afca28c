/** The disk side of a download: the unfinished `.part` file, its `.part.json` sidecar, the running MD5, and the move into place. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import writeFileAtomic from 'write-file-atomic';
import { MirrorError, isAbortError, messageOf } from '../../contracts/errors.ts';

const SidecarSchema = Type.Object({
  etag: Type.Union([Type.String(), Type.Null()]),
  totalBytes: Type.Integer({ minimum: 0 }),
  /** Bytes known to be on disk. The file may be longer; what is beyond may be anything after a power cut. */
  doneBytes: Type.Integer({ minimum: 0 }),
  source: Type.String(),
  md5: Type.Union([Type.String(), Type.Null()]),
});

/** What the part must belong to for its bytes to be of use. */
export interface PartIdentity {
  readonly etag: string | undefined;
  readonly totalBytes: number;
  readonly source: string;
  /** MD5 the finished file must have, if known. */
  readonly md5: string | undefined;
}

const HASH_READ_BYTES = 1024 * 1024;

/** MD5 of the first `length` bytes of a file, added to `hash`. @throws MirrorError STORE_IO, or AbortError */
export async function hashFile(path: string, length: number, hash: Hash, signal: AbortSignal): Promise<void> {
  if (length === 0) return;
  try {
    for await (const piece of createReadStream(path, { start: 0, end: length - 1, highWaterMark: HASH_READ_BYTES, signal })) {
      if (Buffer.isBuffer(piece)) hash.update(piece);
    }
  } catch (error) {
    throw diskError(error, path);
  }
}

export class PartFile {
  readonly #path: string;
  readonly #identity: PartIdentity;
  readonly #handle: FileHandle;
  #hash: Hash;
  #doneBytes: number;

  private constructor(path: string, identity: PartIdentity, handle: FileHandle, hash: Hash, doneBytes: number) {
    this.#path = path;
    this.#identity = identity;
    this.#handle = handle;
    this.#hash = hash;
    this.#doneBytes = doneBytes;
  }

  /**
   * Opens the part that belongs to `path`, with the bytes that are still of use: those of the same file (ETag, size, source, MD5).
   * Reads them once to bring the MD5 up to date. Anything else there starts over.
   * @throws MirrorError NO_SPACE, STORE_IO, or AbortError
   */
  static async open(path: string, identity: PartIdentity, signal: AbortSignal): Promise<PartFile> {
    const partPath = partPathOf(path);
    try {
      await mkdir(dirname(path), { recursive: true });
      const usable = await usableBytes(path, identity);
      const handle = await open(partPath, usable > 0 ? 'r+' : 'w+');
      try {
        const doneBytes = (await handle.stat()).size >= usable ? usable : 0;
        await handle.truncate(doneBytes);
        const hash = createHash('md5');
        await hashFile(partPath, doneBytes, hash, signal);
        return new PartFile(path, identity, handle, hash, doneBytes);
      } catch (error) {
        await handle.close();
        throw error;
      }
    } catch (error) {
      throw diskError(error, partPath);
    }
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** Appends. @throws MirrorError NO_SPACE, STORE_IO */
  async write(piece: Buffer): Promise<void> {
    try {
      for (let written = 0; written < piece.length;) {
        const result = await this.#handle.write(piece, written, piece.length - written, this.#doneBytes + written);
        written += result.bytesWritten;
      }
    } catch (error) {
      throw diskError(error, partPathOf(this.#path));
    }
    this.#hash.update(piece);
    this.#doneBytes += piece.length;
  }

  /** Makes what is there count after a crash: data first, then the sidecar that vouches for it. */
  async checkpoint(): Promise<void> {
    const { etag, totalBytes, source, md5 } = this.#identity;
    const sidecar = { etag: etag ?? null, totalBytes, doneBytes: this.#doneBytes, source, md5: md5 ?? null };
    try {
      await this.#handle.datasync();
      await writeFileAtomic(sidecarPathOf(this.#path), `${JSON.stringify(sidecar)}\n`);
    } catch (error) {
      throw diskError(error, partPathOf(this.#path));
    }
  }

  /** Forgets every byte and begins at zero. */
  async restart(): Promise<void> {
    try {
      await rm(sidecarPathOf(this.#path), { force: true });
      await this.#handle.truncate(0);
    } catch (error) {
      throw diskError(error, partPathOf(this.#path));
    }
    this.#hash = createHash('md5');
    this.#doneBytes = 0;
  }

  /** Lower-case hex MD5 of the bytes so far. */
  md5(): string {
    return this.#hash.copy().digest('hex');
  }

  /** Moves the part into place so that it survives a power cut: file, name, then the directory that holds the name. */
  async finish(): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(partPathOf(this.#path), this.#path);
      await rm(sidecarPathOf(this.#path), { force: true });
      await syncDirectory(dirname(this.#path));
    } catch (error) {
      throw diskError(error, this.#path);
    }
  }

  /** Deletes part and sidecar. */
  async discard(): Promise<void> {
    try {
      await this.#handle.close();
      await rm(sidecarPathOf(this.#path), { force: true });
      await rm(partPathOf(this.#path), { force: true });
    } catch (error) {
      throw diskError(error, partPathOf(this.#path));
    }
  }

  /** Closes the file and leaves it where it is. Harmless after `finish` and `discard`. */
  async close(): Promise<void> {
    await this.#handle.close();
  }
}

function partPathOf(path: string): string {
  return `${path}.part`;
}

function sidecarPathOf(path: string): string {
  return `${path}.part.json`;
}

/** Bytes of an earlier try that may be continued. Without a strong ETag nothing proves that the rest belongs to them. */
async function usableBytes(path: string, identity: PartIdentity): Promise<number> {
  if (identity.etag === undefined) return 0;
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(sidecarPathOf(path), 'utf8'));
    await (await open(partPathOf(path), 'r')).close();
  } catch (error) {
    // No sidecar, one cut short, or no part beside it: all mean that there is nothing to continue.
    if (error instanceof SyntaxError || isMissing(error)) return 0;
    throw error;
  }
  if (!Value.Check(SidecarSchema, parsed)) return 0;
  const isSame =
    parsed.etag === identity.etag &&
    parsed.totalBytes === identity.totalBytes &&
    parsed.source === identity.source &&
    parsed.md5 === (identity.md5 ?? null);
  return isSame && parsed.doneBytes <= identity.totalBytes ? parsed.doneBytes : 0;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory for this; its file system journals names itself.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A failed disk operation in our words; our own errors and aborts pass. */
export function diskError(error: unknown, path: string): Error {
  if (error instanceof MirrorError) return error;
  if (error instanceof Error && isAbortError(error)) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new MirrorError(
      'NO_SPACE',
      `No space left while writing ${path}. Free some, or move the data directory; what is there is kept and continued.`,
      {
        cause: error,
      },
    );
  }
  return new MirrorError('STORE_IO', `Cannot write ${path}: ${messageOf(error)}.`, { cause: error });
}
