/** Who may do what: sign-in, tokens, permissions and monthly counters (contract §2, §13). */
import { createHash, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { importPKCS8, jwtVerify, SignJWT, importSPKI, type CryptoKey } from 'jose';
import { JOSEError } from 'jose/errors';
import writeFileAtomic from 'write-file-atomic';
import { MirrorError, messageOf } from '../contracts/errors.ts';

export type AccountKind = 'free' | 'batches' | 'realtime';
export type Counter = 'onDemand' | 'snapshot' | 'chunk';

export interface AccountOptions {
  readonly account: AccountKind;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  readonly quotas: Readonly<Partial<Record<Counter, number>>>;
  readonly tokenLifetimeMs: number;
  readonly directory: string | null;
  readonly now: () => number;
}

const FILE = 'practice-accounts.json';
const REFRESH_LIFETIME_MS = 90 * 86_400_000;
const MAX_REFRESHES = 90;
const GROUPS: Readonly<Record<AccountKind, string>> = { free: 'group_1', batches: 'group_2', realtime: 'group_3' };
const DEFAULT_QUOTAS: Readonly<Record<Counter, number>> = { onDemand: 50_000, snapshot: 30, chunk: 1500 };

interface RefreshToken {
  readonly username: string;
  readonly issuedMs: number;
  refreshes: number;
}

interface Stored {
  readonly privateKey: string;
  readonly publicKey: string;
  /** By the SHA-256 of the token, so that the file does not hold anything one could sign in with. */
  readonly refreshTokens: Record<string, RefreshToken>;
  /** Counters by calendar month (UTC). */
  counters: { month: string; used: Record<Counter, number> };
}

function digest(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

export class Accounts {
  readonly #options: AccountOptions;
  #stored: Stored;
  #keys: Promise<{ privateKey: CryptoKey; publicKey: CryptoKey }>;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: AccountOptions) {
    this.#options = options;
    const pair = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    this.#stored = {
      ...pair,
      refreshTokens: {},
      counters: { month: this.#month(), used: { onDemand: 0, snapshot: 0, chunk: 0 } },
    };
    this.#keys = this.#importKeys();
  }

  #month(): string {
    return new Date(this.#options.now()).toISOString().slice(0, 7);
  }

  async #importKeys(): Promise<{ privateKey: CryptoKey; publicKey: CryptoKey }> {
    return {
      privateKey: await importPKCS8(this.#stored.privateKey, 'RS256'),
      publicKey: await importSPKI(this.#stored.publicKey, 'RS256'),
    };
  }

  /** Takes over what an earlier run kept; tokens given out then stay good. */
  async load(): Promise<void> {
    if (this.#options.directory === null) return;
    this.#stored = JSON.parse(await readFile(join(this.#options.directory, FILE), 'utf8')) as Stored;
    this.#keys = this.#importKeys();
  }

  /** Writes keys, tokens and counters; callers need not wait, the writes keep their order. */
  async save(): Promise<void> {
    const { directory } = this.#options;
    if (directory === null) return;
    this.#saving = this.#saving.then(() =>
      writeFileAtomic(join(directory, FILE), JSON.stringify(this.#stored), { mode: 0o600, fsync: false }),
    );
    await this.#saving;
  }

  get group(): string {
    return GROUPS[this.#options.account];
  }

  /** @throws MirrorError `AUTH_FAILED`, `INVALID_INPUT` */
  async login(username: unknown, password: unknown): Promise<Record<string, string | number>> {
    if (typeof username !== 'string' || username.length < 1 || username.length > 255 || typeof password !== 'string') {
      throw new MirrorError('INVALID_INPUT', 'username and password are required');
    }
    const { credentials } = this.#options;
    if (credentials !== undefined && !(sameText(username, credentials.username) && sameText(password, credentials.password))) {
      throw new MirrorError('AUTH_FAILED', 'Incorrect username or password.');
    }
    const refreshToken = randomBytes(48).toString('base64url');
    this.#stored.refreshTokens[digest(refreshToken)] = { username, issuedMs: this.#options.now(), refreshes: 0 };
    await this.save();
    const tokens = await this.#tokens(username);
    return { ...tokens, refresh_token: refreshToken };
  }

  /** @throws MirrorError `AUTH_FAILED`, `QUOTA_EXHAUSTED` after 90 refreshes */
  async refresh(username: unknown, refreshToken: unknown): Promise<Record<string, string | number>> {
    const known = this.#find(refreshToken);
    if (known === undefined || known.username !== username || this.#options.now() > known.issuedMs + REFRESH_LIFETIME_MS) {
      throw new MirrorError('AUTH_FAILED', 'Invalid Refresh Token');
    }
    if (known.refreshes >= MAX_REFRESHES) throw new MirrorError('QUOTA_EXHAUSTED', 'Too Many Requests');
    known.refreshes += 1;
    await this.save();
    return this.#tokens(known.username);
  }

  /** @throws MirrorError `AUTH_FAILED` */
  async revoke(refreshToken: unknown): Promise<void> {
    if (typeof refreshToken !== 'string' || this.#find(refreshToken) === undefined)
      throw new MirrorError('AUTH_FAILED', 'Invalid Refresh Token');
    Reflect.deleteProperty(this.#stored.refreshTokens, digest(refreshToken));
    await this.save();
  }

  #find(refreshToken: unknown): RefreshToken | undefined {
    return typeof refreshToken === 'string' ? this.#stored.refreshTokens[digest(refreshToken)] : undefined;
  }

  async #tokens(username: string): Promise<Record<string, string | number>> {
    const seconds = Math.floor(this.#options.now() / 1000);
    const lifetime = Math.max(1, Math.floor(this.#options.tokenLifetimeMs / 1000));
    const { privateKey } = await this.#keys;
    const sign = (use: string) =>
      new SignJWT({ client_id: 'practice', token_use: use, 'cognito:groups': [this.group], username })
        .setProtectedHeader({ alg: 'RS256', kid: 'practice' })
        .setSubject(createHash('sha256').update(username).digest('hex').slice(0, 32))
        .setIssuedAt(seconds)
        .setExpirationTime(seconds + lifetime)
        // Two tokens of the same second are still different tokens.
        .setJti(randomBytes(9).toString('base64url'))
        .sign(privateKey);
    return { id_token: await sign('id'), access_token: await sign('access'), expires_in: lifetime };
  }

  /**
   * The account's `sub` behind an Authorization header: the first `Bearer ` is taken off, so a bare token works too.
   * @throws MirrorError `AUTH_REQUIRED`
   */
  async authenticate(header: string | undefined): Promise<{ readonly subject: string; readonly username: string }> {
    const token = (header ?? '').replace('Bearer ', '');
    if (token === '') throw new MirrorError('AUTH_REQUIRED', 'Unauthorized');
    const { publicKey } = await this.#keys;
    try {
      const { payload } = await jwtVerify(token, publicKey, {
        algorithms: ['RS256'],
        currentDate: new Date(this.#options.now()),
      });
      const { username } = payload;
      return { subject: payload.sub ?? '', username: typeof username === 'string' ? username : '' };
    } catch (error) {
      if (!(error instanceof JOSEError)) throw error;
      throw new MirrorError('AUTH_REQUIRED', messageOf(error), { cause: error });
    }
  }

  limit(counter: Counter): number | undefined {
    return this.#options.quotas[counter] ?? (this.#options.account === 'free' ? DEFAULT_QUOTAS[counter] : undefined);
  }

  used(counter: Counter): number {
    return this.#stored.counters.month === this.#month() ? this.#stored.counters.used[counter] : 0;
  }

  /**
   * Counts one request, also one that will fail later.
   * @throws MirrorError `QUOTA_EXHAUSTED`
   */
  async count(counter: Counter): Promise<void> {
    const month = this.#month();
    if (this.#stored.counters.month !== month) this.#stored.counters = { month, used: { onDemand: 0, snapshot: 0, chunk: 0 } };
    const limit = this.limit(counter);
    if (limit !== undefined && this.used(counter) >= limit) throw new MirrorError('QUOTA_EXHAUSTED', 'Too Many Requests');
    this.#stored.counters.used[counter] += 1;
    await this.save();
  }
}

function sameText(a: string, b: string): boolean {
  return timingSafeEqual(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}
