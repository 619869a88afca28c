/** What bad input gets, through the real command line: words that say what happened, to what, and what to do; an exit code; no stack trace. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startPractice, type PracticeOptions, type PracticeServer } from '../../mirror-core/practice/server.ts';
import { writeCorpus } from '../../mirror-core/practice/corpus.ts';
import { sendJson, startScriptedUpstream } from '../support/scripted-upstream.ts';
import { practiceEnvironment, wikimirror, type CommandResult } from './command.ts';
import { DaemonProcess } from './daemon-process.ts';
import { eventually, temporaryDirectory } from './harness.ts';

vi.setConfig({ testTimeout: 90_000 });

const EN = 'practiceenwiki_namespace_14';
let data: string;
let practice: PracticeServer | undefined;
let daemon: DaemonProcess | undefined;
beforeEach(async () => {
  data = await temporaryDirectory();
});
afterEach(async () => {
  await daemon?.stop('SIGKILL');
  daemon = undefined;
  await practice?.close();
  practice = undefined;
  await rm(data, { recursive: true, force: true });
});

async function upstream(options: Partial<PracticeOptions> = {}): Promise<string> {
  practice = await startPractice({ directory: null, wikis: ['practiceenwiki'], ...options });
  return practice.url;
}

function expectWords(result: CommandResult, code: number, ...words: readonly (string | RegExp)[]): void {
  for (const word of words) expect(result.stderr).toMatch(word);
  expect(result.stderr).not.toMatch(/\n\s+at .*\(?.*:\d+:\d+\)?/);
  expect(result.stderr).not.toMatch(/secret|wrong-password/);
  expect(result.code).toBe(code);
}

/** Waits until the daemon shows this state of the dataset and returns what a person would read in `status`. */
async function shown(env: Record<string, string>, state: string): Promise<string> {
  daemon = new DaemonProcess({ data, practiceUrl: env['WME_API_URL'] ?? '', datasets: [EN], env });
  const running = daemon;
  await eventually(
    `the state ${state}`,
    async () => (await running.status())?.datasets.some((dataset) => dataset.state.kind === state) || undefined,
  );
  const { stdout, code } = await wikimirror(['status'], env);
  expect(code).toBe(0);
  return stdout;
}

describe('the account', () => {
  it('wrong password', async () => {
    const url = await upstream({ credentials: { username: 'tester', password: 'right' } });
    const env = practiceEnvironment(data, url, { WME_PASSWORD: 'wrong-password' });
    expectWords(await wikimirror(['login'], env), 4, /password/i, /tester/);
    const status = await shown(env, 'failed');
    expect(status).toMatch(/password/i);
  });

  it('no permission for what is asked', async () => {
    const refusing = await startScriptedUpstream();
    try {
      for (const path of ['', '/chunks']) {
        refusing.on('GET', `/v2/snapshots/${EN}${path}`, (_, response) =>
          sendJson(response, 403, { status: 403, message: 'Forbidden' }),
        );
      }
      const env = practiceEnvironment(data, refusing.url);
      expectWords(await wikimirror(['add', EN], env), 5, new RegExp(EN), /may not use/, /account/);
      const status = await shown(env, 'failed');
      expect(status).toMatch(/may not use/);
    } finally {
      await refusing.close();
    }
  });

  it('without stream and batches: no failure, but the age is said', async () => {
    const url = await upstream({ account: 'free' });
    const env = practiceEnvironment(data, url);
    expect(await shown(env, 'waiting')).toMatch(/as of/i);
    expect((await wikimirror(['doctor'], env)).stdout).toMatch(/snapshot/);
  });

  it('quota used up', async () => {
    const url = await upstream({ account: 'free', quotas: { chunk: 0, snapshot: 0 }, chunkBytes: 8192 });
    const env = practiceEnvironment(data, url);
    const status = await shown(env, 'waiting');
    expect(status).toMatch(/quota/i);
  });
});

