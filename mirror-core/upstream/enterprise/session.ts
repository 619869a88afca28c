/** Who we are to upstream: one login, then renewals (contract §2). */
import type { Logger } from 'pino';
import { Type, type TSchema, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { MirrorError, isAbortError, messageOf } from '../../contracts/errors.ts';
import { raceAbort, throwIfAborted } from './abort.ts';
import { isHtml, parseRetryAfterMs, readBody, statusError, webPageError } from './responses.ts';
import { joinUrl, shownUrl, type HttpClient, type HttpResponse } from './http.ts';
import { TokenFile, type Tokens } from './token-file.ts';
import type { RetryRunner } from './retry-runner.ts';

/** Renewals one refresh token is good for; one more ends in 429 (contract §2). */
const MAX_REFRESHES = 90;
/** Part of an access token's life after which it is renewed (contract §2: about 80 %). */
const RENEW_AFTER = 0.8;
/** Lifetime when an answer names none (contract §2). */
const DEFAULT_LIFETIME_SECONDS = 86_400;
/** A refused password is not tried again for so long: repeating it can lock the account. */
const REFUSAL_HOLD_MS = 5 * 60_000;
/** While the old token lives, a renewal that failed is not tried again for so long. */
const RENEWAL_HOLD_MS = 5 * 60_000;
const TOKEN_BODY_BYTES = 256 * 1024;

const GrantSchema = Type.Object({
  access_token: Type.String({ minLength: 1 }),
  refresh_token: Type.Optional(Type.String({ minLength: 1 })),
  expires_in: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
});
const ChallengeSchema = Type.Object({ challenge_name: Type.String({ minLength: 1 }) });

export interface SessionOptions {
  readonly http: HttpClient;
  readonly retry: RetryRunner;
  readonly authUrl: URL;
  readonly username: string;
  readonly password: string;
  readonly tokenFile: string;
  readonly logger: Logger;
  readonly now: () => number;
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #file: TokenFile;
  #credentials: Credentials | undefined;
  #username: string;
  #tokens: Tokens | undefined;
  #loading: Promise<void> | undefined;
  #renewing: Promise<Tokens> | undefined;
  #renewalHeldUntilMs = 0;
  #refusal: { readonly error: MirrorError; readonly atMs: number } | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#file = new TokenFile(options.tokenFile, options.logger);
    // Upstream's accounts are lower-case and its login is not tolerant (contract §2, "usernames are sent lower-case").
    this.#username = options.username.trim().toLowerCase();
    if (this.#username !== '' && options.password !== '') {
      this.#credentials = { username: this.#username, password: options.password };
    }
  }

  /** The account's name in lower case; empty when nobody ever logged in. */
  async username(): Promise<string> {
    await this.#load();
    return this.#username;
  }

  /**
   * A token that is good now.
   * @throws MirrorError AUTH_REQUIRED, AUTH_FAILED, UPSTREAM_*, or AbortError
   */
  async accessToken(signal?: AbortSignal): Promise<string> {
    await this.#load();
    const tokens = this.#tokens;
    const nowMs = this.#options.now();
    if (
      tokens !== undefined &&
      nowMs < tokens.accessExpiresAtMs &&
      nowMs < Math.max(renewAtMs(tokens), this.#renewalHeldUntilMs)
    ) {
      return tokens.accessToken;
    }
    try {
      return (await this.#renew(signal)).accessToken;
    } catch (error) {
      // Renewal is early on purpose: while the old token lives, trouble with the next one is no trouble yet.
      if (tokens === undefined || nowMs >= tokens.accessExpiresAtMs || isAbortError(error)) throw error;
      this.#renewalHeldUntilMs = nowMs + RENEWAL_HOLD_MS;
      this.#options.logger.warn(
        { event: 'auth.renewal-failed', reason: messageOf(error) },
        'could not renew the access token; the old one is still good',
      );
      return tokens.accessToken;
    }
  }

  /** A token other than `refused`, which upstream answered with 401. Callers who come together share one renewal. */
  async accessTokenInsteadOf(refused: string, signal?: AbortSignal): Promise<string> {
    await this.#load();
    if (this.#tokens !== undefined && this.#tokens.accessToken !== refused) return this.#tokens.accessToken;
    return (await this.#renew(signal)).accessToken;
  }

  /** Logs in with these credentials and keeps using them. @throws MirrorError AUTH_FAILED, UPSTREAM_* */
  async login(username: string, password: string, signal?: AbortSignal): Promise<void> {
    await this.#load();
    const credentials = { username: username.trim().toLowerCase(), password };
    await this.#settled();
    this.#refusal = undefined;
    await raceAbort(this.#inFlight(this.#login(credentials)), signal);
    this.#credentials = credentials;
  }

  /** Revokes the refresh token, forgets the credentials and deletes the token file; local traces go even when upstream is away. */
  async logout(): Promise<void> {
    await this.#load();
    await this.#settled();
    const tokens = this.#tokens;
    this.#tokens = undefined;
    this.#credentials = undefined;
    await this.#file.remove();
    const refreshToken = tokens?.refreshToken ?? null;
    if (refreshToken === null) return;
    const { response, route } = await this.#post('/v1/token-revoke', { refresh_token: refreshToken });
    if (response.status === 401 || response.status < 300) await response.discard();
    else throw await statusError(response, route, this.#options.now());
  }

  #load(): Promise<void> {
    this.#loading ??= this.#readFile().catch((error: unknown) => {
      this.#loading = undefined;
      throw error;
    });
    return this.#loading;
  }

  async #readFile(): Promise<void> {
    const stored = await this.#file.read();
    if (stored === undefined) return;
    // Tokens of another service or of another account are of no use, and must not be shown to this one.
    if (stored.authOrigin !== this.#options.authUrl.origin) return;
    if (this.#username !== '' && stored.username !== this.#username) return;
    this.#username = stored.username;
    this.#tokens = stored;
  }

  #renew(signal: AbortSignal | undefined): Promise<Tokens> {
    return raceAbort(this.#renewing ?? this.#inFlight(this.#refreshOrLogin()), signal);
  }

  /** Makes `work` the one renewal that everybody waits for. */
  #inFlight(work: Promise<Tokens>): Promise<Tokens> {
    const renewing = work.finally(() => {
      if (this.#renewing === renewing) this.#renewing = undefined;
    });
    this.#renewing = renewing;
    return renewing;
  }

  /** Waits for a renewal under way, so that its tokens do not overwrite what comes next. Its outcome belongs to those who asked for it. */
  async #settled(): Promise<void> {
    await Promise.allSettled(this.#renewing === undefined ? [] : [this.#renewing]);
  }

  async #refreshOrLogin(): Promise<Tokens> {
    const tokens = this.#tokens;
    if (tokens !== undefined && tokens.refreshToken !== null && tokens.refreshCount < MAX_REFRESHES) {
      const renewed = await this.#refresh(tokens, tokens.refreshToken);
      if (renewed !== undefined) return renewed;
    }
    if (this.#credentials === undefined) {
      throw new MirrorError(
        'AUTH_REQUIRED',
        `Not logged in to ${shownUrl(this.#options.authUrl)}${tokens === undefined ? '' : ': the stored login is no longer accepted'}. Run \`wikimirror login\`, or set WME_USERNAME and WME_PASSWORD.`,
      );
    }
    return await this.#login(this.#credentials);
  }

  /** `undefined` when upstream does not take this refresh token any more: only a login helps then. */
  async #refresh(tokens: Tokens, refreshToken: string): Promise<Tokens | undefined> {
    let spent = tokens.refreshCount;
    const answer = await this.#options.retry.run(async () => {
      spent += 1;
      const { response, route } = await this.#post('/v1/token-refresh', {
        username: tokens.username,
        refresh_token: refreshToken,
      });
      // 429 means the 90 renewals are spent, unless it says when to come back.
      const isSpent =
        response.status === 429 && parseRetryAfterMs(response.header('retry-after'), this.#options.now()) === undefined;
      if (response.status === 401 || isSpent) {
        await response.discard();
        return undefined;
      }
      return await this.#readAnswer(GrantSchema, response, route);
    }, 'auth.refresh');
    if (answer === undefined) {
      this.#options.logger.warn(
        { event: 'auth.refresh-refused', refreshCount: spent },
        'the refresh token is no longer accepted',
      );
      await this.#keep({ ...tokens, refreshToken: null, refreshCount: spent });
      return undefined;
    }
    const renewed = this.#tokensOf(answer, tokens.username, {
      refreshToken: answer.refresh_token ?? refreshToken,
      refreshCount: answer.refresh_token === undefined || answer.refresh_token === refreshToken ? spent : 0,
      loggedInAtMs: tokens.loggedInAtMs,
    });
    await this.#keep(renewed);
    this.#options.logger.info({ event: 'auth.refreshed', refreshCount: renewed.refreshCount }, 'access token renewed');
    return renewed;
  }

  async #login(credentials: Credentials): Promise<Tokens> {
    const nowMs = this.#options.now();
    if (this.#refusal !== undefined && nowMs - this.#refusal.atMs < REFUSAL_HOLD_MS) throw this.#refusal.error;
    const answer = await this.#options.retry.run(async () => {
      const { response, route } = await this.#post('/v1/login', credentials);
      if (
        response.status >= 400 &&
        response.status < 500 &&
        response.status !== 404 &&
        response.status !== 408 &&
        response.status !== 429
      ) {
        const { status } = response;
        await response.discard();
        const error = this.#passwordRefused(credentials.username, status);
        this.#refusal = { error, atMs: nowMs };
        throw error;
      }
      return await this.#readAnswer(Type.Union([GrantSchema, ChallengeSchema]), response, route);
    }, 'auth.login');
    if (!('access_token' in answer)) {
      throw new MirrorError(
        'AUTH_FAILED',
        `The account "${credentials.username}" must do something first (${answer.challenge_name.slice(0, 60)}), such as setting a new password. Log in once on the service's own page, then try again.`,
      );
    }
    this.#username = credentials.username;
    const tokens = this.#tokensOf(answer, credentials.username, {
      refreshToken: answer.refresh_token ?? null,
      refreshCount: 0,
      loggedInAtMs: nowMs,
    });
    await this.#keep(tokens);
    this.#options.logger.info({ event: 'auth.logged-in', auth: shownUrl(this.#options.authUrl) }, 'logged in to upstream');
    return tokens;
  }

  #passwordRefused(username: string, status: number): MirrorError {
    return new MirrorError(
      'AUTH_FAILED',
      `${shownUrl(this.#options.authUrl)} did not accept the user name "${username}" with this password (${status}). Check both (\`wikimirror login\`, or WME_USERNAME and WME_PASSWORD); a new account must be confirmed by mail first.`,
      { context: { username, status } },
    );
  }

  #tokensOf(
    grant: Static<typeof GrantSchema>,
    username: string,
    rest: Pick<Tokens, 'refreshToken' | 'refreshCount' | 'loggedInAtMs'>,
  ): Tokens {
    const nowMs = this.#options.now();
    return {
      version: 1,
      authOrigin: this.#options.authUrl.origin,
      username,
      accessToken: grant.access_token,
      accessIssuedAtMs: nowMs,
      accessExpiresAtMs: nowMs + (grant.expires_in ?? DEFAULT_LIFETIME_SECONDS) * 1000,
      ...rest,
    };
  }

  async #keep(tokens: Tokens): Promise<void> {
    this.#tokens = tokens;
    await this.#file.write(tokens);
  }

  async #post(path: string, body: object): Promise<{ response: HttpResponse; route: string }> {
    const url = joinUrl(this.#options.authUrl, path);
    throwIfAborted(this.#options.http.closing);
    const response = await this.#options.http.send({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(body),
      // Shared by all who wait for it: only closing the client ends it early.
      signal: undefined,
    });
    return { response, route: `POST ${shownUrl(url)}` };
  }

  /** Never quotes the body: it holds tokens. */
  async #readAnswer<S extends TSchema>(schema: S, response: HttpResponse, route: string): Promise<Static<S>> {
    if (isHtml(response)) {
      await response.discard();
      throw webPageError(response, route);
    }
    if (response.status !== 200) throw await statusError(response, route, this.#options.now());
    const body = await readBody(response, route, TOKEN_BODY_BYTES);
    try {
      const parsed: unknown = JSON.parse(body.toString('utf8'));
      if (Value.Check(schema, parsed)) return parsed;
    } catch {
      // Falls through to the one error below; the parser's own message would quote the body.
    }
    throw new MirrorError('UPSTREAM_PROTOCOL', `${route} answered 200 without tokens in it. Check WME_AUTH_URL.`);
  }
}

function renewAtMs(tokens: Tokens): number {
  return tokens.accessIssuedAtMs + (tokens.accessExpiresAtMs - tokens.accessIssuedAtMs) * RENEW_AFTER;
}
