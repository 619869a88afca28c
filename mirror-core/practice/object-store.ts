/** The store behind the downloads: whole files under keys, replaced as a whole, kept in memory and in the directory if there is one. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';

export interface StoredObject {
  readonly bytes: Buffer;
  /** With its quotes. */
  readonly etag: string;
  /** Ms since the epoch, whole seconds. */
  readonly lastModifiedMs: number;
}

const OBJECTS = 'objects';
const SIDECAR = '.meta.json';

export class ObjectStore {
  readonly #directory: string | null;
  readonly #objects = new Map<string, StoredObject>();

  /** @param directory where the files are kept too; `null` for memory only */
  constructor(directory: string | null) {
    this.#directory = directory === null ? null : join(directory, OBJECTS);
  }

  /** Reads what was kept. */
  async load(): Promise<void> {
    if (this.#directory === null) return;
    await mkdir(this.#directory, { recursive: true });
    const names = await readdir(this.#directory, { recursive: true });
    for (const name of names.filter((candidate) => candidate.endsWith(SIDECAR))) {
      const key = name.slice(0, -SIDECAR.length).replaceAll('\\', '/');
      const [bytes, sidecar] = await Promise.all([
        readFile(join(this.#directory, key)),
        readFile(join(this.#directory, name), 'utf8'),
      ]);
      const meta = JSON.parse(sidecar) as { etag: string; lastModifiedMs: number };
      this.#objects.set(key, { bytes, etag: meta.etag, lastModifiedMs: meta.lastModifiedMs });
    }
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  async put(key: string, object: StoredObject): Promise<void> {
    this.#objects.set(key, object);
    if (this.#directory === null) return;
    const path = join(this.#directory, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomic(path, object.bytes);
    await writeFileAtomic(`${path}${SIDECAR}`, JSON.stringify({ etag: object.etag, lastModifiedMs: object.lastModifiedMs }));
  }

  async delete(key: string): Promise<void> {
    this.#objects.delete(key);
    if (this.#directory === null) return;
    // The sidecar first: a file without one does not count.
    await rm(join(this.#directory, `${key}${SIDECAR}`), { force: true });
    await rm(join(this.#directory, key), { force: true });
  }
}