describe('what is asked for', () => {
  it('unknown project', async () => {
    const env = practiceEnvironment(data, await upstream());
    expectWords(
      await wikimirror(['add', 'practiceenwikki_namespace_0'], env),
      7,
      /practiceenwikki_namespace_0/,
      /practiceenwiki\b|wikimirror projects/,
    );
    expectWords(await wikimirror(['add', '../../etc'], env), 2, /not a dataset/);
  });

  it('no space', async () => {
    const env = practiceEnvironment(data, await upstream(), { WIKIMIRROR_DISK_RESERVE_BYTES: '900000000000000' });
    expectWords(await wikimirror(['add', EN], env), 8, /free/, /reserve/, /MB/);
    expect(await shown(env, 'waiting')).toMatch(/disk|free/i);
  });
});

describe('files', () => {
  it('a line that is not JSON and a record without a title are kept aside with file and line number, counted and shown', async () => {
    const env = practiceEnvironment(data, 'http://127.0.0.1:9');
    const good = {
      name: 'Good',
      identifier: 1,
      is_part_of: { identifier: 'testwiki' },
      version: { identifier: 3 },
      article_body: { html: '<p>x</p>' },
    };
    const file = join(data, 'some.ndjson');
    await writeFile(
      file,
      `${JSON.stringify(good)}\nthis is not JSON\n${JSON.stringify({ identifier: 5, is_part_of: { identifier: 'testwiki' } })}\n`,
    );
    const imported = await wikimirror(['import', file, '--json'], env);
    expect(imported.code).toBe(0);
    expect(JSON.parse(imported.stdout)).toEqual({
      records: 1,
      applied: 1,
      unchanged: 0,
      quarantined: 2,
      datasets: ['testwiki_namespace_0'],
    });
    const shownRows = await wikimirror(['quarantine'], env);
    expect(shownRows.stdout).toMatch(/some\.ndjson, line 2: .*JSON/);
    expect(shownRows.stdout).toMatch(/some\.ndjson, line 3: .*name/);
    expect((await wikimirror(['status'], env)).stdout).toMatch(/2 bad lines/);
    expect((await wikimirror(['get', 'Good', '--json'], env)).stdout).toContain('"Good"');
  });

  it('nothing usable in the file', async () => {
    const env = practiceEnvironment(data, 'http://127.0.0.1:9');
    expectWords(await wikimirror(['import', '-'], env, 'hello\nworld\n'), 9, /standard input/, /line 1/);
    expectWords(await wikimirror(['import', join(data, 'absent.tar.gz')], env), 7, /absent\.tar\.gz/);
  });

  it('a damaged record that an archive brought in is replaced by the intact one; a file of another dataset is no whole snapshot', async () => {
    const env = practiceEnvironment(data, 'http://127.0.0.1:9');
    const line = JSON.stringify({
      name: 'Lake',
      identifier: 1,
      is_part_of: { identifier: 'testwiki' },
      version: { identifier: 3 },
      article_body: { html: '<p>deep</p>' },
      event: { type: 'update', date_created: '2026-03-01T00:00:00Z', date_published: '2026-03-01T00:00:01Z' },
    });
    expect((await wikimirror(['import', '-'], env, line.replace('deep', 'dXep'))).code).toBe(0);
    expect((await wikimirror(['import', '-'], env, line)).stdout).toMatch(/1 stored/);
    expect((await wikimirror(['get', 'Lake', '--json'], env)).stdout).toContain('deep');
    expect((await wikimirror(['import', '-'], env, line)).stdout).toMatch(/0 stored/);

    const foreign = await wikimirror(['import', '-', '--complete', '--dataset', 'otherwiki'], env, line);
    expectWords(foreign, 9, /otherwiki_namespace_0/, /belong elsewhere/);
  });

  it('a damaged archive: the good records are kept, the error says where', async () => {
    const env = practiceEnvironment(data, 'http://127.0.0.1:9');
    const file = join(data, 'corpus.tar.gz');
    const { lines } = await writeCorpus({ path: file, seed: 5, rawBytes: 4_000_000, dataset: 'testwiki_namespace_0' });
    const bytes = await readFile(file);
    const torn = join(data, 'torn.tar.gz');
    await writeFile(torn, bytes.subarray(0, Math.floor(bytes.length * 0.7)));
    const result = await wikimirror(['import', torn], env);
    expectWords(result, 9, /torn\.tar\.gz/, /truncated|ends|cut|damaged/i);
    const status = JSON.parse((await wikimirror(['status', '--json'], env)).stdout) as { datasets: { articles: number }[] };
    expect(status.datasets[0]?.articles).toBeGreaterThan(0);
    expect(status.datasets[0]?.articles).toBeLessThan(lines);
    expect((await wikimirror(['verify'], env)).code).toBe(0);
    // The whole file afterwards completes what the torn one began.
    expect((await wikimirror(['import', file], env)).code).toBe(0);
    const whole = JSON.parse((await wikimirror(['status', '--json'], env)).stdout) as { datasets: { articles: number }[] };
    expect(whole.datasets[0]?.articles).toBe(lines);
  });
});

