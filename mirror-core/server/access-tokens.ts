/**
 * Tokens of `/v1`: signed access tokens that any client can hold, opaque refresh tokens kept as hashes. Keys and hashes lie in
 * one file that survives restarts, so a client that logged in stays logged in (contract §2).
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { chmod, readFile } from 'node:fs/promises';
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT, type CryptoKey, type JWK } from 'jose';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import writeFileAtomic from 'write-file-atomic';
import { messageOf, MirrorError } from '../contracts/errors.ts';

/** Lifetime of access and ID tokens: 24 hours. */
export const ACCESS_SECONDS = 86_400;
const REFRESH_DAYS = 90;
const MAX_REFRESHES = 90;
/** Logins remembered at once; the oldest are forgotten first, so that a looping client cannot grow the file for ever. */
const MAX_REFRESH_TOKENS = 1_000;
const ISSUER = 'wikimirror';
const CLIENT_ID = 'wikimirror';
const GROUPS: readonly string[] = ['wikimirror'];
const OWNER_ONLY = 0o600;
const ALGORITHM = 'RS256';

const RefreshTokenSchema = Type.Object({
  sha256: Type.String(),
  username: Type.String(),
  expiresAtMs: Type.Number(),
  uses: Type.Integer(),
});
const KeyFileSchema = Type.Object({
  version: Type.Literal(1),
  kid: Type.String(),
  privateKey: Type.Record(Type.String(), Type.Unknown()),
  publicKey: Type.Record(Type.String(), Type.Unknown()),
  refreshTokens: Type.Array(RefreshTokenSchema),
});
type KeyFile = Static<typeof KeyFileSchema>;
type RefreshToken = Static<typeof RefreshTokenSchema>;

export interface AccessTokens {
  readonly id_token: string;
  readonly access_token: string;
  readonly expires_in: number;
}

interface Keys {
  readonly kid: string;
  readonly privateJwk: JWK;
  readonly publicJwk: JWK;
  readonly signKey: CryptoKey | Uint8Array;
  readonly verifyKey: CryptoKey | Uint8Array;
  refreshTokens: RefreshToken[];
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The same user always gets the same `sub`. */
function subjectOf(username: string): string {
  const hex = createHash('sha256').update(`wikimirror-user:${username}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

export class TokenIssuer {
  readonly #path: string;
  readonly #now: () => number;
  #keys: Promise<Keys> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(keyFile: string, now: () => number) {
    this.#path = keyFile;
    this.#now = now;
  }

  /**
   * Loads the keys, or makes them at the first start.
   * @throws MirrorError DATA_UNWRITABLE, STORE_CORRUPT
   */
  async ready(): Promise<void> {
    await this.#load();
  }

  /** Signs an access and an ID token for `username` and remembers a new refresh token. */
  async login(username: string): Promise<AccessTokens & { readonly refresh_token: string }> {
    const keys = await this.#load();
    const refreshToken = randomBytes(32).toString('base64url');
    const now = this.#now();
    const remembered = { sha256: hashOf(refreshToken), username, expiresAtMs: now + REFRESH_DAYS * 86_400_000, uses: 0 };
    keys.refreshTokens = [...keys.refreshTokens.filter(({ expiresAtMs }) => expiresAtMs > now), remembered].slice(
      -MAX_REFRESH_TOKENS,
    );
    await this.#save(keys);
    return { ...(await this.#sign(keys, username)), refresh_token: refreshToken };
  }

  /**
   * New access and ID tokens; the refresh token stays the same.
   * @throws MirrorError AUTH_FAILED (unknown, expired, of another user), QUOTA_EXHAUSTED (used 90 times)
   */
  async refresh(username: string, refreshToken: string): Promise<AccessTokens> {
    const keys = await this.#load();
    const remembered = this.#find(keys, refreshToken);
    if (remembered?.username !== username) {
      throw new MirrorError('AUTH_FAILED', 'The refresh token is not valid for this user; log in again.');
    }
    if (remembered.uses >= MAX_REFRESHES) {
      throw new MirrorError(
        'QUOTA_EXHAUSTED',
        `The refresh token was used ${MAX_REFRESHES} times, which is its limit; log in again.`,
        {
          retryAfterMs: Math.max(remembered.expiresAtMs - this.#now(), 0),
        },
      );
    }
    remembered.uses += 1;
    await this.#save(keys);
    return this.#sign(keys, username);
  }

  /**
   * Forgets a refresh token.
   * @throws MirrorError AUTH_FAILED when it is not known
   */
  async revoke(refreshToken: string): Promise<void> {
    const keys = await this.#load();
    const remembered = this.#find(keys, refreshToken);
    if (remembered === undefined) throw new MirrorError('AUTH_FAILED', 'The refresh token is not valid.');
    keys.refreshTokens = keys.refreshTokens.filter((token) => token !== remembered);
    await this.#save(keys);
  }

  /**
   * The user of an access token.
   * @throws MirrorError AUTH_FAILED when it is malformed, foreign or expired
   */
  async verify(accessToken: string): Promise<string> {
    const { verifyKey } = await this.#load();
    try {
      const { payload } = await jwtVerify(accessToken, verifyKey, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        currentDate: new Date(this.#now()),
        requiredClaims: ['exp', 'sub'],
      });
      const username: unknown = payload['username'];
      if (payload['token_use'] !== 'access' || typeof username !== 'string') throw new Error('not an access token');
      return username;
    } catch (cause) {
      throw new MirrorError(
        'AUTH_FAILED',
        `The access token is not valid here: ${messageOf(cause)}. Log in at /v1/login for a new one.`,
        {
          cause,
        },
      );
    }
  }

  #find(keys: Keys, refreshToken: string): RefreshToken | undefined {
    const sha256 = hashOf(refreshToken);
    return keys.refreshTokens.find((token) => token.sha256 === sha256 && token.expiresAtMs > this.#now());
  }

  async #sign({ kid, signKey }: Keys, username: string): Promise<AccessTokens> {
    const issuedAt = Math.floor(this.#now() / 1000);
    const claims = { client_id: CLIENT_ID, username, 'cognito:groups': [...GROUPS] };
    const signed = (use: 'access' | 'id'): Promise<string> =>
      new SignJWT({ ...claims, token_use: use })
        .setProtectedHeader({ alg: ALGORITHM, kid })
        .setIssuer(ISSUER)
        .setSubject(subjectOf(username))
        .setJti(randomUUID())
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + ACCESS_SECONDS)
        .sign(signKey);
    const [accessToken, idToken] = await Promise.all([signed('access'), signed('id')]);
    return { id_token: idToken, access_token: accessToken, expires_in: ACCESS_SECONDS };
  }

  #load(): Promise<Keys> {
    this.#keys ??= this.#loadOrCreate().catch((error: unknown) => {
      // The next call tries again: the disk may be back.
      this.#keys = undefined;
      throw error;
    });
    return this.#keys;
  }

  async #loadOrCreate(): Promise<Keys> {
    const text = await this.#readFile();
    if (text === undefined) return this.#create();
    let file: unknown;
    try {
      file = JSON.parse(text);
    } catch (cause) {
      throw this.#damaged(cause);
    }
    if (!Value.Check(KeyFileSchema, file)) throw this.#damaged(undefined);
    return this.#open(file);
  }

  async #readFile(): Promise<string | undefined> {
    try {
      const text = await readFile(this.#path, 'utf8');
      await chmod(this.#path, OWNER_ONLY);
      return text;
    } catch (cause) {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
      throw new MirrorError(
        'DATA_UNWRITABLE',
        `The key file ${this.#path} cannot be read: ${messageOf(cause)}. Check its owner and permissions.`,
        {
          cause,
        },
      );
    }
  }

