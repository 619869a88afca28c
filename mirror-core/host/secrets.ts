/** The control token: made at the first start, readable by the owner alone, taken from its file by the command line. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';

const TOKEN_BYTES = 32;

/** The token of this data directory, made when there is none. 256 random bits, base64url. */
export async function controlToken(dataDirectory: string): Promise<string> {
  const path = join(dataDirectory, DATA_LAYOUT.controlToken);
  try {
    const known = (await readFile(path, 'utf8')).trim();
    if (known.length >= TOKEN_BYTES) return known;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomic(path, `${token}\n`, { mode: 0o600 });
  return token;
}
