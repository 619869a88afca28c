import { connect } from 'node:net';
import { brotliDecompressSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FakeDataset, FakeReader } from '../support/mirror-fakes.ts';
import { articleJson, serve } from './server-harness.ts';

/** Bytes as they travel, without any decoding by the client. */
async function rawBody(url: string, path: string, headers: string): Promise<{ head: string; body: Buffer }> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${headers}\r\n`);
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  const all = Buffer.concat(pieces);
  const end = all.indexOf('\r\n\r\n');
  return { head: all.toString('latin1', 0, end), body: all.subarray(end + 4) };
}

describe('§1.4 formats', () => {
  it.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['text/html', 'application/json'],
    ['application/gzip', 'application/json'],
    ['application/x-ndjson', 'application/x-ndjson'],
    ['application/x-ndjson;q=0.1, application/json', 'application/x-ndjson'],
    ['text/html, application/json, application/x-ndjson', 'application/json'],
  ])('Accept %s is answered as %s without charset', async (accept, type) => {
    const { get } = await serve();
    const response = await get('/v2/articles/AC/DC', accept === undefined ? {} : { headers: { accept } });
    expect(response.headers.get('content-type')).toBe(type);
    const record = articleJson('AC/DC', 'enwiki', 'en');
    expect(await response.text()).toBe(type === 'application/json' ? `[${record}]` : record);
  });

  it('joins NDJSON by newlines with none at the end, and JSON by commas', async () => {
    const { get } = await serve();
    const records = ['enwiki', 'enwiktionary'].map((project) => articleJson('Lake Corvane', project, 'en'));
    const path = '/v2/articles/Lake_Corvane?limit=2';
    expect(await (await get(path, { headers: { accept: 'application/x-ndjson' } })).text()).toBe(records.join('\n'));
    expect(await (await get(path)).text()).toBe(`[${records.join(',')}]`);
  });

  it('negotiates the form of errors too', async () => {
    const { get } = await serve();
    const response = await get('/v2/articles/Nobody', { headers: { accept: 'application/x-ndjson' } });
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
  });
});

describe('a look-up without fields and filters never parses the record', () => {
  // A parser, or anything that writes JSON anew, would refuse or change these bytes.
  const broken = Buffer.from('{"name":"Broken", 1e2, \u00a0 unfinished \u2028 [[[');

  function brokenReader(codec: 'zstd' | 'br' | 'identity'): FakeReader {
    const dataset = new FakeDataset('enwiki_namespace_0').put('Broken', { raw: broken, codec });
    return new FakeReader().add('enwiki', 'en', dataset);
  }

  it.each(['zstd', 'br', 'identity'] as const)('comes through byte for byte, stored as %s', async (codec) => {
    const { get } = await serve(brokenReader(codec));
    const plain = await get('/v2/articles/Broken', { headers: { 'accept-encoding': 'identity' } });
    expect(Buffer.from(await plain.arrayBuffer())).toEqual(Buffer.concat([Buffer.from('['), broken, Buffer.from(']')]));
    expect(plain.headers.get('content-encoding')).toBeNull();
  });

  it.each(['zstd', 'br'] as const)('comes through the decoder of fetch, stored as %s', async (codec) => {
    const { get } = await serve(brokenReader(codec));
    const response = await get('/v2/articles/Broken', { headers: { 'accept-encoding': 'gzip, br, zstd' } });
    expect(await response.text()).toBe(`[${broken.toString()}]`);
  });

  it('sends the stored zstd blocks between brackets, undecompressed', async () => {
    const reader = brokenReader('zstd');
    const { url } = await serve(reader);
    const { head, body } = await rawBody(url, '/v2/articles/Broken', 'Accept-Encoding: zstd\r\n');
    expect(head.toLowerCase()).toContain('content-encoding: zstd');
    expect(head.toLowerCase()).toContain('vary: accept, accept-encoding');
    expect(zstdDecompressSync(body).toString()).toBe(`[${broken.toString()}]`);
    expect([...reader.datasets.values()].map(({ opened }) => opened)).toEqual([0]);
  });

  it.each([
    ['zstd', 'zstd', zstdDecompressSync],
    ['br', 'br', brotliDecompressSync],
  ] as const)('sends stored %s bytes as they are to a client that reads lines', async (codec, coding, decode) => {
    const reader = brokenReader(codec);
    const { url } = await serve(reader);
    const { head, body } = await rawBody(
      url,
      '/v2/articles/Broken',
      `Accept-Encoding: ${coding}\r\nAccept: application/x-ndjson\r\n`,
    );
    expect(head.toLowerCase()).toContain(`content-encoding: ${coding}`);
    expect(decode(body)).toEqual(broken);
    expect([...reader.datasets.values()].map(({ opened }) => opened)).toEqual([0]);
  });

  it.each(['gzip', 'zstd;q=0', ''])('decompresses for Accept-Encoding %j', async (accepted) => {
    const { url } = await serve(brokenReader('zstd'));
    const { head, body } = await rawBody(url, '/v2/articles/Broken', `Accept-Encoding: ${accepted}\r\n`);
    expect(head.toLowerCase()).not.toContain('content-encoding');
    expect(body.toString()).toBe(`[${broken.toString()}]`);
  });

  it('joins several records that it did not parse', async () => {
    const first = new FakeDataset('enwiki_namespace_0').put('A', { raw: 'not json 1' });
    const second = new FakeDataset('dewiki_namespace_0').put('A', { raw: 'not json 2', codec: 'br' });
    const { get } = await serve(new FakeReader().add('enwiki', 'en', first).add('dewiki', 'de', second));
    expect(await (await get('/v2/articles/A')).text()).toBe('[not json 1,not json 2]');
  });
});
