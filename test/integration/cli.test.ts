import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../mirror-core/contracts/errors.ts';
import type { FakeDaemon } from '../support/fake-daemon.ts';
import { sampleDataset, sampleStatus } from '../support/status-samples.ts';
import { type CliBench, createCliBench, type Outcome, type RunOptions } from './cli-bench.ts';

let bench: CliBench;
let daemon: FakeDaemon;
let folder = '';
const run = (args: readonly string[], options?: RunOptions): Promise<Outcome> => bench.run(args, options);
beforeEach(async () => {
  bench = await createCliBench();
  ({ daemon, folder } = bench);
});
afterEach(() => bench.close());

describe('reading from the daemon', () => {
  it('shows the status as a table, and whole with --json', async () => {
    daemon.json('GET /api/status', sampleStatus());
    const table = await run(['status']);
    expect(table).toMatchObject({ code: 0, err: '' });
    expect(table.out).toContain('simplewiki_namespace_0  live');
    expect(daemon.requests[0]?.authorization).toBe('Bearer the-token');
    const json = await run(['status', '--json']);
    expect(JSON.parse(json.out)).toEqual(sampleStatus());
    expect((await run(['--json', 'status'])).out).toBe(json.out);
  });

  it('follows the events with --watch until it is stopped', async () => {
    const stop = new AbortController();
    let asked = 0;
    daemon.on('GET /api/status', (_request, response) => {
      asked += 1;
      response.end(JSON.stringify(sampleStatus({ datasets: [sampleDataset({ articles: asked })] })));
    });
    daemon.on('GET /api/events', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const event = { id: 1, at: '', type: 'dataset.state', dataset: null, message: '' };
      response.write(`: connected\n\nid: 1\ndata: ${JSON.stringify(event)}\n\n`);
    });
    const { code, out } = await run(['status', '--watch', '--json'], {
      signal: stop.signal,
      onOutput: (text) => {
        if (text.includes('"articles":2')) stop.abort();
      },
    });
    expect(code).toBe(0);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as ReturnType<typeof sampleStatus>).datasets[0]?.articles);
    expect(lines).toEqual([1, 2]);
  });

  it('lists projects', async () => {
    const project = {
      identifier: 'arwiki',
      name: 'ويكيبيديا',
      code: 'wiki',
      url: null,
      language: 'ar',
      languageName: 'Arabic',
      nativeLanguageName: 'العربية',
      direction: 'rtl',
      snapshots: [{ dataset: 'arwiki_namespace_0', namespace: 0, sizeBytes: 5e9, date: null, isMirrored: true }],
    };
    daemon.json('GET /api/projects?search=ar%20b', [project]);
    const { out, err, code } = await run(['projects', 'ar b']);
    expect(code).toBe(0);
    expect(out).toMatch(/arwiki_namespace_0 .*العربية.*5 GB {2}mirrored/);
    expect(err).toContain('wikimirror add arwiki_namespace_0');
    daemon.json('GET /api/projects', []);
    expect((await run(['projects', '--json'])).out).toBe('[]\n');
  });

  it('prints an article as summary, fields, HTML or JSON', async () => {
    const record = {
      name: 'Josephine Baker',
      is_part_of: { identifier: 'enwiki' },
      url: 'https://en.wikipedia.org/wiki/Josephine_Baker',
      license: [{ name: 'CC BY-SA' }],
      article_body: { html: '<p>x</p>' },
    };
    daemon.json('POST /v2/articles/Josephine%20Baker', [record]);
    expect((await run(['get', 'Josephine Baker'])).out).toContain('licence      CC BY-SA');
    expect((await run(['get', 'Josephine Baker', '--html'])).out).toBe('<p>x</p>\n');
    expect(
      JSON.parse((await run(['get', 'Josephine Baker', '--json', '--project', 'enwiki', '--fields', 'name, url'])).out),
    ).toEqual([record]);
    expect(JSON.parse(daemon.requests.at(-1)?.body ?? '')).toEqual({
      filters: [{ field: 'is_part_of.identifier', value: 'enwiki' }],
      fields: ['name', 'url'],
    });
    expect(await run(['get', 'Josephine Baker', '--wikitext'])).toMatchObject({ code: EXIT.notFound });
    daemon.json('POST /v2/articles/Two', [record, { ...record, is_part_of: { identifier: 'dewiki' } }]);
    const two = await run(['get', 'Two', '--html']);
    expect(two).toMatchObject({ code: EXIT.usage, out: '' });
    expect(two.err).toContain('enwiki, dewiki; choose one with --project');
  });

  it('passes the inventory on line by line', async () => {
    const rows = [{ title: 'A' }, { title: 'B' }];
    daemon.lines('GET /api/datasets/simplewiki_namespace_0/manifest?tombstones=true', rows);
    const { out, code } = await run(['manifest', 'simplewiki', '--tombstones']);
    expect(code).toBe(0);
    expect(out).toBe('{"title":"A"}\n{"title":"B"}\n');
  });
});

