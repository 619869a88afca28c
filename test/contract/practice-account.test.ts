import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PRACTICE_HEADER, PRACTICE_HEADER_VALUE } from '../../mirror-core/contracts/practice.ts';
import { DATASET, login, post, practiceFor, PROJECT, type Tokens, type TestPractice, type WireRecord } from './practice-setup.ts';

describe('practice upstream: sign-in', () => {
  let clock = Date.UTC(2026, 4, 4, 12);
  let rig: TestPractice;
  beforeAll(async () => {
    rig = await practiceFor({ credentials: { username: 'ada', password: 'right' }, now: () => clock });
    Object.assign(rig, { token: (await login(rig.practice, 'ada', 'right')).access_token });
  });
  afterAll(() => rig.practice.close());
  const v1 = (call: string, body: unknown, headers = {}) => post(`${rig.practice.url}/v1/${call}`, body, headers);

  it('answers a login with three tokens and an integer lifetime', async () => {
    const answer = await login(rig.practice, 'ada', 'right');
    expect(Object.keys(answer).sort()).toEqual(['access_token', 'expires_in', 'id_token', 'refresh_token']);
    expect(answer.expires_in).toBe(86_400);
    const claims: unknown = JSON.parse(Buffer.from(answer.access_token.split('.')[1] ?? '', 'base64url').toString());
    expect(claims).toMatchObject({ client_id: 'practice', 'cognito:groups': ['group_3'] });
  });

  it('refuses wrong credentials with 401 and missing ones with 422, as status and message', async () => {
    const wrong = await v1('login', { username: 'ada', password: 'wrong' });
    expect(wrong.status).toBe(401);
    expect(await wrong.text()).toMatch(/^\{"status":401,"message":".+"\}\n$/);
    expect((await v1('login', { username: '', password: 'x' })).status).toBe(422);
  });

  it('gives no new refresh token on refresh, and no more than 90 refreshes', async () => {
    const { refresh_token } = await login(rig.practice, 'ada', 'right');
    for (let count = 0; count < 90; count += 1) {
      const answer = await v1('token-refresh', { username: 'ada', refresh_token });
      expect(answer.status).toBe(200);
      if (count === 0)
        expect(Object.keys((await answer.json()) as Tokens).sort()).toEqual(['access_token', 'expires_in', 'id_token']);
    }
    expect((await v1('token-refresh', { username: 'ada', refresh_token })).status).toBe(429);
  });

  it('ends a refresh token on revocation', async () => {
    const { refresh_token } = await login(rig.practice, 'ada', 'right');
    const revoked = await v1('token-revoke', { refresh_token });
    expect([revoked.status, await revoked.text()]).toEqual([204, '']);
    expect((await v1('token-refresh', { username: 'ada', refresh_token })).status).toBe(401);
    expect((await v1('token-revoke', { refresh_token })).status).toBe(401);
  });

  it('lets access tokens expire', async () => {
    const { access_token } = await login(rig.practice, 'ada', 'right');
    const call = () => fetch(`${rig.practice.url}/v2/codes`, { headers: { authorization: access_token } });
    expect((await call()).status).toBe(200);
    clock += 86_401_000;
    expect((await call()).status).toBe(401);
  });
});

