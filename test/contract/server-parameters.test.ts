import { describe, expect, it } from 'vitest';
import { sendRaw } from '../support/running-server.ts';
import { namesOf, serve } from './server-harness.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

describe('§1.3 parameters in every encoding', () => {
  const want = [{ name: 'Lake Corvane', version: { identifier: 70 } }];
  const german = '{"field":"in_language.identifier","value":"de"}';
  const wiki = '{"field":"namespace.identifier","value":0}';
  const e = encodeURIComponent;

  it.each([
    ['repeated key', 'fields=name&fields=version.identifier'],
    ['brackets', 'fields[]=name&fields[]=version.identifier'],
    ['comma list', 'fields=name,version.identifier'],
    ['encoded comma (TS client)', 'fields=name%2Cversion.identifier'],
    ['JSON array', `fields=${e('["name","version.identifier"]')}`],
  ])('fields by GET as %s', async (_what, query) => {
    const { get } = await serve();
    expect(await (await get(`/v2/articles/Lake_Corvane?limit=1&${query}`)).json()).toEqual(want);
  });

  it.each([
    ['one JSON object', `filters=${e(german)}`],
    ['repeated key', `filters=${e(german)}&filters=${e(wiki)}`],
    ['brackets', `filters[]=${e(german)}&filters[]=${e(wiki)}`],
    ['JSON array', `filters=${e(`[${german},${wiki}]`)}`],
    ['comma-joined objects', `filters=${e(`${german},${wiki}`)}`],
  ])('filters by GET as %s', async (_what, query) => {
    const { get } = await serve();
    expect(await namesOf(await get(`/v2/articles/Lake_Corvane?${query}`))).toEqual(['dewiki']);
  });

  it.each([
    ['JSON', 'application/json', `{"fields":["name","version.identifier"],"limit":1}`],
    ['JSON with charset', 'application/json; charset=utf-8', `{"fields":["name","version.identifier"],"limit":"1"}`],
    [
      'JSON under a form type (curl -d)',
      'application/x-www-form-urlencoded',
      `{"fields":["name","version.identifier"],"limit":1}`,
    ],
    ['JSON as text', 'text/plain', `{"fields":"name,version.identifier","limit":1}`],
    ['JSON under a type that is none', 'json', `{"fields":"name,version.identifier","limit":1}`],
    ['a form', 'application/x-www-form-urlencoded', 'fields=name&fields=version.identifier&limit=1'],
  ])('POST with %s', async (_what, type, body) => {
    const { get } = await serve();
    const response = await get('/v2/articles/Lake_Corvane', { method: 'POST', headers: { 'content-type': type }, body });
    expect(await response.json()).toEqual(want);
  });

  it('takes the query string as default for what the body lacks', async () => {
    const { get } = await serve();
    const path = '/v2/articles/Lake_Corvane?limit=2&fields=url';
    const response = await get(path, { method: 'POST', headers: JSON_TYPE, body: '{"fields":["name"]}' });
    expect(await response.json()).toEqual([{ name: 'Lake Corvane' }, { name: 'Lake Corvane' }]);
  });

  it.each(['', '{}', 'null'])('POST body %j with JSON content type is accepted (GOSDK, PYSDK)', async (body) => {
    const { get } = await serve();
    const response = await get('/v2/articles/AC/DC', { method: 'POST', headers: JSON_TYPE, body });
    expect(response.status).toBe(200);
  });

  it('GOSDK: zero bytes posted with JSON content type on a raw connection', async () => {
    const { url } = await serve();
    const head = `POST /v2/articles/AC%2FDC HTTP/1.1\r\nHost: ${new URL(url).host}\r\nContent-Type: application/json\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
    expect((await sendRaw(url, head)).status).toBe(200);
  });

  it('GET with a body answers by the query, and the connection serves the next request', async () => {
    const { url } = await serve();
    const { host } = new URL(url);
    const body = '{"limit":99}';
    const first = `GET /v2/articles/AC/DC HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const second = `GET /v2/articles/Nobody HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const { text } = await sendRaw(url, first + second);
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(['200', '404']);
  });

  it.each([
    ['limit above 10', 'limit=11', 'limit'],
    ['limit above 100', 'limit=101', 'limit'],
    ['limit as a word', 'limit=many', 'limit'],
    ['limit as a fraction', 'limit=1.5', 'limit'],
    ['too many fields', `fields=${Array(256).fill('a').join(',')}`, 'fields'],
    ['a field of 256 characters', `fields=${'a'.repeat(256)}`, 'fields'],
    ['an empty field', 'fields=a,,b', 'fields'],
    ['objects turned to text', 'filters=%5Bobject%20Object%5D', 'object Object'],
    ['field:value', 'filters=a:b', 'filter'],
    ['broken JSON', 'filters=%7B%22field%22', 'filters'],
    ['a filter without a field', 'filters=%7B%22value%22%3A1%7D', 'field'],
    ['a filter without a value', 'filters=%7B%22field%22%3A%22a%22%7D', 'value'],
    ['a filter on an object', 'filters=%7B%22field%22%3A%22a%22%2C%22value%22%3A%7B%7D%7D', 'value'],
    ['too many filters', `filters=${e(`[${Array(256).fill('{"field":"a","value":1}').join(',')}]`)}`, 'filters'],
  ])('422 for %s, naming what is wrong', async (_what, query, word) => {
    const { get } = await serve();
    const response = await get(`/v2/articles/AC/DC?${query}`);
    expect(response.status).toBe(422);
    expect(((await response.json()) as { message: string }).message).toContain(word);
  });

  it.each(['{"fields":', '[1]', '"text"', '{"fields":[1]}', '{"filters":[1]}', '{"limit":true}'])(
    '422 for the JSON body %s',
    async (body) => {
      const { get } = await serve();
      expect((await get('/v2/articles/AC/DC', { method: 'POST', headers: JSON_TYPE, body })).status).toBe(422);
    },
  );

  it('ignores unknown parameters', async () => {
    const { get } = await serve();
    expect((await get('/v2/articles/AC/DC?pretty=1')).status).toBe(200);
  });

  it('413 for a body above 1 MB', async () => {
    const { get } = await serve();
    const response = await get('/v2/articles/AC/DC', { method: 'POST', headers: JSON_TYPE, body: ' '.repeat(1_100_000) });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ status: 413 });
  });
});
