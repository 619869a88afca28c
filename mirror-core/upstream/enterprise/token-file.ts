/** The tokens on disk: one small file, readable by its owner alone, replaced as a whole. */
import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import writeFileAtomic from 'write-file-atomic';
import { MirrorError, messageOf } from '../../contracts/errors.ts';

const TokensSchema = Type.Object({
  version: Type.Literal(1),
  /** Origin of the auth service that issued them: tokens are never sent anywhere else. */
  authOrigin: Type.String(),
  username: Type.String(),
  accessToken: Type.String({ minLength: 1 }),
  accessIssuedAtMs: Type.Number(),
  accessExpiresAtMs: Type.Number(),
  refreshToken: Type.Union([Type.String({ minLength: 1 }), Type.Null()]),
  /** Renewals spent with this refresh token; upstream allows 90 (contract §2). */
  refreshCount: Type.Integer({ minimum: 0 }),
  loggedInAtMs: Type.Number(),
});

export type Tokens = Static<typeof TokensSchema>;

const OWNER_ONLY = 0o600;

/** Reads and writes the token file. A file that cannot be understood counts as absent: the cure is to log in again. */
export class TokenFile {
  readonly #path: string;
  readonly #logger: Logger;

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** @throws MirrorError DATA_UNWRITABLE when the file is there and cannot be read */
  async read(): Promise<Tokens | undefined> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new MirrorError('DATA_UNWRITABLE', `Cannot read the token file ${this.#path}: ${messageOf(error)}.`, {
        cause: error,
      });
    }
    await this.#closeToOthers();
    const parsed = parseJson(text);
    if (Value.Check(TokensSchema, parsed)) return parsed;
    this.#logger.warn(
      { event: 'tokens.unreadable', path: this.#path },
      'the token file cannot be understood; a new login is needed',
    );
    return undefined;
  }

  /** @throws MirrorError DATA_UNWRITABLE */
  async write(tokens: Tokens): Promise<void> {
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
      await writeFileAtomic(this.#path, `${JSON.stringify(tokens, null, 2)}\n`, { mode: OWNER_ONLY, fsync: true });
    } catch (error) {
      throw new MirrorError('DATA_UNWRITABLE', `Cannot write the token file ${this.#path}: ${messageOf(error)}.`, {
        cause: error,
      });
    }
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /** A file restored from a backup may have lost its permissions; Windows has none of this kind. */
  async #closeToOthers(): Promise<void> {
    if (process.platform === 'win32') return;
    const { mode } = await stat(this.#path);
    if ((mode & 0o077) === 0) return;
    this.#logger.warn({ event: 'tokens.permissions', path: this.#path }, 'the token file was open to other users; closed it');
    await chmod(this.#path, OWNER_ONLY);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not quoted: the parser's message may contain part of a token.
    return undefined;
  }
}