describe('practice upstream: permissions', () => {
  let rig: TestPractice;
  beforeAll(async () => (rig = await practiceFor({ account: 'free', quotas: { onDemand: 2, snapshot: 1, chunk: 1 } })));
  afterAll(() => rig.practice.close());

  it('looks at the token first, then at the permission, and only then whether the thing exists', async () => {
    expect((await fetch(`${rig.practice.url}/v2/nowhere`)).status).toBe(401);
    expect((await rig.call('/v2/nowhere')).status).toBe(403);
    expect((await rig.call('/v2/projects', { method: 'PUT' })).status).toBe(403);
    expect((await rig.call('/v2/articles')).status).toBe(403);
    expect((await rig.call('/v2/batches/2026-01-01/00')).status).toBe(403);
    expect((await rig.call('/v2/projects/nowiki')).status).toBe(404);
  });

  it('caps each kind of request and counts the failing ones too', async () => {
    expect((await rig.call('/v2/articles/Nothing_here')).status).toBe(404);
    expect((await rig.call('/v2/articles/Nothing_here')).status).toBe(404);
    expect((await rig.call('/v2/articles/Nothing_here')).status).toBe(429);
    expect((await rig.call(`/v2/snapshots/${DATASET}/download`, { method: 'HEAD' })).status).toBe(200);
    expect((await rig.call('/v2/snapshots/unknown/download')).status).toBe(307);
    expect((await rig.call(`/v2/snapshots/${DATASET}/download`)).status).toBe(429);
    const user = (await (await post(`${rig.practice.url}/v1/get-user`, {}, { authorization: `Bearer ${rig.token}` })).json()) as {
      readonly apis: readonly unknown[];
    };
    expect(user).toMatchObject({
      username: 'tester',
      groups: ['group_1'],
      ondemand_requests_count: 2,
      ondemand_limit: 2,
      snapshot_limit: 1,
    });
    expect(user.apis).toContainEqual({ path: '/v2/snapshots', method: 'GET' });
    expect(user.apis).not.toContainEqual({ path: '/v2/articles', method: 'GET' });
  });

  it('marks every answer, errors and the other origin included, as practice', async () => {
    const answers = [
      await rig.call('/v2/codes'),
      await fetch(`${rig.practice.url}/v2/codes`),
      await fetch(`${rig.practice.url}/v1/login`, { method: 'POST' }),
      await fetch(`${rig.practice.url}/practice/status`),
      await fetch(`${rig.practice.storeUrl}/anything`),
      await fetch(`${rig.practice.url}/v2/status`),
    ];
    for (const answer of answers) expect(answer.headers.get(PRACTICE_HEADER)).toBe(PRACTICE_HEADER_VALUE);
  });

  it('answers a CORS preflight without a token, but not for the controls', async () => {
    const preflight = await fetch(`${rig.practice.url}/v2/codes`, { method: 'OPTIONS' });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
    const control = await fetch(`${rig.practice.url}/practice/act`, { method: 'OPTIONS' });
    expect([control.status, control.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  });
});

describe('practice upstream: controls', () => {
  let directory: string;
  let rig: TestPractice;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'practice-'));
    rig = await practiceFor({ directory });
  });
  afterAll(async () => {
    await rig.practice.close();
    await rm(directory, { recursive: true });
  });
  const control = (path: string, body?: unknown, key = rig.practice.controlKey) =>
    body === undefined
      ? fetch(`${rig.practice.url}/practice/${path}`, { headers: { 'x-practice-key': key } })
      : post(`${rig.practice.url}/practice/${path}`, body, { 'x-practice-key': key });

  it('needs the key, which lies in the directory readable by its owner alone', async () => {
    expect((await control('status', undefined, 'guess')).status).toBe(403);
    const path = join(directory, 'practice-control-key');
    expect(await readFile(path, 'utf8')).toBe(rig.practice.controlKey);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('acts on a named page, tells what it did, and refuses what cannot be done', async () => {
    const created = (await (await control('act', { action: 'create', project: PROJECT })).json()) as readonly {
      readonly title: string;
    }[];
    const title = created[0]?.title ?? '';
    const acted = await (await control('act', { action: 'move', project: PROJECT, title, target: 'A new place' })).json();
    expect(acted).toEqual([{ action: 'move', project: PROJECT, title: 'A new place' }]);
    expect((await control('act', { action: 'edit', project: PROJECT, title })).status).toBe(404);
    expect((await control('act', { action: 'explode' })).status).toBe(422);
    expect((await control('act', { action: 'edit', count: 0 })).status).toBe(422);
  });

  it('tells the truth about every live title, with what is hidden aside', async () => {
    await control('act', { action: 'create', project: PROJECT, title: 'Half hidden' });
    await control('act', { action: 'hide', project: PROJECT, title: 'Half hidden', visibility: { editor: false } });
    const lines = (await (await control(`truth/${DATASET}`)).text())
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { readonly title: string; readonly visibility: unknown; readonly record: WireRecord });
    const row = lines.find((line) => line.title === 'Half_hidden');
    expect(row?.visibility).toEqual({ text: true, editor: false, comment: true });
    expect(row?.record).toEqual((await rig.articles('/v2/articles/Half_hidden'))[0]);
    expect((await control('truth/enwiki_namespace_0')).status).toBe(404);
  });

  it('changes the rate and reports its state', async () => {
    const status = await (await control('rate', { editsPerSecond: 0.001 })).json();
    expect(status).toMatchObject({ editsPerSecond: 0.001, account: 'realtime', isExporting: false });
    expect((await control('rate', { editsPerSecond: -1 })).status).toBe(422);
  });
});
