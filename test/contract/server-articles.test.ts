import { describe, expect, it } from 'vitest';
import { MirrorError } from '../../mirror-core/contracts/errors.ts';
import { FakeDataset, FakeReader } from '../support/mirror-fakes.ts';
import { sendRaw } from '../support/running-server.ts';
import { articleJson, lakes, namesOf, serve } from './server-harness.ts';

describe('§5.1 names', () => {
  it.each([
    ['Lake%20Corvane', 'spaces become underscores'],
    ['Lake_Corvane', 'underscores as they are'],
    ['AC/DC', 'slash as it is'],
    ['AC%2FDC', 'slash encoded'],
    ['C++', 'plus is a plus'],
    ['C%2B%2B', 'plus encoded'],
    ['100%25%20Proof%3F', 'percent and question mark encoded'],
    ['X/', 'a trailing slash belongs to the name'],
    ['Category:Lakes', 'another namespace by its prefix'],
    ['Caf%C3%A9', 'UTF-8'],
  ])('%s is found: %s', async (name) => {
    const { get } = await serve();
    const response = await get(`/v2/articles/${name}`);
    expect(response.status).toBe(200);
    expect(await response.json()).not.toHaveLength(0);
  });

  it('decodes once only', async () => {
    const { get } = await serve();
    expect((await get('/v2/articles/AC%252FDC')).status).toBe(404);
  });

  it.each([
    ['/v2/articles/Nobody', 404],
    ['/v2/articles/', 404],
    ['/v2/articles', 404],
    ['/v2/articles/%FF', 400],
    ['/v2/articles/%zz', 400],
  ])('%s answers %i in the contract form, never an empty list', async (path, status) => {
    const { url } = await serve();
    const answer = await sendRaw(url, `GET ${path} HTTP/1.1\r\nHost: ${new URL(url).host}\r\nConnection: close\r\n\r\n`);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(/^\{"status":\d+,"message":".+"\}\n$/);
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
  });

  it('takes the exact title before any other spelling', async () => {
    const reader = new FakeReader();
    const dataset = new FakeDataset('enwiki_namespace_0');
    dataset.put('iPod', { raw: '{"name":"small"}' }).put('IPod', { raw: '{"name":"capital"}' });
    reader.add('enwiki', 'en', dataset);
    const { get } = await serve(reader);
    expect(await (await get('/v2/articles/iPod')).json()).toEqual([{ name: 'small' }]);
  });

  it.each([
    ['lake_Corvane', 'enwiki'],
    ['__Lake___Corvane_', 'enwiki'],
    ['Cafe%CC%81', 'enwiki'],
    ['category:lakes', 'enwiki'],
  ])('%s is found as MediaWiki would spell it', async (name, project) => {
    const { get } = await serve();
    expect(await namesOf(await get(`/v2/articles/${name}`))).toContain(project);
  });

  it('keeps small first letters in wiktionaries', async () => {
    const { get } = await serve();
    expect(await namesOf(await get('/v2/articles/lake'))).toEqual(['enwiktionary']);
    expect((await get('/v2/articles/Lake')).status).toBe(404);
  });

  it('does not follow redirects unless told to, and then says so', async () => {
    const off = await serve();
    expect((await off.get('/v2/articles/Corvane')).status).toBe(404);
    const on = await serve(lakes(), { followRedirects: true });
    const response = await on.get('/v2/articles/Corvane?limit=1');
    expect(response.headers.get('x-mirror-redirected-from')).toBe('Corvane');
    expect(await response.text()).toBe(`[${articleJson('Lake Corvane', 'enwiki', 'en')}]`);
    expect((await on.get('/v2/articles/Lake_Corvane')).headers.get('x-mirror-redirected-from')).toBeNull();
  });
});

describe('§5.2 which projects answer', () => {
  it('answers from the first three projects in look-up order', async () => {
    const { get } = await serve();
    expect(await namesOf(await get('/v2/articles/Lake_Corvane'))).toEqual(['enwiki', 'enwiktionary', 'dewiki']);
  });

  it.each([
    ['limit=1', 1],
    ['limit=0', 3],
    ['limit=-5', 3],
    ['limit=', 3],
    ['limit=10', 4],
  ])('%s gives %i', async (query, count) => {
    const { get } = await serve();
    expect(await namesOf(await get(`/v2/articles/Lake_Corvane?${query}`))).toHaveLength(count);
  });

  it('narrows the projects by project and language before any look-up', async () => {
    const reader = lakes();
    const { get } = await serve(reader);
    const filter = encodeURIComponent('{"field":"in_language.identifier","value":"de"}');
    expect(await namesOf(await get(`/v2/articles/Lake_Corvane?filters=${filter}`))).toEqual(['dewiki']);
    const asked = [...reader.datasets.values()].filter((dataset) => dataset.asked.length > 0).map(({ id }) => id);
    expect(asked).toEqual(['dewiki_namespace_0']);
    expect([...reader.datasets.values()].every(({ opened }) => opened <= 1)).toBe(true);
  });

  it('goes on to the next project when a record does not match, and ends in 404 when none does', async () => {
    const { get } = await serve();
    const filters = (value: string): string => encodeURIComponent(JSON.stringify({ field: 'is_part_of.identifier', value }));
    expect(await namesOf(await get(`/v2/articles/Lake_Corvane?limit=1&filters=${filters('frwiki')}`))).toEqual(['frwiki']);
    const editor = encodeURIComponent('{"field":"version.editor.name","value":"Bob"}');
    expect((await get(`/v2/articles/Lake_Corvane?filters=${editor}`)).status).toBe(404);
  });

  it('still answers from the other projects when one dataset is damaged, and says so when nobody else has the title', async () => {
    const reader = lakes();
    for (const dataset of reader.datasets.values())
      if (dataset.project === 'enwiki') dataset.failure = new MirrorError('STORE_CORRUPT', 'damaged: /srv/secret-folder');
    const { get } = await serve(reader);
    expect(await namesOf(await get('/v2/articles/Lake_Corvane?limit=1'))).toEqual(['enwiktionary']);
    const damaged = await get('/v2/articles/AC/DC');
    expect(damaged.status).toBe(500);
    expect(await damaged.text()).not.toContain('secret-folder');
  });
});

