/** Free space, asked before work that needs it (house-style §12). */
import { statfs } from 'node:fs/promises';
import { MirrorError } from '../contracts/errors.ts';

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6).toLocaleString('en')} MB`;
}

export class DiskWatch {
  readonly #directory: string;
  readonly #reserveBytes: () => number;

  constructor(directory: string, reserveBytes: () => number) {
    this.#directory = directory;
    this.#reserveBytes = reserveBytes;
  }

  /** Bytes an ordinary user may still write on the data directory's file system. */
  async freeBytes(): Promise<number> {
    const stats = await statfs(this.#directory);
    return stats.bavail * stats.bsize;
  }

  /** @throws MirrorError NO_SPACE with the numbers, when `bytes` do not fit beside the reserve */
  async ensure(bytes: number): Promise<void> {
    const freeBytes = await this.freeBytes();
    const reserveBytes = this.#reserveBytes();
    if (freeBytes - reserveBytes >= bytes) return;
    throw new MirrorError(
      'NO_SPACE',
      `${this.#directory} has ${megabytes(freeBytes)} free; ${megabytes(bytes)} are needed and ${megabytes(reserveBytes)} are kept in reserve (setting disk.reserveBytes). ` +
        'Free some space or remove a dataset; work goes on by itself then.',
      { context: { freeBytes, neededBytes: bytes, reserveBytes } },
    );
  }
}
