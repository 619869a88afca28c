import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FakeReader } from '../support/mirror-fakes.ts';
import { lakes, login, serve } from './server-harness.ts';

function withLists(reader: FakeReader = lakes()): FakeReader {
  reader.projectObjects = ['en', 'de', 'th'].map((language) => ({
    name: `Wikipedia ${language}`,
    identifier: `${language}wiki`,
    url: `https://${language}.wikipedia.org`,
    code: 'wiki',
    in_language: { identifier: language },
  }));
  reader.languageObjects = ['en', 'de', 'th'].map((identifier) => ({ identifier, name: identifier, direction: 'ltr' }));
  return reader;
}

async function identifiers(response: Response): Promise<unknown[]> {
  return ((await response.json()) as { identifier: unknown }[]).map(({ identifier }) => identifier);
}

describe('§4 metadata lists', () => {
  it.each(['GET', 'POST'])('by %s: full fixed lists of codes and namespaces', async (method) => {
    const { get } = await serve();
    expect(await identifiers(await get('/v2/codes', { method }))).toEqual([
      'wiki',
      'wikibooks',
      'wikinews',
      'wikiquote',
      'wikisource',
      'wikivoyage',
      'wiktionary',
      'wikiversity',
    ]);
    expect(await identifiers(await get('/v2/namespaces', { method }))).toEqual([0, 6, 10, 14]);
  });

  it('lists the stored catalogue, or only what is mirrored', async () => {
    const full = await serve(withLists());
    expect(await identifiers(await full.get('/v2/projects'))).toEqual(['enwiki', 'dewiki', 'thwiki']);
    const own = await serve(withLists(), { fullProjectList: false });
    expect(await identifiers(await own.get('/v2/projects'))).toEqual(['enwiki', 'dewiki']);
    expect(await identifiers(await own.get('/v2/languages'))).toEqual(['en', 'de']);
    expect((await own.get('/v2/projects/thwiki')).status).toBe(404);
  });

  it('reads fields and filters like everywhere, and nests what upstream flattens', async () => {
    const { get } = await serve(withLists());
    const filter = encodeURIComponent('{"field":"in_language.identifier","value":"de"}');
    const path = `/v2/projects?fields=in_language.identifier,identifier&filters=${filter}`;
    expect(await (await get(path)).text()).toBe('[{"identifier":"dewiki","in_language":{"identifier":"de"}}]');
    const body = JSON.stringify({ filters: [{ field: 'identifier', value: 14 }], fields: ['name'] });
    const headers = { 'content-type': 'application/json' };
    expect(await (await get('/v2/namespaces', { method: 'POST', headers, body })).text()).toBe('[{"name":"Category"}]');
  });

  it('an empty list is 200: [] or nothing', async () => {
    const { get } = await serve(new FakeReader());
    expect(await (await get('/v2/projects')).text()).toBe('[]');
    const lines = await get('/v2/projects', { headers: { accept: 'application/x-ndjson' } });
    expect([lines.status, lines.headers.get('content-type'), await lines.text()]).toEqual([200, 'application/x-ndjson', '']);
  });

  it('lines have no newline at the end', async () => {
    const { get } = await serve();
    const text = await (await get('/v2/codes?fields=identifier', { headers: { accept: 'application/x-ndjson' } })).text();
    expect(text.split('\n')).toHaveLength(8);
    expect(text.startsWith('{"identifier":"wiki"}\n{')).toBe(true);
  });

  it.each([
    ['/v2/codes/wiki', 'Wikipedia'],
    ['/v2/namespaces/0', 'Article'],
    ['/v2/languages/de', 'de'],
    ['/v2/projects/dewiki', 'Wikipedia de'],
    ['/v2/projects/dewiki/', 'Wikipedia de'],
  ])('%s is one object, by GET and POST, with fields', async (path, name) => {
    const { get } = await serve(withLists());
    expect(await (await get(path)).json()).toMatchObject({ name });
    expect(await (await get(`${path}?fields=name`, { method: 'POST' })).text()).toBe(JSON.stringify({ name }));
  });

  it.each(['/v2/codes/none', '/v2/namespaces/1', '/v2/languages/xx', '/v2/projects/xxwiki'])('%s is 404', async (path) => {
    const response = await (await serve(withLists())).get(path);
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({ status: 404, message: expect.any(String) });
  });
});

const projectsFile = new URL('../../../shared/data/projects.ndjson', import.meta.url);

describe.skipIf(!existsSync(projectsFile))('the real catalogue (skipped where ../shared/data is absent)', () => {
  it('comes back object for object', async () => {
    const lines = readFileSync(projectsFile, 'utf8').trim().split('\n');
    const reader = new FakeReader();
    reader.projectObjects = lines.map((line) => JSON.parse(line) as FakeReader['projectObjects'][number]);
    const { get } = await serve(reader);
    expect(await (await get('/v2/projects', { headers: { accept: 'application/x-ndjson' } })).text()).toBe(lines.join('\n'));
  });
});

describe('§1.2 methods and routing', () => {
  it.each([
    ['GET', '/v2/nothing'],
    ['GET', '/v2/structured-contents/Lake'],
    ['GET', '/v3/articles/Lake'],
    ['GET', '/'],
    ['PUT', '/v2/codes'],
    ['DELETE', '/v2/articles/AC/DC'],
    ['HEAD', '/v2/codes'],
    ['GET', '/v1/login'],
    ['GET', '/v2/Codes'],
  ])('%s %s: 401 without a valid token, 404 with one, never 405', async (method, path) => {
    const harness = await serve();
    const { access_token } = await login(harness);
    expect((await harness.get(path, { method })).status).toBe(401);
    expect((await harness.get(path, { method, headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
    const known = await harness.get(path, { method, headers: { authorization: `Bearer ${access_token}` } });
    expect(known.status).toBe(404);
    if (method !== 'HEAD') expect(await known.text()).toMatch(/^\{"status":404,"message":".+"\}\n$/);
  });

  it.each(['/v2/codes/', '/v1/status/', '/v2/namespaces/14/', '/healthz/'])('a trailing slash is as absent: %s', async (path) => {
    expect((await (await serve()).get(path, { redirect: 'manual' })).status).toBe(200);
  });

  it('healthz says up and nothing else', async () => {
    const response = await (await serve()).get('/healthz');
    expect(await response.text()).toBe('{"status":"up"}');
  });
});
