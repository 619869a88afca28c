import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { startServer } from '../../mirror-core/server/server.ts';
import { sendRaw, type RawAnswer } from '../support/running-server.ts';
import { CONTROL_TOKEN, lakes, login, serve, type Harness } from './server-harness.ts';

/** Sends these lines with the port filled in for `$PORT`. */
function send({ url }: Harness, lines: readonly string[], body = ''): Promise<RawAnswer> {
  const { port } = new URL(url);
  return sendRaw(url, `${[...lines, 'Connection: close'].join('\r\n').replaceAll('$PORT', port)}\r\n\r\n${body}`);
}

const TOKEN = `Authorization: Bearer ${CONTROL_TOKEN}`;
const HOST = 'Host: 127.0.0.1:$PORT';
const EVIL = 'https://evil.example';

describe('hostile requests (desktop-security F)', () => {
  it.each<[what: string, lines: string[], status: number]>([
    ['a foreign host name', ['GET /v2/codes HTTP/1.1', 'Host: evil.example'], 403],
    ['a foreign host name with our port', ['GET /v2/codes HTTP/1.1', 'Host: evil.example:$PORT'], 403],
    ['a name that begins like ours', ['GET /v2/codes HTTP/1.1', 'Host: localhost.evil.example'], 403],
    ['a name that ends like ours', ['GET /v2/codes HTTP/1.1', 'Host: evil-127.0.0.1'], 403],
    ['credentials in the host', ['GET /v2/codes HTTP/1.1', 'Host: localhost@evil.example'], 403],
    ['another port', ['GET /v2/codes HTTP/1.1', 'Host: 127.0.0.1:1'], 403],
    ['a private address', ['GET /v2/codes HTTP/1.1', 'Host: 192.168.0.1:$PORT'], 403],
    ['another loopback address', ['GET /v2/codes HTTP/1.1', 'Host: 127.0.0.2:$PORT'], 403],
    ['all addresses', ['GET /v2/codes HTTP/1.1', 'Host: 0.0.0.0:$PORT'], 403],
    ['a host written as a number', ['GET /v2/codes HTTP/1.1', 'Host: 2130706433:$PORT'], 403],
    ['an IPv4 address in IPv6', ['GET /v2/codes HTTP/1.1', 'Host: [::ffff:127.0.0.1]:$PORT'], 403],
    ['no host in HTTP/1.0', ['GET /v2/codes HTTP/1.0'], 403],
    ['no host in HTTP/1.1', ['GET /v2/codes HTTP/1.1'], 400],
    ['an empty host', ['GET /v2/codes HTTP/1.1', 'Host:'], 403],
    ['two hosts', ['GET /v2/codes HTTP/1.1', HOST, 'Host: evil.example'], 403],
    [
      'a forwarded host that is not believed',
      ['GET /v2/codes HTTP/1.1', 'Host: evil.example', 'X-Forwarded-Host: localhost'],
      403,
    ],
    ['an absolute target elsewhere', ['GET http://evil.example/v2/codes HTTP/1.1', HOST], 403],
    ['an absolute target here under a foreign host', ['GET http://localhost:$PORT/v2/codes HTTP/1.1', 'Host: evil.example'], 403],
    ['a foreign host on a target that cannot be decoded', ['GET /v2/articles/%zz HTTP/1.1', 'Host: evil.example'], 403],
    ['a foreign host on an unknown path', ['GET /nothing HTTP/1.1', 'Host: evil.example'], 403],
    ['a foreign host on the health page', ['GET /healthz HTTP/1.1', 'Host: evil.example'], 403],
    ['control API without a token', ['GET /api/status HTTP/1.1', HOST], 401],
    ['control API with a wrong token', ['GET /api/status HTTP/1.1', HOST, 'Authorization: Bearer nope'], 401],
    ['control API with the token in the URL', [`GET /api/status?token=${CONTROL_TOKEN} HTTP/1.1`, HOST], 401],
    ['control API, unknown path, no token', ['GET /api/nothing HTTP/1.1', HOST], 401],
    ['control API, path in disguise', ['GET /%61pi/status HTTP/1.1', HOST], 401],
    ['control API from another site', ['GET /api/status HTTP/1.1', HOST, TOKEN, `Origin: ${EVIL}`], 403],
    ['control API from a null origin', ['GET /api/status HTTP/1.1', HOST, TOKEN, 'Origin: null'], 403],
    [
      'control API from another port of this machine',
      ['GET /api/status HTTP/1.1', HOST, TOKEN, 'Origin: http://127.0.0.1:1'],
      403,
    ],
    ['control API by a cross-site navigation', ['GET /api/status HTTP/1.1', HOST, TOKEN, 'Sec-Fetch-Site: cross-site'], 403],
    ['control API from the same site, other origin', ['GET /api/status HTTP/1.1', HOST, TOKEN, 'Sec-Fetch-Site: same-site'], 403],
    ['a login from another site', ['POST /v1/login HTTP/1.1', HOST, `Origin: ${EVIL}`, 'Content-Length: 0'], 403],
    [
      'a look-up by POST from another site',
      ['POST /v2/codes HTTP/1.1', HOST, 'Sec-Fetch-Site: cross-site', 'Content-Length: 0'],
      403,
    ],
    [
      'a form sent to the control API',
      ['POST /api/datasets HTTP/1.1', HOST, TOKEN, 'Content-Type: text/plain', 'Content-Length: 0'],
      422,
    ],
    [
      'a write without a content type',
      ['POST /api/datasets/enwiki_namespace_0/pause HTTP/1.1', HOST, TOKEN, 'Content-Length: 0'],
      422,
    ],
    ['a write by GET', ['GET /api/datasets/enwiki_namespace_0/pause HTTP/1.1', HOST, TOKEN], 404],
    ['a path that climbs', ['GET /v2/articles/../../etc/passwd HTTP/1.1', HOST], 404],
    ['a method that is none', ['BREW /v2/codes HTTP/1.1', HOST], 400],
    ['headers beyond the limit', ['GET /v2/codes HTTP/1.1', HOST, `X-Long: ${'x'.repeat(70_000)}`], 431],
    ['a URL beyond the limit', [`GET /v2/articles/${'x'.repeat(40_000)} HTTP/1.1`, HOST], 414],
  ])('%s', async (_what, lines, status) => {
    const harness = await serve();
    const answer = await send(harness, lines);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('    at ');
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
    expect(harness.control.calls).toEqual([]);
  });

  it.each<[what: string, lines: string[]]>([
    ['the address', ['GET /v2/codes HTTP/1.1', HOST]],
    ['without a port', ['GET /v2/codes HTTP/1.1', 'Host: localhost']],
    ['localhost in capitals', ['GET /v2/codes HTTP/1.1', 'Host: LOCALHOST:$PORT']],
    ['localhost with its dot', ['GET /v2/codes HTTP/1.1', 'Host: localhost.:$PORT']],
    ['IPv6', ['GET /v2/codes HTTP/1.1', 'Host: [::1]:$PORT']],
    ['an absolute target', ['GET http://localhost:$PORT/v2/codes HTTP/1.1', HOST]],
    ['our own origin', ['POST /v2/codes HTTP/1.1', HOST, 'Origin: http://127.0.0.1:$PORT', 'Content-Length: 0']],
    ['same-origin fetch', ['GET /api/status HTTP/1.1', HOST, TOKEN, 'Sec-Fetch-Site: same-origin']],
    ['typed into a browser', ['GET /v2/codes HTTP/1.1', HOST, 'Sec-Fetch-Site: none']],
    ['a cross-site read that no page can see', ['GET /v2/codes HTTP/1.1', HOST, `Origin: ${EVIL}`]],
  ])('lets through: %s', async (_what, lines) => {
    const answer = await send(await serve(), lines);
    expect(answer.status).toBe(200);
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('explains a refused host and both ways out', async () => {
    const answer = await send(await serve(), ['GET /v2/codes HTTP/1.1', 'Host: evil.example']);
    expect(answer.body).toContain('127.0.0.1');
    expect(answer.body).toContain('server.allowedHosts');
  });

  it('answers under configured names: any with our port or none, and a named port alone', async () => {
    const harness = await serve(lakes(), { allowedHosts: ['mirror.example', 'proxy.example:8443'] });
    const status = async (host: string): Promise<number> =>
      (await send(harness, ['GET /v2/codes HTTP/1.1', `Host: ${host}`])).status;
    expect(await status('mirror.example')).toBe(200);
    expect(await status('Mirror.Example:$PORT')).toBe(200);
    expect(await status('mirror.example:1')).toBe(403);
    expect(await status('proxy.example:8443')).toBe(200);
    expect(await status('proxy.example')).toBe(403);
  });
});

describe('headers on every response', () => {
  it.each(['/v2/codes', '/v2/articles/Nobody', '/api/status', '/healthz', '/nothing', '/v2/articles/%zz', '/api/openapi.json'])(
    '%s',
    async (path) => {
      const answer = await send(await serve(), [`GET ${path} HTTP/1.1`, HOST]);
      expect(answer.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-resource-policy': 'same-origin',
        'content-security-policy': "default-src 'none'",
        'x-frame-options': 'DENY',
        'x-request-id': expect.any(String),
        'cache-control': expect.any(String),
      });
    },
  );
});

describe('§1.6 CORS', () => {
  const origin = 'https://reader.example';

  it('is off: a preflight names nothing', async () => {
    const answer = await send(await serve(), [
      'OPTIONS /v2/codes HTTP/1.1',
      HOST,
      `Origin: ${origin}`,
      'Access-Control-Request-Method: POST',
    ]);
    expect(answer.status).toBe(204);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('lets named origins read and post to the compatible routes, before authentication, and nobody else', async () => {
    const harness = await serve(lakes(), { corsOrigins: [origin], allowRemote: true });
    const preflight = await send(harness, [
      'OPTIONS /v2/articles/AC/DC HTTP/1.1',
      HOST,
      `Origin: ${origin}`,
      'Access-Control-Request-Method: POST',
      'Access-Control-Request-Headers: authorization,content-type',
    ]);
    expect(preflight.status).toBe(204);
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-headers': 'authorization,content-type',
      vary: 'Origin',
    });
    const read = await send(harness, ['GET /v2/articles/AC/DC HTTP/1.1', HOST, TOKEN, `Origin: ${origin}`]);
    expect(read.headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin, Accept, Accept-Encoding' });
    const posted = await send(harness, ['POST /v2/codes HTTP/1.1', HOST, TOKEN, `Origin: ${origin}`, 'Content-Length: 0']);
    expect(posted.status).toBe(200);
    const stranger = await send(harness, ['GET /v2/codes HTTP/1.1', HOST, TOKEN, `Origin: ${EVIL}`]);
    expect(stranger.headers).toMatchObject({ vary: 'Origin' });
    expect(stranger.headers).not.toHaveProperty('access-control-allow-origin');
    const control = await send(harness, ['GET /api/status HTTP/1.1', HOST, TOKEN, `Origin: ${origin}`]);
    expect(control.status).toBe(403);
  });
});

describe('listening', () => {
  it('refuses an address that other machines can reach, saying why and what to do', async () => {
    const { options } = await serve();
    for (const host of ['0.0.0.0', '::', '192.168.1.2', 'mirror.example']) {
      await expect(startServer({ ...options, host })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('127.0.0.1'),
      });
    }
  });

  it('says which port is taken and how to choose another', async () => {
    const { options, url } = await serve();
    const port = Number(new URL(url).port);
    await expect(startServer({ ...options, port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringMatching(new RegExp(`127\\.0\\.0\\.1 port ${port} .*--port`)),
    });
  });

  it('never writes a token to the log', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'trace' }, { write: (line) => lines.push(line) });
    const harness = await serve(lakes(), { logger });
    const { access_token, refresh_token } = await login(harness);
    harness.control.failure = new Error('boom');
    expect((await harness.operate('/api/status')).status).toBe(500);
    await harness.get('/v2/articles/AC/DC', { headers: { authorization: `Bearer ${access_token}` } });
    await harness.get('/nothing', { headers: { authorization: 'Bearer wrong' } });
    const log = lines.join('');
    expect(log).toContain('boom');
    for (const secret of [CONTROL_TOKEN, access_token, refresh_token, 'secret']) expect(log).not.toContain(secret);
  });
});
