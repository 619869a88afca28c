import { readFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDatasetId, parseProjectId } from '../../mirror-core/contracts/identifiers.ts';
import { sizeBytesOf } from '../../mirror-core/contracts/wme.ts';
import { inTurn, sendJson, type Answer } from '../support/scripted-upstream.ts';
import { setUp } from './upstream-setup.ts';

const dataset = parseDatasetId('simplewiki_namespace_0')!.id;
const simplewiki = parseProjectId('simplewiki')!;
const SAMPLE = new URL('../../../shared/data/articles.ndjson', import.meta.url);

function text(body: string, type = 'application/json'): Answer {
  return (_, response) => void response.writeHead(200, { 'content-type': type }).end(body);
}

describe('metadata', () => {
  it('keeps members it does not know, and reads numbers in any form', async () => {
    const { client, upstream } = await setUp();
    upstream.on(
      'GET',
      '/v2/snapshots',
      text('[{"identifier":"abwiki_namespace_0","size":{"value":17.65e0,"unit_text":"MB"},"chunks":null,"novelty":{"a":[1]}}]'),
    );
    const [snapshot] = await client.snapshots();
    expect(snapshot).toMatchObject({ identifier: 'abwiki_namespace_0', novelty: { a: [1] } });
    expect(snapshot && sizeBytesOf(snapshot)).toBe(17_650_000);
    expect(snapshot?.chunks).toBeUndefined();
  });

  it('reads NDJSON, an empty list in both forms, and a single object where a list is due', async () => {
    const { client, upstream } = await setUp();
    upstream.on('GET', '/v2/projects', text('{"identifier":"aawiki"}\n{"identifier":"abwiki"}', 'application/x-ndjson'));
    expect((await client.projects()).map((project) => project.identifier)).toEqual(['aawiki', 'abwiki']);
    upstream.on('GET', '/v2/projects', text(''));
    expect(await client.projects()).toEqual([]);
    upstream.on('GET', '/v2/projects', text('[]'));
    expect(await client.projects()).toEqual([]);
    upstream.on(
      'GET',
      '/v2/snapshots/simplewiki_namespace_0/chunks',
      text('{\n "identifier": "simplewiki_namespace_0_chunk_0"\n}'),
    );
    expect(await client.chunks(dataset)).toHaveLength(1);
  });

  it('leaves out single entries it cannot understand, but never from a chunk list', async () => {
    const { client, upstream, log } = await setUp();
    upstream.on('GET', '/v2/namespaces', text('[{"identifier":0,"name":"Article"},{"identifier":"six"}]'));
    expect(await client.namespaces()).toHaveLength(1);
    expect(log()).toContain('metadata.skipped');
    upstream.on('GET', '/v2/snapshots/simplewiki_namespace_0/chunks', text('[{"identifier":"c_chunk_0"},{"version":"x"}]'));
    await expect(client.chunks(dataset)).rejects.toMatchObject({
      code: 'UPSTREAM_PROTOCOL',
      message: expect.stringContaining('/chunks'),
    });
  });

  it('says undefined for what upstream does not have', async () => {
    const { client } = await setUp();
    expect(await client.snapshot(dataset)).toBeUndefined();
    expect(await client.chunks(dataset)).toBeUndefined();
    expect(await client.batch(dataset, { date: '2026-03-10', hour: '07' })).toBeUndefined();
  });

  it('reads a snapshot and a batch', async () => {
    const { client, upstream } = await setUp();
    upstream.on('GET', '/v2/snapshots/simplewiki_namespace_0', text('{"identifier":"simplewiki_namespace_0","version":"abc"}'));
    upstream.on('GET', '/v2/batches/2026-03-10/07/simplewiki_namespace_0', text('{"identifier":"simplewiki_namespace_0"}'));
    expect(await client.snapshot(dataset)).toMatchObject({ version: 'abc' });
    expect(await client.batch(dataset, { date: '2026-03-10', hour: '07' })).toMatchObject({
      identifier: 'simplewiki_namespace_0',
    });
  });

  it.each([
    ['a web page', text('<html>Sign in</html>', 'text/html; charset=utf-8'), 'UPSTREAM_PROTOCOL'],
    ['no JSON', text('oops'), 'UPSTREAM_PROTOCOL'],
    ['only entries of another form', text('[{"id":1}]'), 'UPSTREAM_PROTOCOL'],
    [
      'a web page with 404',
      ((_, response) => void response.writeHead(404, { 'content-type': 'text/html' }).end('x')) satisfies Answer,
      'UPSTREAM_PROTOCOL',
    ],
    ['400', ((_, response) => sendJson(response, 400, { status: 400, message: 'query' })) satisfies Answer, 'UPSTREAM_ERROR'],
    ['403', ((_, response) => sendJson(response, 403, { status: 403, message: 'Forbidden' })) satisfies Answer, 'FORBIDDEN'],
    [
      '302',
      ((_, response) => void response.writeHead(302, { location: 'http://example.org/' }).end()) satisfies Answer,
      'UPSTREAM_PROTOCOL',
    ],
  ])('names the route when the answer is %s, and does not ask twice', async (_, answer, code) => {
    const { client, upstream } = await setUp();
    upstream.on('GET', '/v2/languages', answer);
    await expect(client.languages()).rejects.toMatchObject({ code, message: expect.stringContaining('/v2/languages') });
    expect(upstream.count('GET', '/v2/languages')).toBe(1);
  });

  it('tries again after 5xx, 408 and broken connections, with growing waits', async () => {
    const { client, upstream, waits } = await setUp();
    upstream.on(
      'GET',
      '/v2/languages',
      inTurn(
        (_, response) => void response.writeHead(500).end(),
        (_, response) => sendJson(response, 408, {}),
        (_, response) => void response.destroy(),
        text('[]'),
      ),
    );
    expect(await client.languages()).toEqual([]);
    expect(waits).toEqual([250, 500, 1000]);
  });

  it('honours Retry-After as seconds and as a date', async () => {
    const { client, upstream, waits } = await setUp();
    upstream.on(
      'GET',
      '/v2/languages',
      inTurn(
        (_, response) => sendJson(response, 503, {}, { 'retry-after': '11' }),
        (_, response) => sendJson(response, 503, {}, { 'retry-after': 'Tue, 10 Mar 2026 12:00:30 GMT' }),
        text('[]'),
      ),
    );
    await client.languages();
    expect(waits).toEqual([11_000, 30_000]);
  });

  it('says in words that the service cannot be reached, and where it tried', async () => {
    const { client, upstream, waits } = await setUp();
    await client.codes();
    await upstream.close();
    await expect(client.codes()).rejects.toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      message: expect.stringMatching(/127\.0\.0\.1.*refused/),
    });
    expect(waits).toHaveLength(3);
  });

  it('stops waiting for the next try when told to', async () => {
    const stop = new AbortController();
    const { client, upstream } = await setUp({
      sleep: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(new DOMException('stop', 'AbortError')));
          stop.abort();
        }),
    });
    upstream.on('GET', '/v2/languages', (_, response) => void response.writeHead(500).end());
    await expect(client.languages(stop.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a look-up', () => {
  it('asks for one project and returns the record byte for byte', async () => {
    const { client, upstream } = await setUp();
    const record = '{"name":"AC/DC", "is_part_of":{"identifier":"simplewiki"},"odd":"}{\\"[\\u003c", "n":1.50e1}';
    upstream.on('POST', '/v2/articles/AC%2FDC%3F%20%23%25', text(`[\n${record}]`));
    const found = await client.lookup(simplewiki, 'AC/DC? #%');
    expect(Buffer.from(found ?? []).toString()).toBe(record);
    expect(upstream.asked.at(-1)?.json).toEqual({ filters: [{ field: 'is_part_of.identifier', value: 'simplewiki' }], limit: 1 });
  });

  it.skipIf(!existsSync(SAMPLE))('returns real records byte for byte (skipped without shared/data/articles.ndjson)', async () => {
    const { client, upstream } = await setUp();
    const records = (await readFile(SAMPLE, 'utf8')).split('\n').filter((line) => line !== '');
    expect(records.length).toBeGreaterThan(0);
    for (const [index, record] of records.entries()) {
      const parsed = JSON.parse(record) as { is_part_of: { identifier: string } };
      upstream.on('POST', `/v2/articles/n${index}`, text(`[${record}]`));
      const found = await client.lookup(parseProjectId(parsed.is_part_of.identifier)!, `n${index}`);
      expect(Buffer.from(found ?? []).equals(Buffer.from(record))).toBe(true);
    }
  });

  it('says undefined at 404, which counts too, and for names no page can have, which do not', async () => {
    const { client } = await setUp();
    expect(await client.lookup(simplewiki, 'Nowhere')).toBeUndefined();
    expect(await client.lookup(simplewiki, '..')).toBeUndefined();
    expect(await client.lookup(simplewiki, '')).toBeUndefined();
    expect(client.quota().find((use) => use.kind === 'onDemand')?.used).toBe(1);
  });

  it.each([
    ['nothing', '[]'],
    ['half a record', '[{"name":"Earth"'],
    ['an article of another project', '[{"name":"Earth","is_part_of":{"identifier":"dewiki"}}]'],
  ])('does not mistake %s for an answer', async (_, body) => {
    const { client, upstream } = await setUp();
    upstream.on('POST', '/v2/articles/Earth', text(body));
    await expect(client.lookup(simplewiki, 'Earth')).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' });
  });
});
