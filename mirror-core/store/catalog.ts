/** The catalogue: small JSON values in their own LevelDB, whose lock is the lock of the whole data directory. */
import type { KeyValuePort } from '../contracts/store-port.ts';
import { decodeJson, encodeJson } from './json-rows.ts';
import { openIndex, type LevelDatabase } from './level-database.ts';
import { withStoreErrors } from './level-errors.ts';

const SUBJECT = 'the catalogue';

export class Catalog implements KeyValuePort {
  readonly #database: LevelDatabase;

  private constructor(database: LevelDatabase) {
    this.#database = database;
  }

  /** Errors are LevelDB's own: the caller knows what a lock means. */
  static async open(path: string): Promise<Catalog> {
    return new Catalog(await openIndex(path, { create: true }));
  }

  async get(key: string): Promise<unknown> {
    return withStoreErrors(SUBJECT, async () => {
      const bytes = await this.#database.get(Buffer.from(key));
      return bytes === undefined ? undefined : decodeJson(bytes);
    });
  }

  async put(key: string, value: unknown): Promise<void> {
    await withStoreErrors(SUBJECT, () => this.#database.put(Buffer.from(key), encodeJson(value), { sync: true }));
  }

  async delete(key: string): Promise<void> {
    await withStoreErrors(SUBJECT, () => this.#database.del(Buffer.from(key), { sync: true }));
  }

  async *entries(prefix: string): AsyncGenerator<readonly [key: string, value: unknown]> {
    const from = Buffer.from(prefix);
    // 0xFF occurs in no UTF-8 text, so it ends the range.
    const range = { gte: from, lt: Buffer.concat([from, Buffer.from([0xff])]) };
    for await (const [key, value] of this.#database.iterator(range)) yield [key.toString('utf8'), decodeJson(value)];
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