describe('§15.7 visibility', () => {
  it('never serves hidden text, in any form', async () => {
    const raw = articleJson('Hidden', 'enwiki', 'en', { abstract: 'secret abstract' });
    const dataset = new FakeDataset('enwiki_namespace_0').put('Hidden', {
      raw,
      visibility: { text: false, editor: true, comment: true },
    });
    const { get, operate } = await serve(new FakeReader().add('enwiki', 'en', dataset));
    const headers = { 'accept-encoding': 'zstd, br' };
    const filter = encodeURIComponent('{"field":"name","value":"Hidden"}');
    const secret = encodeURIComponent('{"field":"abstract","value":"secret abstract"}');
    for (const answer of [
      await get('/v2/articles/Hidden', { headers }),
      await get('/v2/articles/Hidden', { headers: { ...headers, accept: 'application/x-ndjson' } }),
      await get('/v2/articles/Hidden?fields=name,article_body,abstract', { headers }),
      await get(`/v2/articles/Hidden?filters=${filter}`, { headers }),
      await operate('/api/article/enwiki/Hidden', { headers }),
    ]) {
      expect(answer.status).toBe(200);
      const text = await answer.text();
      expect(text).toContain('"Hidden"');
      expect(text).not.toContain('<p>');
      expect(text).not.toContain('secret');
    }
    expect((await get(`/v2/articles/Hidden?filters=${secret}`)).status).toBe(404);
  });
});

describe('headers', () => {
  it('tells lag, age, version tag and request id', async () => {
    const { get } = await serve();
    const response = await get('/v2/articles/AC/DC', { headers: { 'x-request-id': 'abc-123' } });
    expect(response.headers.get('x-mirror-lag')).toBe('1234');
    expect(response.headers.get('x-mirror-as-of')).toBe('2026-03-01T02:14:07Z');
    expect(response.headers.get('x-request-id')).toBe('abc-123');
    expect(response.headers.get('cache-control')).toBe('no-cache');
    expect(response.headers.get('etag')).toMatch(/^"[\w-]{32}"$/);
    expect(response.headers.has('x-wikimirror-practice')).toBe(false);
  });

  it('leaves lag and age out when they are not known', async () => {
    const reader = lakes();
    reader.lag = { lagMs: null, asOf: null };
    const { get } = await serve(reader);
    const response = await get('/v2/articles/AC/DC');
    expect(response.headers.has('x-mirror-lag')).toBe(false);
    expect(response.headers.has('x-mirror-as-of')).toBe(false);
  });

  it('replaces a request id that is not sane', async () => {
    const { get } = await serve();
    const response = await get('/v2/articles/AC/DC', { headers: { 'x-request-id': '<script>' } });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers 304 to a known tag, and gives every representation its own', async () => {
    const { get } = await serve();
    const paths = [
      '/v2/articles/AC/DC',
      '/v2/articles/AC/DC?fields=name',
      '/v2/articles/Lake_Corvane',
      '/v2/articles/Lake_Corvane?limit=1',
    ];
    const tags = await Promise.all(paths.map(async (path) => (await get(path)).headers.get('etag')));
    tags.push((await get('/v2/articles/AC/DC', { headers: { accept: 'application/x-ndjson' } })).headers.get('etag'));
    tags.push((await get('/v2/articles/AC/DC', { headers: { 'accept-encoding': 'identity' } })).headers.get('etag'));
    tags.push((await get('/v2/articles/AC/DC', { headers: { 'accept-encoding': 'zstd' } })).headers.get('etag'));
    expect(new Set(tags).size).toBe(6); // the first and the identity one are the same bytes
    const again = await get('/v2/articles/AC/DC?fields=name', { headers: { 'if-none-match': `"x", W/${String(tags[1])}` } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });

  it('marks practice content on every response', async () => {
    const reader = lakes();
    reader.isPractice = true;
    const { get } = await serve(reader);
    for (const path of [
      '/v2/articles/AC/DC',
      '/v2/articles/Nobody',
      '/v2/status',
      '/api/status',
      '/v2/codes',
      '/v2/articles/%zz',
    ]) {
      expect((await get(path)).headers.get('x-wikimirror-practice'), path).toBe('made-up content, not from Wikimedia');
    }
  });
});
