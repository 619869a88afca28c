/** Who is calling: the control token, a token from `/v1/login`, or nobody (contract §1.6, desktop-security F). */
import { createHash, timingSafeEqual } from 'node:crypto';
import { MirrorError } from '../contracts/errors.ts';
import type { TokenIssuer } from './access-tokens.ts';

/** Name under which the holder of the control token appears. */
const OPERATOR = 'operator';

const WHERE = 'Use the text in secrets/control-token of its data directory (the command line takes it from WIKIMIRROR_TOKEN).';

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

export class Credentials {
  readonly #controlDigest: Buffer;
  readonly #tokens: TokenIssuer;

  constructor(controlToken: string, tokens: TokenIssuer) {
    this.#controlDigest = digest(controlToken);
    this.#tokens = tokens;
  }

  /** Compared by digest in constant time: neither length nor a common beginning shows. */
  isControlToken(token: string): boolean {
    return timingSafeEqual(digest(token), this.#controlDigest);
  }

  /** @throws MirrorError AUTH_REQUIRED without a token, AUTH_FAILED with another one */
  requireControl(authorization: string | undefined): void {
    const token = tokenIn(authorization);
    if (token === undefined || token === '') {
      throw new MirrorError('AUTH_REQUIRED', `This call needs the control token as "Authorization: Bearer …". ${WHERE}`);
    }
    if (!this.isControlToken(token)) {
      throw new MirrorError('AUTH_FAILED', `The token is not the control token of this mirror. ${WHERE}`);
    }
  }

  /**
   * The user behind the header, or `undefined` when the client sent no token at all.
   * @throws MirrorError AUTH_FAILED when a token was sent and is empty, foreign or expired
   */
  async userOf(authorization: string | undefined): Promise<string | undefined> {
    const token = tokenIn(authorization);
    if (token === undefined) return undefined;
    if (token === '') throw new MirrorError('AUTH_FAILED', 'The Authorization header has an empty token.');
    return this.isControlToken(token) ? OPERATOR : this.#tokens.verify(token);
  }
}

/** The token in an `Authorization` header: with the scheme in any case, or bare. */
function tokenIn(authorization: string | undefined): string | undefined {
  return authorization?.trim().replace(/^bearer(?:\s+|$)/i, '');
}
