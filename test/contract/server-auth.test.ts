import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/running-server.ts';
import { CONTROL_TOKEN, lakes, login, serve, type Harness } from './server-harness.ts';

const DAY_MS = 86_400_000;

function post({ get }: Harness, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return get(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

async function keyFolder(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  return join(folder.path, 'keys.json');
}

describe('§2 login', () => {
  it('accepts any credentials where no users are configured, and answers tokens with integer lifetime', async () => {
    const harness = await serve();
    const tokens = await login(harness);
    expect(Object.keys(tokens).sort()).toEqual(['access_token', 'expires_in', 'id_token', 'refresh_token']);
    expect(tokens.expires_in).toBe(86_400);
    expect(decodeProtectedHeader(tokens.access_token)).toMatchObject({ alg: 'RS256' });
    const claims = decodeJwt(tokens.access_token);
    expect(claims).toMatchObject({
      client_id: 'wikimirror',
      sub: expect.any(String),
      'cognito:groups': ['wikimirror'],
      username: 'ann',
    });
    expect(Number(claims.exp) - Number(claims.iat)).toBe(86_400);
    expect(decodeJwt(tokens.id_token)).toMatchObject({ token_use: 'id', sub: claims.sub });
  });

  it('reads form logins too', async () => {
    const { get } = await serve();
    const response = await get('/v1/login', { method: 'POST', body: new URLSearchParams({ username: 'ann', password: 'x' }) });
    expect(response.status).toBe(200);
  });

  it.each([
    {},
    { username: 'ann' },
    { username: '', password: 'x' },
    { username: 'a'.repeat(256), password: 'x' },
    { username: 7, password: 'x' },
    [],
    'x',
  ])('422 for %j', async (body) => {
    const response = await post(await serve(), '/v1/login', body);
    expect(response.status).toBe(422);
    expect(await response.json()).toEqual({ status: 422, message: expect.any(String) });
  });

  it('asks for the control token as password when other machines can call', async () => {
    const harness = await serve(lakes(), { allowRemote: true });
    expect((await post(harness, '/v1/login', { username: 'ann', password: 'guess' })).status).toBe(401);
    const granted = await post(harness, '/v1/login', { username: 'ann', password: CONTROL_TOKEN });
    const { access_token: token } = (await granted.json()) as { access_token: string };
    expect((await harness.get('/v2/codes')).status).toBe(401);
    expect((await harness.get('/v2/articles/AC/DC')).status).toBe(401);
    expect((await harness.get('/v2/codes', { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await harness.get('/v2/status')).status).toBe(200);
  });
});

describe('§2 token-refresh', () => {
  it('gives new access and ID tokens, and no new refresh token', async () => {
    const harness = await serve();
    const { refresh_token } = await login(harness);
    const response = await post(harness, '/v1/token-refresh', { username: 'ANN', refresh_token });
    expect(Object.keys((await response.json()) as object).sort()).toEqual(['access_token', 'expires_in', 'id_token']);
  });

  it('429 with Retry-After after 90 uses', async () => {
    const harness = await serve();
    const { refresh_token } = await login(harness);
    for (let use = 1; use <= 90; use += 1) {
      const response = await post(harness, '/v1/token-refresh', { username: 'ann', refresh_token });
      expect(response.status, `use ${use}`).toBe(200);
    }
    const refused = await post(harness, '/v1/token-refresh', { username: 'ann', refresh_token });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('401 for an unknown, a foreign, a revoked and an expired token; 422 without one', async () => {
    let nowMs = Date.now();
    const harness = await serve(lakes(), { now: () => nowMs });
    const { refresh_token } = await login(harness);
    const refresh = async (body: object): Promise<number> => (await post(harness, '/v1/token-refresh', body)).status;
    expect(await refresh({ username: 'ann', refresh_token: 'invented' })).toBe(401);
    expect(await refresh({ username: 'bob', refresh_token })).toBe(401);
    expect(await refresh({ username: 'ann' })).toBe(422);
    nowMs += 89 * DAY_MS;
    expect(await refresh({ username: 'ann', refresh_token })).toBe(200);
    nowMs += 2 * DAY_MS;
    expect(await refresh({ username: 'ann', refresh_token })).toBe(401);
  });
});

describe('§2 token-revoke', () => {
  it('204 without a body, then the token is gone', async () => {
    const harness = await serve();
    const { refresh_token } = await login(harness);
    const revoked = await post(harness, '/v1/token-revoke', { refresh_token });
    expect(revoked.status).toBe(204);
    expect(await revoked.text()).toBe('');
    expect((await post(harness, '/v1/token-revoke', { refresh_token })).status).toBe(401);
    expect((await post(harness, '/v1/token-refresh', { username: 'ann', refresh_token })).status).toBe(401);
    expect((await post(harness, '/v1/token-revoke', {})).status).toBe(422);
  });
});

describe('§2 get-user, status, account management', () => {
  it('tells who the token belongs to, what it may call, and counters that never fill', async () => {
    const harness = await serve();
    const { access_token } = await login(harness);
    const user: unknown = await (await post(harness, '/v1/get-user', {}, { authorization: `Bearer ${access_token}` })).json();
    expect(user).toMatchObject({
      username: 'ann',
      groups: ['wikimirror'],
      ondemand_requests_count: 0,
      snapshot_limit: expect.any(Number),
    });
    expect(user).toMatchObject({ apis: expect.arrayContaining([{ path: '/v2/articles/*', method: 'POST' }]) });
    expect((await post(harness, '/v1/get-user', {})).status).toBe(401);
  });

  it.each(['/v1/status', '/v2/status'])('%s is 200 and empty', async (path) => {
    const { get } = await serve();
    const response = await get(path);
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect((await get(path, { method: 'HEAD' })).status).toBe(200);
  });

  it.each(['forgot-password', 'change-password', 'create-user', 'confirm-user', 'new-password-required'])(
    '%s is 404',
    async (call) => {
      expect((await post(await serve(), `/v1/${call}`, { username: 'ann' })).status).toBe(404);
    },
  );
});

describe('§1.6 tokens on the compatible routes', () => {
  it('accepts the scheme in any case, a bare token and the control token; refuses every other one', async () => {
    let nowMs = Date.now();
    const harness = await serve(lakes(), { now: () => nowMs });
    const { access_token: token, id_token: idToken } = await login(harness);
    const other = await login(await serve(lakes(), { keyFile: await keyFolder() }));
    const status = async (authorization: string): Promise<number> =>
      (await harness.get('/v2/codes', { headers: { authorization } })).status;
    for (const good of [`Bearer ${token}`, `bearer ${token}`, `BEARER   ${token}`, token, `Bearer ${CONTROL_TOKEN}`]) {
      expect(await status(good), good.slice(0, 10)).toBe(200);
    }
    const [head, , signature] = token.split('.');
    const forged = Buffer.from('{"username":"ann","sub":"x","exp":9999999999,"iss":"wikimirror","token_use":"access"}').toString(
      'base64url',
    );
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${forged}.`;
    for (const bad of [
      'Bearer',
      'Bearer ',
      'Bearer x',
      idToken,
      other.access_token,
      `${String(head)}.${forged}.${String(signature)}`,
      unsigned,
    ]) {
      expect(await status(bad), bad.slice(0, 10)).toBe(401);
    }
    nowMs += DAY_MS + 1_000;
    expect(await status(token)).toBe(401);
  });
});

describe('the key file', () => {
  it('is for the owner alone, holds no token in the clear, and keeps logins over a restart', async () => {
    const keyFile = await keyFolder();
    const first = await serve(lakes(), { keyFile });
    const { access_token, refresh_token } = await login(first);
    const text = await readFile(keyFile, 'utf8');
    expect(text).not.toContain(refresh_token);
    if (process.platform !== 'win32') expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    await first.server.close();
    await chmod(keyFile, 0o644);
    const second = await serve(lakes(), { keyFile });
    expect((await second.get('/v2/codes', { headers: { authorization: access_token } })).status).toBe(200);
    expect((await post(second, '/v1/token-refresh', { username: 'ann', refresh_token })).status).toBe(200);
    if (process.platform !== 'win32') expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
  });

  it.each(['', '{', '{"version":2}', '{"version":1,"kid":"a","privateKey":{},"publicKey":{},"refreshTokens":[]}'])(
    'is reported when damaged (%j), with the way out',
    async (text) => {
      const keyFile = await keyFolder();
      await writeFile(keyFile, text);
      await expect(serve(lakes(), { keyFile })).rejects.toMatchObject({
        code: 'STORE_CORRUPT',
        message: expect.stringContaining('Delete it'),
      });
      expect(await readFile(keyFile, 'utf8')).toBe(text);
    },
  );

  it('is reported when it cannot be written', async () => {
    const keyFile = join(await keyFolder(), 'no', 'such', 'folder', 'keys.json');
    await expect(serve(lakes(), { keyFile })).rejects.toMatchObject({ code: 'DATA_UNWRITABLE' });
  });

  it('keeps every one of many logins at once', async () => {
    const harness = await serve();
    const all = await Promise.all(Array.from({ length: 12 }, () => login(harness)));
    const file = JSON.parse(await readFile(harness.options.keyFile, 'utf8')) as { refreshTokens: unknown[] };
    expect(file.refreshTokens.length).toBeGreaterThanOrEqual(12);
    for (const { refresh_token } of all) {
      expect((await post(harness, '/v1/token-revoke', { refresh_token })).status).toBe(204);
    }
  });
});
