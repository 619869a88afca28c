/** How the LevelDBs of a data directory are opened. */
import { ClassicLevel, type DatabaseOptions } from 'classic-level';

export type LevelDatabase = ClassicLevel<Buffer, Buffer>;

export interface PutOperation {
  readonly type: 'put';
  readonly key: Buffer;
  readonly value: Buffer;
}
export interface DelOperation {
  readonly type: 'del';
  readonly key: Buffer;
}
export type WriteOperation = PutOperation | DelOperation;

const MIB = 1024 * 1024;
const KEYS_AND_VALUES = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

/**
 * Ascending keys, values compressed already. With tables as large as the write buffer they never overlap, and LevelDB moves them
 * down its levels instead of rewriting them: two writes a byte (log and table).
 */
const BODY_OPTIONS: DatabaseOptions<Buffer, Buffer> = {
  ...KEYS_AND_VALUES,
  compression: false,
  // 16 MiB were no faster and cost 20 to 30 MB at the peak of a load.
  writeBufferSize: 8 * MIB,
  maxFileSize: 8 * MIB,
  blockSize: 64 * 1024,
  cacheSize: 8 * MIB,
};

/** Small rows in random order; titles share prefixes, so compression helps. */
const INDEX_OPTIONS: DatabaseOptions<Buffer, Buffer> = {
  ...KEYS_AND_VALUES,
  compression: true,
  writeBufferSize: 8 * MIB,
  maxFileSize: 4 * MIB,
  cacheSize: 16 * MIB,
};

/** `create` only where a database is being made: LevelDB would replace one that lost a file by an empty one, without a word. */
export interface OpenOptions {
  readonly create: boolean;
}

export async function openBodies(path: string, { create }: OpenOptions): Promise<LevelDatabase> {
  return openAt(path, { ...BODY_OPTIONS, createIfMissing: create });
}

export async function openIndex(path: string, { create }: OpenOptions): Promise<LevelDatabase> {
  return openAt(path, { ...INDEX_OPTIONS, createIfMissing: create });
}

async function openAt(path: string, options: DatabaseOptions<Buffer, Buffer>): Promise<LevelDatabase> {
  const database = new ClassicLevel<Buffer, Buffer>(path, options);
  await database.open();
  return database;
}

export function put(key: Buffer, value: Buffer): PutOperation {
  return { type: 'put', key, value };
}

export function del(key: Buffer): DelOperation {
  return { type: 'del', key };
}