describe('the machine', () => {
  it('a port in use', async () => {
    const url = await upstream();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      expectWords(
        await wikimirror(['serve'], practiceEnvironment(data, url, { WIKIMIRROR_PORT: String(port) })),
        10,
        new RegExp(String(port)),
        /WIKIMIRROR_PORT|server\.port|--port/,
      );
    } finally {
      taken.close();
    }
  });

  it('a data directory in use by another process', async () => {
    const url = await upstream();
    const env = practiceEnvironment(data, url);
    daemon = new DaemonProcess({ data, practiceUrl: url, datasets: [] });
    const running = daemon;
    await eventually('the daemon', () => running.status());
    expectWords(await wikimirror(['serve'], env), 11, /another|uses|in use/i);
  });

  it('a data directory of a newer version, and one of another upstream', async () => {
    const url = await upstream();
    const env = practiceEnvironment(data, url);
    expect((await wikimirror(['add', EN], env)).code).toBe(0);
    const identity = JSON.parse(await readFile(join(data, 'wikimirror.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(join(data, 'wikimirror.json'), JSON.stringify({ ...identity, schemaVersion: 99 }));
    expectWords(await wikimirror(['serve'], env), 11, /newer/);
    await writeFile(join(data, 'wikimirror.json'), JSON.stringify(identity));
    // Made-up and real content never share a directory.
    expectWords(await wikimirror(['serve'], { ...env, WIKIMIRROR_UPSTREAM_KIND: 'enterprise' }), 11, /practice/);
  });

  it('a directory that cannot be made', async () => {
    await writeFile(join(data, 'file'), '');
    expectWords(
      await wikimirror(['serve'], practiceEnvironment(join(data, 'file', 'below'), 'http://127.0.0.1:9')),
      11,
      /file\/below/,
    );
  });

  it('a configuration file with a typo', async () => {
    const env = practiceEnvironment(data, 'http://127.0.0.1:9');
    const file = join(data, 'wikimirror.toml');
    await writeFile(file, '[server]\nprot = 8750\n');
    expectWords(await wikimirror(['serve'], env), 3, /wikimirror\.toml/, /line 2/, /server\.port/);
    await writeFile(file, '[server\nport = 8750\n');
    expectWords(await wikimirror(['serve'], env), 3, /wikimirror\.toml/, /line 1/);
    await writeFile(file, '[sync]\nsilenceSeconds = "soon"\n');
    expectWords(await wikimirror(['config', 'show'], { HOME: data, WIKIMIRROR_DATA: data }), 3, /silenceSeconds/, /number/);
    await writeFile(file, 'datasets = ["enwiki"]\n');
    expectWords(await wikimirror(['serve'], { ...env }), 3, /enwiki/, /_namespace_/);
  });

  it('upstream that does not answer: what is mirrored is served, and the state says why', async () => {
    const env = practiceEnvironment(data, 'http://127.0.0.1:9');
    expect(await shown(env, 'waiting')).toMatch(/127\.0\.0\.1:9/);
    const { code, stderr } = await wikimirror(['add', 'enwiki_namespace_0'], env);
    expect(code).toBe(12);
    expect(stderr).toMatch(/127\.0\.0\.1:9/);
  });
});
