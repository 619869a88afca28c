import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { DownloadProgress } from '../../mirror-core/contracts/upstream-port.ts';
import { cutAfter, dataset, headersOf, md5Of, PATH, scene, store, writePart } from './upstream-download-setup.ts';
import { START_MS } from './upstream-setup.ts';

describe('a download', () => {
  it('takes one HEAD and one counted GET, and reports the file', async () => {
    const { client, request, file, gets, upstream } = await scene();
    const progress: DownloadProgress[] = [];
    const result = await client.download({ ...request, onProgress: (step) => progress.push(step) });
    expect(result).toEqual({
      path: request.path,
      sizeBytes: 300_000,
      md5: md5Of(file.bytes),
      lastModifiedMs: Date.parse('2024-02-12T00:50:09Z'),
    });
    expect(await readFile(request.path)).toEqual(file.bytes);
    expect(upstream.count('HEAD', PATH)).toBe(1);
    expect(gets()).toHaveLength(1);
    expect(client.quota().find((use) => use.kind === 'snapshot')?.used).toBe(1);
    expect(progress.at(0)).toEqual({ doneBytes: 0, totalBytes: 300_000 });
    expect(progress.at(-1)).toEqual({ doneBytes: 300_000, totalBytes: 300_000 });
    // The clock stands still, so nothing between the first and the last report is due.
    expect(progress.length).toBeLessThanOrEqual(3);
    expect(existsSync(`${request.path}.part`)).toBe(false);
    expect(existsSync(`${request.path}.part.json`)).toBe(false);
  });

  it('accepts a finished file without a request', async () => {
    const { client, request, upstream } = await scene();
    await client.download(request);
    const before = upstream.asked.length;
    await expect(client.download(request)).resolves.toMatchObject({ sizeBytes: 300_000 });
    expect(upstream.asked).toHaveLength(before);
  });

  it('replaces a finished file that is another one', async () => {
    const { client, request, file } = await scene();
    await client.download(request);
    await writeFile(request.path, 'something else');
    await client.download(request);
    expect(await readFile(request.path)).toEqual(file.bytes);
  });

  it('continues a broken transfer where it stopped', async () => {
    const { client, request, file, upstream, gets, waits } = await scene();
    const [broken, whole] = [store(file, cutAfter(100_000)), store(file)];
    upstream.on('GET', PATH, (asked, response) => (asked.headers.range === undefined ? broken : whole)(asked, response));
    await client.download(request);
    expect(await readFile(request.path)).toEqual(file.bytes);
    expect(gets().map((asked) => asked.headers.range)).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
    expect(gets()[1]?.headers['if-range']).toBe('"v1-2"');
    expect(Number(/\d+/.exec(gets()[1]?.headers.range ?? '')?.[0])).toBeGreaterThan(0);
    expect(waits).toHaveLength(1);
    expect(client.quota().find((use) => use.kind === 'snapshot')?.used).toBe(2);
  });

  it('continues a stalled transfer', async () => {
    const { client, request, file, upstream } = await scene({ timeouts: { bodyIdleMs: 100 } });
    const stalled = store(file, (response, bytes) => void response.write(bytes.subarray(0, 50_000)));
    const whole = store(file);
    upstream.on('GET', PATH, (asked, response) => (asked.headers.range === undefined ? stalled : whole)(asked, response));
    await client.download(request);
    expect(await readFile(request.path)).toEqual(file.bytes);
  });

  it('continues after an abort and a restart of the program', async () => {
    let nowMs = START_MS;
    // A clock on which every piece is due for a report.
    const { client, request, file, upstream, again } = await scene({ now: () => (nowMs += 250) });
    const stop = new AbortController();
    upstream.on(
      'GET',
      PATH,
      store(file, (response, bytes) => void response.write(bytes.subarray(0, 120_000))),
    );
    const running = client.download({
      ...request,
      signal: stop.signal,
      onProgress: ({ doneBytes }) => {
        if (doneBytes > 0) stop.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ name: 'AbortError' });
    const sidecar: unknown = JSON.parse(await readFile(`${request.path}.part.json`, 'utf8'));
    expect(sidecar).toMatchObject({
      etag: '"v1-2"',
      doneBytes: expect.toSatisfy((bytes: number) => bytes > 0),
      totalBytes: 300_000,
      source: PATH,
      md5: request.md5,
    });
    upstream.on('GET', PATH, store(file));
    await again().download(request);
    expect(upstream.asked.at(-1)?.headers.range).toMatch(/^bytes=[1-9]/);
    expect(await readFile(request.path)).toEqual(file.bytes);
  });

  it('does not trust bytes beyond what the sidecar vouches for', async () => {
    const { client, request, file, gets } = await scene();
    await writePart(request.path, Buffer.concat([file.bytes.subarray(0, 1_000), Buffer.alloc(400_000)]), {
      etag: file.etag,
      totalBytes: 300_000,
      doneBytes: 1_000,
      source: PATH,
      md5: request.md5,
    });
    await client.download(request);
    expect(gets()[0]?.headers.range).toBe('bytes=1000-');
    expect(await readFile(request.path)).toEqual(file.bytes);
  });

  it.each([
    ['another ETag', { etag: '"v0"' }],
    ['another size', { totalBytes: 299_999 }],
    ['another source', { source: '/v2/elsewhere' }],
    ['another checksum', { md5: '0'.repeat(32) }],
    ['more bytes than there are on disk', { doneBytes: 2_000 }],
    ['no sense', { doneBytes: 'many' }],
  ])('starts over when the sidecar has %s', async (_, change) => {
    const { client, request, file, gets } = await scene();
    const sidecar = { etag: file.etag, totalBytes: 300_000, doneBytes: 1_000, source: PATH, md5: request.md5, ...change };
    await writePart(request.path, file.bytes.subarray(0, 1_000), sidecar);
    await client.download(request);
    expect(gets()[0]?.headers.range).toBeUndefined();
    expect(await readFile(request.path)).toEqual(file.bytes);
  });

  it('only checks and moves a part that is complete', async () => {
    const { client, request, file, gets } = await scene();
    await writePart(request.path, file.bytes, {
      etag: file.etag,
      totalBytes: 300_000,
      doneBytes: 300_000,
      source: PATH,
      md5: request.md5,
    });
    await client.download(request);
    expect(gets()).toHaveLength(0);
    expect(await readFile(request.path)).toEqual(file.bytes);
  });

  it.each([
    ['a wrong start', 'bytes 999-299999/300000', '"v1-2"'],
    ['another total', 'bytes 1000-299999/300001', '"v1-2"'],
    ['another ETag', 'bytes 1000-299999/300000', '"v9"'],
    ['no range', undefined, '"v1-2"'],
  ])('never splices: a 206 with %s makes it start over', async (_, contentRange, etag) => {
    const { client, request, file, upstream, log } = await scene();
    await writePart(request.path, file.bytes.subarray(0, 1_000), {
      etag: file.etag,
      totalBytes: 300_000,
      doneBytes: 1_000,
      source: PATH,
      md5: request.md5,
    });
    const whole = store(file);
    upstream.on('GET', PATH, (asked, response) => {
      if (asked.headers.range === undefined) return whole(asked, response);
      response.writeHead(206, { etag, ...(contentRange === undefined ? {} : { 'content-range': contentRange }) });
      response.end(file.bytes.subarray(999));
    });
    await client.download(request);
    expect(await readFile(request.path)).toEqual(file.bytes);
    expect(log()).toContain('download.restarted');
  });

  it('uses a whole file that comes instead of the rest', async () => {
    const { client, request, file, upstream, gets } = await scene();
    await writePart(request.path, Buffer.alloc(1_000), {
      etag: file.etag,
      totalBytes: 300_000,
      doneBytes: 1_000,
      source: PATH,
      md5: request.md5,
    });
    upstream.on('GET', PATH, (_, response) => void response.writeHead(200, headersOf(file, 300_000)).end(file.bytes));
    await client.download(request);
    expect(gets()).toHaveLength(1);
    expect(await readFile(request.path)).toEqual(file.bytes);
  });

  it('gives up on a file that changes with every try', async () => {
    const { client, request, file, upstream } = await scene();
    upstream.on(
      'GET',
      PATH,
      (_, response) => void response.writeHead(200, { ...headersOf(file, 300_000), etag: '"newer"' }).end(file.bytes),
    );
    await expect(client.download(request)).rejects.toMatchObject({ code: 'SNAPSHOT_CHANGED', retryable: true });
  });

  it('throws away a file with the wrong checksum', async () => {
    const { client, request } = await scene();
    const wrong = { ...request, md5: 'f'.repeat(32) };
    await expect(client.download(wrong)).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      context: { expected: 'f'.repeat(32) },
    });
    expect(existsSync(request.path)).toBe(false);
    expect(existsSync(`${request.path}.part`)).toBe(false);
  });

  it('refuses a file that does not fit, with the figures, before spending a request', async () => {
    const { client, request, gets } = await scene({ freeBytes: () => Promise.resolve(350_000), reserveBytes: 100_000 });
    await expect(client.download(request)).rejects.toMatchObject({
      code: 'NO_SPACE',
      message: expect.stringMatching(/300000 .*100000 .*350000 .*50000/),
    });
    expect(gets()).toHaveLength(0);
  });

  it('says so when there is no such file, without a counted request', async () => {
    const { client, request, upstream } = await scene();
    upstream.on('HEAD', PATH, (_, response) => void response.writeHead(404).end());
    await expect(client.download(request)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(client.quota().find((use) => use.kind === 'snapshot')?.used).toBe(0);
  });

  it('does not take a web page for a file', async () => {
    const { client, request, upstream } = await scene();
    upstream.on('GET', PATH, (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Sign in'));
    await expect(client.download(request)).rejects.toMatchObject({ code: 'UPSTREAM_PROTOCOL' });
  });

  it('stops at the cap', async () => {
    const { client, request, gets } = await scene({ quota: { onDemand: 0, snapshot: 1, chunk: 0 } });
    await client.download(request);
    await expect(client.download({ ...request, path: `${request.path}.2` })).rejects.toMatchObject({ code: 'QUOTA_EXHAUSTED' });
    expect(gets()).toHaveLength(1);
  });

  it('spends no more than its tries on a line that always breaks', async () => {
    const { client, request, file, upstream, gets, waits } = await scene();
    upstream.on('GET', PATH, store(file, cutAfter(0)));
    await expect(client.download(request)).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
    expect(gets()).toHaveLength(6);
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000]);
  });

  it('runs once per path', async () => {
    const { client, request } = await scene();
    const first = client.download(request);
    await expect(client.download(request)).rejects.toMatchObject({ code: 'CONFLICT' });
    await first;
  });

  it('fetches chunks and batches, counting chunks and not batches', async () => {
    const { client, request, file, upstream } = await scene();
    const places = [
      '/v2/snapshots/simplewiki_namespace_0/chunks/simplewiki_namespace_0_chunk_3/download',
      '/v2/batches/2026-03-10/07/simplewiki_namespace_0/download',
    ];
    for (const place of places) {
      upstream.on('HEAD', place, (_, response) => void response.writeHead(200, headersOf(file, file.bytes.length)).end());
      upstream.on('GET', place, store(file));
    }
    await client.download({
      ...request,
      path: `${request.path}.3`,
      target: { kind: 'chunk', dataset, chunk: 'simplewiki_namespace_0_chunk_3' },
    });
    await client.download({
      ...request,
      path: `${request.path}.b`,
      target: { kind: 'batch', dataset, hour: { date: '2026-03-10', hour: '07' } },
    });
    expect(places.map((place) => upstream.count('GET', place))).toEqual([1, 1]);
    expect(client.quota().map((use) => use.used)).toEqual([0, 0, 1]);
  });

  it('ends at once when the client is closed', async () => {
    const { client, request, file, upstream } = await scene();
    const reached = new Promise<void>((resolve) => {
      upstream.on(
        'GET',
        PATH,
        store(file, (response, bytes) => {
          response.write(bytes.subarray(0, 10));
          resolve();
        }),
      );
    });
    const running = client.download(request);
    const outcome = expect(running).rejects.toMatchObject({ name: 'AbortError' });
    await reached;
    await client.close();
    await outcome;
    await expect(client.codes()).rejects.toMatchObject({ name: 'AbortError' });
  });
});