  #damaged(cause: unknown): MirrorError {
    return new MirrorError(
      'STORE_CORRUPT',
      `The key file ${this.#path} is damaged. Delete it and start again: new keys are made, and clients log in once more.`,
      cause === undefined ? {} : { cause },
    );
  }

  async #open(file: KeyFile): Promise<Keys> {
    try {
      return {
        kid: file.kid,
        privateJwk: file.privateKey,
        publicJwk: file.publicKey,
        signKey: await importJWK(file.privateKey, ALGORITHM),
        verifyKey: await importJWK(file.publicKey, ALGORITHM),
        refreshTokens: file.refreshTokens,
      };
    } catch (cause) {
      throw this.#damaged(cause);
    }
  }

  async #create(): Promise<Keys> {
    const pair = await generateKeyPair(ALGORITHM, { extractable: true });
    const keys: Keys = {
      kid: randomUUID(),
      privateJwk: await exportJWK(pair.privateKey),
      publicJwk: await exportJWK(pair.publicKey),
      signKey: pair.privateKey,
      verifyKey: pair.publicKey,
      refreshTokens: [],
    };
    await this.#save(keys);
    return keys;
  }

  /** One write at a time; each writes the newest state. */
  async #save(keys: Keys): Promise<void> {
    const write = async (): Promise<void> => {
      const file = {
        version: 1,
        kid: keys.kid,
        privateKey: keys.privateJwk,
        publicKey: keys.publicJwk,
        refreshTokens: keys.refreshTokens,
      };
      try {
        await writeFileAtomic(this.#path, `${JSON.stringify(file, null, 2)}\n`, { mode: OWNER_ONLY });
      } catch (cause) {
        throw new MirrorError('DATA_UNWRITABLE', `The key file ${this.#path} cannot be written: ${messageOf(cause)}.`, { cause });
      }
    };
    const done = this.#writing.then(write, write);
    this.#writing = done;
    await done;
  }
}
