import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MirrorError } from '../../mirror-core/contracts/errors.ts';
import { sendRaw } from '../support/running-server.ts';
import { articleJson, CONTROL_TOKEN, lakes, serve } from './server-harness.ts';

const DATASET = 'enwiki_namespace_0';

async function linesOf(response: Response): Promise<unknown[]> {
  const text = await response.text();
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as unknown]));
}

/** Lets the server's own turns pass until `isDone`; fails by the test's time limit otherwise. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await turn();
}

describe('/api datasets', () => {
  it('adds, lists, shows and removes', async () => {
    const { operate, control } = await serve();
    const added = await operate('/api/datasets', { method: 'POST', body: JSON.stringify({ datasets: [DATASET] }) });
    expect(await added.json()).toMatchObject([
      { id: DATASET, licenses: { 'CC-BY-SA-4.0': 3 }, state: { kind: 'live', lagMs: 12.5 } },
    ]);
    expect(await (await operate('/api/datasets')).json()).toHaveLength(1);
    expect(await (await operate(`/api/datasets/${DATASET}`)).json()).toMatchObject({ id: DATASET, progress: null });
    const removed = await operate(`/api/datasets/${DATASET}`, { method: 'DELETE' });
    expect(await removed.json()).toEqual({ id: DATASET, freedBytes: 50 });
    expect(control.calls).toContain(`add ${DATASET}`);
  });

  it.each(['pause', 'resume', 'sync'])('%s by POST with an empty JSON body', async (verb) => {
    const { operate, control } = await serve();
    control.ids = [DATASET];
    const response = await operate(`/api/datasets/${DATASET}/${verb}`, { method: 'POST' });
    expect(response.status).toBe(200);
    expect(control.calls).toEqual([`${verb} ${DATASET}`]);
  });

  it.each([
    ['GET', '/api/datasets/dewiki_namespace_0', undefined, 404, 'NOT_FOUND'],
    ['GET', '/api/datasets/nonsense', undefined, 422, 'INVALID_INPUT'],
    ['GET', '/api/datasets/..%2F..%2Fetc_namespace_0', undefined, 422, 'INVALID_INPUT'],
    ['DELETE', '/api/datasets/dewiki_namespace_0', undefined, 404, 'NOT_FOUND'],
    ['GET', '/api/datasets/thwiki_namespace_0/manifest', undefined, 404, 'NOT_FOUND'],
    ['POST', '/api/datasets', '{"datasets":[]}', 422, 'INVALID_INPUT'],
    ['POST', '/api/datasets', '{"datasets":["nonsense"]}', 422, 'INVALID_INPUT'],
    ['POST', '/api/datasets', '{"datasets":["enwiki_namespace_0"],"more":1}', 422, 'INVALID_INPUT'],
    ['POST', '/api/datasets', '{', 422, 'INVALID_INPUT'],
    ['POST', '/api/datasets', '', 422, 'INVALID_INPUT'],
    ['GET', '/api/events?after=x', undefined, 422, 'INVALID_INPUT'],
    ['GET', '/api/article/enwiki/Nobody', undefined, 404, 'NOT_FOUND'],
    ['GET', '/api/article/xxwiki/AC/DC', undefined, 404, 'NOT_FOUND'],
    ['GET', '/api/article/enwiki/', undefined, 404, 'NOT_FOUND'],
    ['GET', '/api/nothing', undefined, 404, 'NOT_FOUND'],
  ])('%s %s %s is %i %s', async (method, path, body, status, code) => {
    const reader = lakes();
    const { operate } = await serve(reader);
    const response = await operate(path, { method, ...(body === undefined ? {} : { body }) });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ status, code, message: expect.stringMatching(/\w+/) });
  });

  it.each([
    [new MirrorError('NO_SPACE', 'no space on the disk'), 507, 'NO_SPACE', 'no space on the disk'],
    [new MirrorError('UNKNOWN_PROJECT', 'no such project'), 404, 'UNKNOWN_PROJECT', 'no such project'],
    [new MirrorError('QUOTA_EXHAUSTED', 'used up', { retryAfterMs: 1500 }), 429, 'QUOTA_EXHAUSTED', 'used up'],
    [new TypeError('secret inner thing at /home/x'), 500, 'INTERNAL', 'unexpected error'],
  ])('turns %s into its catalogue answer', async (failure, status, code, words) => {
    const { operate, control } = await serve();
    control.failure = failure;
    const response = await operate('/api/status');
    expect(response.status).toBe(status);
    const text = await response.text();
    expect(JSON.parse(text)).toEqual({ status, code, message: expect.stringContaining(words) });
    expect(text).not.toContain('secret');
    expect(response.headers.get('retry-after')).toBe(status === 429 ? '2' : null);
  });
});

describe('/api mirror', () => {
  it('shows status, quota and the catalogue, searched', async () => {
    const { operate, control } = await serve();
    control.ids = [DATASET];
    expect(await (await operate('/api/status')).json()).toMatchObject({
      version: '0.1.0',
      datasets: [{ id: DATASET, state: { kind: 'live' } }],
    });
    expect(await (await operate('/api/quota')).json()).toEqual([{ kind: 'snapshot', used: 2, limit: null, month: '2026-03' }]);
    control.catalogue = [
      {
        identifier: 'enwiki',
        name: 'Wikipedia',
        code: 'wiki',
        url: null,
        language: 'en',
        languageName: null,
        nativeLanguageName: null,
        direction: null,
        snapshots: [{ dataset: DATASET, namespace: 0, sizeBytes: 12, date: null, isMirrored: true }],
      },
    ];
    expect(await (await operate('/api/projects?search=engl%20ish')).json()).toEqual(control.catalogue);
    expect(control.calls.at(-1)).toBe('projects engl ish');
  });
});

describe('/api inventory', () => {
  it('streams the manifest as lines, tombstones on request', async () => {
    const reader = lakes();
    const dataset = [...reader.datasets.values()].find(({ id }) => id === DATASET)!;
    const row = { title: 'A', page_id: 1, namespace: 0, version: 2, event_time: '2026-03-01T00:00:00Z' };
    dataset.manifestRows.push(
      ...Array.from({ length: 3_000 }, (_, index) => ({ ...row, title: `T${index}`, state: 'live' as const })),
    );
    dataset.manifestRows.push({ ...row, state: 'deleted' });
    const { operate } = await serve(reader);
    const live = await operate(`/api/datasets/${DATASET}/manifest`);
    expect(live.headers.get('content-type')).toBe('application/x-ndjson');
    expect(await linesOf(live)).toEqual(dataset.manifestRows.slice(0, -1));
    expect(await linesOf(await operate(`/api/datasets/${DATASET}/manifest?tombstones=true`))).toEqual(dataset.manifestRows);
  });

  it('lists what was kept aside', async () => {
    const reader = lakes();
    const row = {
      id: '1',
      at: '2026-03-01T00:00:00Z',
      source: 'f.tar.gz',
      line: 7,
      reason: 'no title',
      bytes: 2,
      sha256: 'ab',
      excerpt: '{}',
    };
    [...reader.datasets.values()][0]!.quarantineRows.push(row);
    const { operate } = await serve(reader);
    expect(await (await operate(`/api/datasets/${DATASET}/quarantine`)).json()).toEqual([row]);
  });

  it('sends one raw record, as stored when the client can read it', async () => {
    const { operate } = await serve();
    for (const path of ['/api/article/enwiki/AC/DC', '/api/article/enwiki/AC%2FDC', '/api/article/enwiki/Category:Lakes']) {
      expect((await operate(path)).status, path).toBe(200);
    }
    const response = await operate('/api/article/enwiki/AC/DC', { headers: { 'accept-encoding': 'zstd' } });
    expect(response.headers.get('content-encoding')).toBe('zstd');
    expect(await response.text()).toBe(articleJson('AC/DC', 'enwiki', 'en'));
    const tag = response.headers.get('etag') ?? '';
    expect(
      (await operate('/api/article/enwiki/AC/DC', { headers: { 'accept-encoding': 'zstd', 'if-none-match': tag } })).status,
    ).toBe(304);
  });
});

describe('/api jobs', () => {
  it('verify tells its progress, the report is the last line', async () => {
    const { operate, control } = await serve();
    control.ids = [DATASET];
    const response = await operate(`/api/datasets/${DATASET}/verify`, { method: 'POST' });
    expect(await linesOf(response)).toEqual([
      { progress: { checked: 1, total: 3 } },
      { result: { dataset: DATASET, checked: 3, problems: 0, examples: [] } },
    ]);
  });

  it('an error before the first progress is a plain error answer', async () => {
    const { operate } = await serve();
    expect((await operate(`/api/datasets/${DATASET}/verify`, { method: 'POST' })).status).toBe(404);
  });

  it('stops when the client goes away', async () => {
    const { operate, control } = await serve();
    control.ids = [DATASET];
    control.verifyWaits = true;
    const leaving = new AbortController();
    await operate(`/api/datasets/${DATASET}/verify`, { method: 'POST', signal: leaving.signal });
    leaving.abort();
    await until(() => control.calls.includes('verify aborted'));
    expect(control.calls).toContain('verify aborted');
  });

  it('imports a body of any length as a stream', async () => {
    const { operate, control } = await serve();
    const piece = Buffer.alloc(256 * 1024, 'record\n');
    const count = 12; // 3 MB: three times what a JSON body may have
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let index = 0; index < count; index += 1) controller.enqueue(piece);
        controller.close();
      },
    });
    const headers = { 'content-type': 'application/octet-stream' };
    const path = `/api/import?name=dump.ndjson&complete=${DATASET}`;
    const lines = await linesOf(await operate(path, { method: 'POST', headers, body, duplex: 'half' }));
    expect(lines[0]).toMatchObject({ progress: { readBytes: expect.any(Number), records: 0 } });
    expect(lines.at(-1)).toEqual({ result: { records: 1, applied: 1, unchanged: 0, quarantined: 0, datasets: [] } });
    expect(control.imported).toEqual(Buffer.concat(Array.from({ length: count }, () => piece)));
    expect(control.lastImport).toMatchObject({ sourceName: 'dump.ndjson', completeSnapshotOf: DATASET });
  });

  it('refuses an import under another content type, or as whole snapshot of no dataset, though the upload goes on', async () => {
    const { url, control } = await serve();
    const { host } = new URL(url);
    for (const [path, type] of [
      ['/api/import', 'application/json'],
      ['/api/import?complete=nonsense', 'application/octet-stream'],
    ] as const) {
      const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${CONTROL_TOKEN}\r\nContent-Type: ${type}\r\nContent-Length: 100000000\r\nConnection: close\r\n\r\n`;
      expect((await sendRaw(url, `${head}first bytes`)).status, path).toBe(422);
    }
    expect(control.calls).toEqual([]);
  });
});