describe('changing what is mirrored', () => {
  it('adds by dataset or by project', async () => {
    daemon.json('POST /api/datasets', [sampleDataset({ state: { kind: 'planning' } })]);
    const { code, out } = await run(['add', 'simplewiki', 'dewiki_namespace_14']);
    expect(code).toBe(0);
    expect(out).toContain('simplewiki_namespace_0  planning');
    expect(JSON.parse(daemon.requests[0]?.body ?? '')).toEqual({ datasets: ['simplewiki_namespace_0', 'dewiki_namespace_14'] });
  });

  it.each(['pause', 'resume', 'sync'])('%s: the named datasets, or all', async (verb) => {
    daemon.json('GET /api/status', sampleStatus());
    daemon.json(`POST /api/datasets/simplewiki_namespace_0/${verb}`, sampleDataset());
    expect((await run([verb])).out).toContain('simplewiki_namespace_0  live');
    expect(JSON.parse((await run([verb, 'simplewiki', '--json'])).out)).toEqual([sampleDataset()]);
  });

  it('removes; asks a person, and needs --yes where there is none', async () => {
    daemon.json('GET /api/status', sampleStatus());
    daemon.json('DELETE /api/datasets/simplewiki_namespace_0', { id: 'simplewiki_namespace_0', freedBytes: 5e6 });
    const deletions = (): number => daemon.requests.filter((request) => request.method === 'DELETE').length;
    const refused = await run(['remove', 'simplewiki'], { isTTY: true, answers: ['n'] });
    expect(refused.err).toContain('Nothing was removed');
    expect(deletions()).toBe(0);
    expect((await run(['remove', 'simplewiki'], { isTTY: true, answers: ['y'] })).out).toContain('5 MB free again');
    expect((await run(['remove', 'simplewiki', '--yes'], { isTTY: true })).code).toBe(0);
    const unasked = await run(['remove', 'simplewiki']);
    expect(unasked).toMatchObject({ code: EXIT.usage });
    expect(unasked.err).toContain('--yes');
    expect((await run(['remove', 'simplewiki', '--yes'])).code).toBe(0);
    expect(deletions()).toBe(3);
    expect(await run(['remove', 'dewiki'])).toMatchObject({ code: EXIT.notFound });
  });
});

describe('long jobs', () => {
  it('sends a file and reports the result', async () => {
    await writeFile(join(folder, 'dump.ndjson'), '{"a":1}\n');
    const result = { records: 3, applied: 2, unchanged: 1, quarantined: 1, datasets: ['simplewiki_namespace_0'] };
    daemon.lines('POST /api/import', [{ progress: { readBytes: 4, records: 1 } }, { result }]);
    const { code, out, err } = await run(['import', 'dump.ndjson']);
    expect(code).toBe(0);
    expect(out).toContain('3 records read from dump.ndjson: 2 stored, 1 already known');
    expect(err).toContain('1 bad line kept aside');
    expect(daemon.requests[0]).toMatchObject({ path: '/api/import?name=dump.ndjson', body: '{"a":1}\n' });
    const piped = await run(['import', '-', '--complete', '--dataset', 'simplewiki', '--json'], { input: 'line\n' });
    expect(JSON.parse(piped.out)).toEqual(result);
    expect(daemon.requests[1]).toMatchObject({
      path: '/api/import?name=standard%20input&complete=simplewiki_namespace_0',
      body: 'line\n',
    });
  });

  it('ends with the error of the job', async () => {
    await writeFile(join(folder, 'bad.tar.gz'), 'x');
    const error = { status: 422, code: 'ARCHIVE_DAMAGED', message: 'bad.tar.gz ends in the middle' };
    daemon.lines('POST /api/import', [{ progress: { readBytes: 1, records: 0 } }, { error }]);
    const { code, err } = await run(['import', 'bad.tar.gz']);
    expect(code).toBe(EXIT.damaged);
    expect(err).toBe('error: bad.tar.gz ends in the middle; get the file again\n');
    daemon.lines('POST /api/import', []);
    expect((await run(['import', 'bad.tar.gz'])).code).toBe(EXIT.unreachable);
  });

  it('refuses files that cannot be and options that do not go together', async () => {
    expect(await run(['import', 'absent'])).toMatchObject({ code: EXIT.notFound });
    expect(await run(['import', '.'])).toMatchObject({ code: EXIT.usage });
    expect(await run(['import', 'x', '--complete'])).toMatchObject({ code: EXIT.usage });
    expect(await run(['import', 'x', '--dataset', 'enwiki'])).toMatchObject({ code: EXIT.usage });
    expect(await run(['import', '-'], { isTTY: true })).toMatchObject({ code: EXIT.usage });
  });

  it('verifies all datasets and fails when records are damaged', async () => {
    daemon.json('GET /api/status', sampleStatus());
    const report = { dataset: 'simplewiki_namespace_0', checked: 5, problems: 0, examples: [] };
    daemon.lines('POST /api/datasets/simplewiki_namespace_0/verify', [
      { progress: { checked: 1, total: 5 } },
      { result: report },
    ]);
    expect(await run(['verify'])).toMatchObject({ code: 0, out: 'simplewiki_namespace_0  5 records checked, all good\n' });
    const damaged = { ...report, problems: 1, examples: [{ title: 'A', seq: 3, problem: 'hash differs' }] };
    daemon.lines('POST /api/datasets/simplewiki_namespace_0/verify', [{ result: damaged }]);
    const { code, out } = await run(['verify', 'simplewiki']);
    expect(code).toBe(EXIT.damaged);
    expect(out).toContain('A: hash differs');
    const json = await run(['verify', '--json']);
    expect(JSON.parse(json.out)).toEqual([damaged]);
    expect((JSON.parse(json.err) as { error: { code: string } }).error.code).toBe('STORE_CORRUPT');
  });
});
