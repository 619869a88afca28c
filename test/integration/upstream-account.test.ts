import { describe, expect, it } from 'vitest';
import { parseProjectId } from '../../mirror-core/contracts/identifiers.ts';
import { PRACTICE_HEADER, PRACTICE_HEADER_VALUE } from '../../mirror-core/contracts/practice.ts';
import { EVERYTHING, inTurn, sendJson, type Answer } from '../support/scripted-upstream.ts';
import { setUp } from './upstream-setup.ts';

const simplewiki = parseProjectId('simplewiki')!;
const absent: Answer = (_, response) => sendJson(response, 404, { status: 404, message: 'Not Found' });
const forbidden: Answer = (_, response) => sendJson(response, 403, { status: 403, message: 'Forbidden' });

const free = {
  username: 'ada',
  groups: ['group_1'],
  apis: EVERYTHING.filter((api) => !api.path.includes('batches') && api.path !== '/v2/articles'),
  ondemand_requests_count: 7,
  ondemand_limit: 9,
  snapshot_requests_count: 2,
  snapshot_limit: 30,
  chunk_requests_count: 0,
  chunk_limit: 1500,
};

describe('capabilities', () => {
  it('come from the account where it answers, and are asked for once', async () => {
    const { client, upstream } = await setUp();
    upstream.on('POST', '/v1/get-user', (_, response) => sendJson(response, 200, free));
    const [first, second] = await Promise.all([client.capabilities(), client.capabilities()]);
    expect(first).toEqual({
      snapshots: true,
      chunks: true,
      onDemand: true,
      batches: false,
      realtime: false,
      isPractice: false,
      learnedFrom: 'get-user',
      learnedAtMs: Date.parse('2026-03-10T12:00:00Z'),
    });
    expect(second).toEqual(first);
    expect(upstream.count('POST', '/v1/get-user')).toBe(1);
    await client.capabilities({ refresh: true });
    expect(upstream.count('POST', '/v1/get-user')).toBe(2);
  });

  it.each([
    ['404', absent],
    ['403', forbidden],
    ['something else', ((_, response) => sendJson(response, 200, ['what'])) satisfies Answer],
    [
      'a web page',
      ((_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')) satisfies Answer,
    ],
    [
      'patterns of no known form',
      ((_, response) => sendJson(response, 200, { apis: [{ path: '^odd$', method: 'X' }] })) satisfies Answer,
    ],
  ])('are probed when the account answers %s, without spending anything', async (_, answer) => {
    const { client, upstream, ledger } = await setUp();
    upstream.on('POST', '/v1/get-user', answer);
    upstream.on('HEAD', '/v2/snapshots/enwiki_namespace_0/download', absent);
    upstream.on('HEAD', '/v2/snapshots/enwiki_namespace_0/chunks/enwiki_namespace_0_chunk_0/download', absent);
    upstream.on('GET', '/v2/batches/2026-03-10/10', forbidden);
    upstream.on('POST', '/v2/articles', (_asked, response) => sendJson(response, 422, { status: 422, message: 'parts' }));
    const capabilities = await client.capabilities();
    expect(capabilities).toMatchObject({
      snapshots: true,
      chunks: true,
      batches: false,
      realtime: true,
      onDemand: true,
      learnedFrom: 'probe',
    });
    expect(ledger.writes).toEqual([]);
    expect(upstream.asked.some((asked) => asked.method === 'GET' && asked.path.includes('/download'))).toBe(false);
  });

  it('tell practice content by its mark', async () => {
    const { client, upstream } = await setUp();
    upstream.on('GET', '/v2/codes', (_, response) => sendJson(response, 200, [], { [PRACTICE_HEADER]: PRACTICE_HEADER_VALUE }));
    expect(await client.capabilities()).toMatchObject({ isPractice: true });
  });

  it('can be waited for by one and given up by another', async () => {
    const { client } = await setUp();
    const controller = new AbortController();
    const impatient = client.capabilities({ signal: controller.signal });
    const patient = client.capabilities();
    controller.abort();
    await expect(impatient).rejects.toMatchObject({ name: 'AbortError' });
    await expect(patient).resolves.toMatchObject({ learnedFrom: 'get-user' });
  });
});

describe('the quota ledger', () => {
  const article: Answer = (_, response) => sendJson(response, 200, [{ name: 'Earth', is_part_of: { identifier: 'simplewiki' } }]);

  it('is written before the request is sent', async () => {
    const { client, upstream, ledger } = await setUp();
    const counted: unknown[] = [];
    upstream.on('POST', '/v2/articles/Earth', (asked, response) => {
      counted.push(ledger.writes.at(-1)?.[1]);
      return article(asked, response);
    });
    await client.lookup(simplewiki, 'Earth');
    await client.lookup(simplewiki, 'Earth');
    expect(counted).toEqual([
      { month: '2026-03', used: 1 },
      { month: '2026-03', used: 2 },
    ]);
  });

  it('takes the larger of its own and upstream’s count, and refuses at the cap with figures and the date', async () => {
    const { client, upstream } = await setUp();
    upstream.on('POST', '/v1/get-user', (_, response) => sendJson(response, 200, free));
    upstream.on('POST', '/v2/articles/Earth', article);
    await client.capabilities();
    expect(client.quota()).toContainEqual({ kind: 'onDemand', used: 7, limit: 9, month: '2026-03' });
    await client.lookup(simplewiki, 'Earth');
    expect(client.canSpend('onDemand')).toBe(true);
    await client.lookup(simplewiki, 'Earth');
    expect(client.canSpend('onDemand')).toBe(false);
    await expect(client.lookup(simplewiki, 'Earth')).rejects.toMatchObject({
      code: 'QUOTA_EXHAUSTED',
      message: expect.stringMatching(/9 of 9 in 2026-03.*2026-04-01/),
    });
    expect(upstream.count('POST', '/v2/articles/Earth')).toBe(2);
    await client.capabilities({ refresh: true });
    expect(client.quota()).toContainEqual({ kind: 'onDemand', used: 9, limit: 9, month: '2026-03' });
  });

  it('recovers from a counter that upstream had not reset yet when the month began', async () => {
    const { client, upstream, clock } = await setUp();
    upstream.on('POST', '/v1/get-user', (_, response) => sendJson(response, 200, { ...free, snapshot_requests_count: 30 }));
    clock.nowMs = Date.parse('2026-04-01T00:00:01Z');
    await client.capabilities();
    expect(client.canSpend('snapshot')).toBe(false);
    upstream.on('POST', '/v1/get-user', (_, response) => sendJson(response, 200, { ...free, snapshot_requests_count: 0 }));
    await client.capabilities({ refresh: true });
    expect(client.quota()).toContainEqual({ kind: 'snapshot', used: 0, limit: 30, month: '2026-04' });
  });

  it('survives a restart, starts anew with the month, and not with a clock that goes back', async () => {
    const { client, upstream, again, clock } = await setUp({ quota: { onDemand: 2, snapshot: 0, chunk: 0 } });
    upstream.on('POST', '/v2/articles/Earth', article);
    await client.lookup(simplewiki, 'Earth');
    const restarted = again();
    await restarted.lookup(simplewiki, 'Earth');
    await expect(restarted.lookup(simplewiki, 'Earth')).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
    clock.nowMs = Date.parse('2026-02-20T00:00:00Z');
    expect(restarted.canSpend('onDemand')).toBe(false);
    clock.nowMs = Date.parse('2026-04-01T00:00:00Z');
    expect(restarted.quota()).toContainEqual({ kind: 'onDemand', used: 0, limit: 2, month: '2026-04' });
    await restarted.lookup(simplewiki, 'Earth');
  });

  it('has no cap for a paid account that names none, and the documented ones for a free account', async () => {
    const paid = await setUp();
    await paid.client.capabilities();
    expect(paid.client.quota().map((use) => use.limit)).toEqual([null, null, null]);
    const poor = await setUp();
    poor.upstream.on('POST', '/v1/get-user', (_, response) => sendJson(response, 200, { apis: free.apis }));
    await poor.client.capabilities();
    expect(poor.client.quota().map((use) => use.limit)).toEqual([50_000, 30, 1_500]);
  });

  it('counts each account by itself', async () => {
    const { client, upstream } = await setUp({ quota: { onDemand: 1, snapshot: 0, chunk: 0 } });
    upstream.on('POST', '/v2/articles/Earth', article);
    await client.lookup(simplewiki, 'Earth');
    await client.login('grace', 'other');
    await client.lookup(simplewiki, 'Earth');
    await expect(client.lookup(simplewiki, 'Earth')).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
  });

  describe('at a 429', () => {
    const tooMany: Answer = (_, response) => sendJson(response, 429, { status: 429, message: 'Too Many Requests' });

    it('asks upstream’s counters and refuses when they are at the cap', async () => {
      const { client, upstream } = await setUp();
      upstream.on(
        'POST',
        '/v1/get-user',
        inTurn(
          (_, response) => sendJson(response, 200, free),
          (_, response) => sendJson(response, 200, { ...free, ondemand_requests_count: 9 }),
        ),
      );
      upstream.on('POST', '/v2/articles/Earth', tooMany);
      await expect(client.lookup(simplewiki, 'Earth')).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
      expect(upstream.count('POST', '/v2/articles/Earth')).toBe(1);
    });

    it('slows down when the counters show that requests are left', async () => {
      const { client, upstream, waits } = await setUp();
      upstream.on('POST', '/v1/get-user', (_, response) => sendJson(response, 200, { ...free, ondemand_requests_count: 1 }));
      upstream.on('POST', '/v2/articles/Earth', inTurn(tooMany, article));
      await expect(client.lookup(simplewiki, 'Earth')).resolves.toBeDefined();
      expect(waits).toEqual([250]);
    });

    it('waits as long as it is told', async () => {
      const { client, upstream, waits } = await setUp();
      upstream.on(
        'POST',
        '/v2/articles/Earth',
        inTurn((_, response) => sendJson(response, 429, {}, { 'retry-after': '7' }), article),
      );
      await expect(client.lookup(simplewiki, 'Earth')).resolves.toBeDefined();
      expect(waits).toEqual([7000]);
    });

    it('takes the month as used up when told to come back in days', async () => {
      const { client, upstream } = await setUp();
      upstream.on('POST', '/v2/articles/Earth', (_, response) => sendJson(response, 429, {}, { 'retry-after': '864000' }));
      await expect(client.lookup(simplewiki, 'Earth')).rejects.toMatchObject({
        code: 'QUOTA_EXHAUSTED',
        message: expect.stringContaining('2026-03-20'),
      });
      expect(client.canSpend('onDemand')).toBe(false);
    });

    it('takes a capped account at its word when nobody tells more, also after a restart', async () => {
      const { client, upstream, again } = await setUp({ quota: { onDemand: 100, snapshot: 0, chunk: 0 } });
      upstream.on('POST', '/v1/get-user', absent);
      upstream.on('POST', '/v2/articles/Earth', tooMany);
      await expect(client.lookup(simplewiki, 'Earth')).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
      await expect(again().lookup(simplewiki, 'Earth')).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
      expect(upstream.count('POST', '/v2/articles/Earth')).toBe(1);
    });
  });
});
