import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { inTurn, sendJson } from '../support/scripted-upstream.ts';
import { cutAfter, PATH, redirectTo, scene, secondOrigin, store, STORED } from './upstream-download-setup.ts';

describe('a redirect to the object store', () => {
  it('is followed without the token, and its address is never logged', async () => {
    const { client, request, file, upstream, log } = await scene();
    const other = await secondOrigin();
    other.on('GET', STORED, store(file));
    upstream.on('GET', PATH, redirectTo(`${other.url}${STORED}?sub=account-id&X-Amz-Signature=abc`));
    await client.download(request);
    expect(await readFile(request.path)).toEqual(file.bytes);
    expect(other.asked[0]?.headers.authorization).toBeUndefined();
    expect(other.asked[0]?.path).toContain('sub=account-id');
    expect(log()).not.toContain('account-id');
  });

  it('keeps the token on the service’s own origin', async () => {
    const { client, request, file, upstream } = await scene();
    upstream.on('GET', PATH, redirectTo(STORED));
    upstream.on('GET', STORED, store(file));
    await client.download(request);
    expect(upstream.asked.find((asked) => asked.path === STORED)?.headers.authorization).toBe('Bearer access-1');
  });

  it('serves several tries within its minute, for one counted request', async () => {
    const { client, request, file, upstream, gets } = await scene();
    const other = await secondOrigin();
    const [broken, whole] = [store(file, cutAfter(100_000)), store(file)];
    other.on('GET', STORED, (asked, response) => (asked.headers.range === undefined ? broken : whole)(asked, response));
    upstream.on('GET', PATH, redirectTo(`${other.url}${STORED}`));
    await client.download(request);
    expect(await readFile(request.path)).toEqual(file.bytes);
    expect(gets()).toHaveLength(1);
    expect(other.count('GET', STORED)).toBe(2);
  });

  it('is used again when the store is too busy, and asked for anew when it has expired', async () => {
    const { client, request, file, upstream, gets, waits } = await scene();
    const other = await secondOrigin();
    other.on(
      'GET',
      STORED,
      inTurn(
        (_, response) => void response.writeHead(503, { 'content-type': 'application/xml' }).end('<Error>SlowDown</Error>'),
        (_, response) => void response.writeHead(403, { 'content-type': 'application/xml' }).end('<Error>Expired</Error>'),
        store(file),
      ),
    );
    upstream.on('GET', PATH, redirectTo(`${other.url}${STORED}`));
    await client.download(request);
    expect(waits).toHaveLength(1);
    expect(gets()).toHaveLength(2);
  });

  it('is asked for anew when its minute is over', async () => {
    const { client, request, file, upstream, gets, clock } = await scene();
    const other = await secondOrigin();
    const whole = store(file);
    const broken = store(file, (response, bytes) => {
      clock.nowMs += 61_000;
      cutAfter(100_000)(response, bytes);
    });
    other.on('GET', STORED, (asked, response) => (asked.headers.range === undefined ? broken : whole)(asked, response));
    upstream.on('GET', PATH, redirectTo(`${other.url}${STORED}`));
    await client.download(request);
    expect(gets()).toHaveLength(2);
  });

  it.each([403, 404])('that ends in %i means that the file is being replaced', async (status) => {
    const { client, request, upstream, gets } = await scene();
    const other = await secondOrigin();
    other.on(
      'GET',
      STORED,
      (_, response) => void response.writeHead(status, { 'content-type': 'application/xml' }).end('<Error/>'),
    );
    upstream.on('GET', PATH, redirectTo(`${other.url}${STORED}?sub=account-id`));
    const failure = client.download(request);
    await expect(failure).rejects.toMatchObject({ code: 'SNAPSHOT_CHANGED', message: expect.not.stringContaining('account-id') });
    expect(gets()).toHaveLength(1);
  });

  it('in circles is given up', async () => {
    const { client, request, upstream } = await scene();
    const other = await secondOrigin();
    other.on('GET', STORED, redirectTo(STORED));
    upstream.on('GET', PATH, redirectTo(`${other.url}${STORED}`));
    await expect(client.download(request)).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' });
    expect(other.count('GET', STORED)).toBe(5);
  });

  it('to a refusal of the API is told in the API’s words', async () => {
    const { client, request, upstream } = await scene();
    upstream.on('GET', PATH, (_, response) => sendJson(response, 403, { status: 403, message: 'Forbidden' }));
    await expect(client.download(request)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
