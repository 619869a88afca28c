import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { isMirrorError } from '../../mirror-core/contracts/errors.ts';
import { inTurn, sendJson } from '../support/scripted-upstream.ts';
import { PASSWORD, setUp } from './upstream-setup.ts';

const HOUR = 3_600_000;

async function caught(work: Promise<unknown>): Promise<Error> {
  try {
    await work;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('expected the work to fail with an Error');
}

describe('logging in', () => {
  it('logs in once, with the user name in lower case, and says who it is in the User-Agent', async () => {
    const { upstream, client } = await setUp();
    await Promise.all([client.codes(), client.codes(), client.codes()]);
    expect(upstream.count('POST', '/v1/login')).toBe(1);
    const login = upstream.asked.find((entry) => entry.path === '/v1/login');
    expect(login?.json).toEqual({ username: 'ada', password: PASSWORD });
    const list = upstream.asked.find((entry) => entry.path === '/v2/codes');
    expect(list?.headers.authorization).toBe('Bearer access-1');
    expect(list?.headers['user-agent']).toMatch(/^Wikimirror\/1\.2\.3 \(ops@example\.org\)/);
  });

  it('keeps the tokens over a restart, in a file for the owner alone', async () => {
    const { upstream, client, tokenFile, again } = await setUp();
    await client.codes();
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
    await again({ username: '', password: '' }).codes();
    expect(upstream.count('POST', '/v1/login')).toBe(1);
    expect(upstream.count('POST', '/v1/token-refresh')).toBe(0);
  });

  it('closes a token file that was open to others', async () => {
    const { client, tokenFile, again } = await setUp();
    await client.codes();
    await chmod(tokenFile, 0o644);
    await again().codes();
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
  });

  it('logs in anew when the token file is damaged', async () => {
    const { upstream, client, tokenFile, again } = await setUp();
    await client.codes();
    await writeFile(tokenFile, '{"version":1,"accessTok');
    await again().codes();
    expect(upstream.count('POST', '/v1/login')).toBe(2);
  });

  it('does not show tokens of one service to another', async () => {
    const first = await setUp();
    await first.client.codes();
    const other = await setUp({ tokenFile: first.tokenFile });
    await other.client.codes();
    expect(other.upstream.count('POST', '/v1/login')).toBe(1);
    expect(other.upstream.asked.every((entry) => !JSON.stringify(entry).includes('refresh-secret'))).toBe(true);
  });

  it('explains a wrong password, and does not repeat it at once', async () => {
    const { upstream, client, clock } = await setUp();
    upstream.on('POST', '/v1/login', (_, response) => sendJson(response, 401, { status: 401, message: `bad ${PASSWORD}` }));
    const error = await caught(client.capabilities());
    expect(isMirrorError(error, 'AUTH_FAILED')).toBe(true);
    expect(error.message).toContain('"ada"');
    expect(error.message).toContain('WME_PASSWORD');
    expect(error.message).not.toContain(PASSWORD);
    await caught(client.capabilities());
    expect(upstream.count('POST', '/v1/login')).toBe(1);
    clock.nowMs += HOUR;
    await caught(client.capabilities());
    expect(upstream.count('POST', '/v1/login')).toBe(2);
  });

  it('asks for a login when there are no credentials and no tokens', async () => {
    const { client, upstream } = await setUp({ username: '', password: '' });
    const error = await caught(client.codes());
    expect(isMirrorError(error, 'AUTH_REQUIRED')).toBe(true);
    expect(error.message).toContain('wikimirror login');
    expect(upstream.asked).toHaveLength(0);
  });

  it('explains an account that must set a new password', async () => {
    const { client, upstream } = await setUp();
    upstream.on('POST', '/v1/login', (_, response) =>
      sendJson(response, 200, { challenge_name: 'NEW_PASSWORD_REQUIRED', session: 's' }),
    );
    const error = await caught(client.codes());
    expect(isMirrorError(error, 'AUTH_FAILED')).toBe(true);
    expect(error.message).toContain('NEW_PASSWORD_REQUIRED');
  });

  it('takes credentials given later, and forgets them at logout', async () => {
    const { client, upstream, tokenFile } = await setUp({ username: '', password: '' });
    upstream.on('POST', '/v1/token-revoke', (_, response) => void response.writeHead(204).end());
    await client.login('BOB', 'secret of bob');
    await client.codes();
    await client.logout();
    await expect(stat(tokenFile)).rejects.toThrow('ENOENT');
    expect(upstream.asked.find((entry) => entry.path === '/v1/token-revoke')?.json).toEqual({ refresh_token: 'refresh-secret' });
    await expect(client.codes()).rejects.toMatchObject({ code: 'AUTH_REQUIRED' });
  });
});

describe('renewing', () => {
  it('renews at 80 % of the lifetime, once for all who ask together, and counts it', async () => {
    const { upstream, client, clock, tokenFile } = await setUp();
    await client.codes();
    clock.nowMs += 19 * HOUR;
    await client.codes();
    expect(upstream.count('POST', '/v1/token-refresh')).toBe(0);
    clock.nowMs += 0.3 * HOUR;
    await Promise.all(Array.from({ length: 10 }, () => client.codes()));
    expect(upstream.count('POST', '/v1/token-refresh')).toBe(1);
    expect(upstream.count('POST', '/v1/login')).toBe(1);
    const renewal = upstream.asked.find((entry) => entry.path === '/v1/token-refresh');
    expect(renewal?.json).toEqual({ username: 'ada', refresh_token: 'refresh-secret' });
    expect(JSON.parse(await readFile(tokenFile, 'utf8'))).toMatchObject({ refreshCount: 1, refreshToken: 'refresh-secret' });
  });

  it('renews on 401 and sends the request once more, single flight for many', async () => {
    const { upstream, client } = await setUp();
    upstream.on('GET', '/v2/languages', (asked, response) => {
      if (asked.headers.authorization === 'Bearer access-1') sendJson(response, 401, { status: 401, message: 'expired' });
      else sendJson(response, 200, [{ identifier: 'en' }]);
    });
    const lists = await Promise.all(Array.from({ length: 8 }, () => client.languages()));
    expect(lists.every((list) => list[0]?.identifier === 'en')).toBe(true);
    expect(upstream.count('POST', '/v1/token-refresh')).toBe(1);
  });

  it('gives up after one renewal when upstream still says 401', async () => {
    const { upstream, client } = await setUp();
    upstream.on('GET', '/v2/languages', (_, response) => sendJson(response, 401, { status: 401, message: 'no' }));
    await expect(client.languages()).rejects.toMatchObject({ code: 'AUTH_FAILED' });
    expect(upstream.count('GET', '/v2/languages')).toBe(2);
  });

  it('logs in again only when the refresh token is refused', async () => {
    const { upstream, client, clock } = await setUp();
    await client.codes();
    upstream.on('POST', '/v1/token-refresh', (_, response) => sendJson(response, 401, { status: 401, message: 'expired' }));
    clock.nowMs += 25 * HOUR;
    await client.codes();
    expect(upstream.count('POST', '/v1/login')).toBe(2);
  });

  it('logs in again after 90 renewals instead of asking for the 91st', async () => {
    const { upstream, client, clock } = await setUp();
    await client.codes();
    for (let day = 0; day < 91; day += 1) {
      clock.nowMs += 24 * HOUR;
      await client.codes();
    }
    expect(upstream.count('POST', '/v1/token-refresh')).toBe(90);
    expect(upstream.count('POST', '/v1/login')).toBe(2);
  });

  it('goes on with the old token while the auth service is down', async () => {
    const { upstream, client, clock } = await setUp();
    await client.codes();
    upstream.on('POST', '/v1/token-refresh', (_, response) => sendJson(response, 503, { status: 503, message: 'down' }));
    clock.nowMs += 20 * HOUR;
    await expect(client.codes()).resolves.toHaveLength(1);
    clock.nowMs += 5 * HOUR;
    await expect(client.codes()).rejects.toMatchObject({ code: 'UPSTREAM_ERROR' });
  });

  it('does not ask the auth service at every request while it is down', async () => {
    const { upstream, client, clock } = await setUp();
    await client.codes();
    upstream.on('POST', '/v1/token-refresh', (_, response) => sendJson(response, 503, { status: 503, message: 'down' }));
    clock.nowMs += 20 * HOUR;
    await client.codes();
    const tries = upstream.count('POST', '/v1/token-refresh');
    await client.codes();
    expect(upstream.count('POST', '/v1/token-refresh')).toBe(tries);
    clock.nowMs += HOUR;
    await client.codes();
    expect(upstream.count('POST', '/v1/token-refresh')).toBe(2 * tries);
  });

  it('uses the last token to its end when only a new login would help, and then asks for one', async () => {
    const { upstream, client, clock, again } = await setUp();
    await client.codes();
    upstream.on('POST', '/v1/token-refresh', (_, response) => sendJson(response, 401, { status: 401, message: 'revoked' }));
    const without = again({ username: '', password: '' });
    clock.nowMs += 20 * HOUR;
    await without.codes();
    clock.nowMs += 5 * HOUR;
    await expect(without.codes()).rejects.toMatchObject({ code: 'AUTH_REQUIRED' });
    expect(upstream.count('POST', '/v1/token-refresh')).toBe(1);
  });

  it('never logs a secret', async () => {
    const { upstream, client, clock, log } = await setUp();
    await client.capabilities();
    clock.nowMs += 20 * HOUR;
    await client.codes();
    upstream.on(
      'GET',
      '/v2/languages',
      inTurn((_, response) => void response.destroy()),
    );
    await caught(client.languages());
    expect(log()).toContain('auth.refreshed');
    expect(log()).not.toMatch(/access-\d|refresh-secret|correct horse/);
  });
});
