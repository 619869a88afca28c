import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeFailure } from '../../mirror-core/cli/failure.ts';
import { describeSync } from '../../mirror-core/cli/terminal/describe-sync.ts';
import { EXIT, MirrorError } from '../../mirror-core/contracts/errors.ts';
import { type CliBench, createCliBench, type Outcome, type RunOptions } from './cli-bench.ts';

let bench: CliBench;
const run = (args: readonly string[], options?: RunOptions): Promise<Outcome> => bench.run(args, options);
beforeEach(async () => {
  bench = await createCliBench();
});
afterEach(() => bench.close());

describe('the note of a daemon that was killed', () => {
  it.each([
    ['knows nothing of mirrors', 404, 'Not Found'],
    ['is the mirror of another directory', 401, { status: 401, code: 'AUTH_FAILED', message: 'not my token' }],
    ['refuses the name', 403, { status: 403, code: 'FORBIDDEN', message: 'no' }],
    ['is in trouble itself', 500, '<html>'],
  ])('is no daemon when what listens there now %s', async (_what, status, body) => {
    const { daemon, folder } = bench;
    daemon.on('GET /api/status', (_request, response) => {
      response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    await mkdir(join(folder, 'data/run'), { recursive: true });
    await writeFile(
      join(folder, 'data/run/daemon.json'),
      JSON.stringify({ pid: 1, url: daemon.url, version: '0', startedAt: '' }),
    );
    await writeFile(join(folder, 'data/wikimirror.json'), '{}');
    const { code, err } = await run(['status'], { env: { WIKIMIRROR_URL: '' } });
    expect(err).toContain('opened the data directory');
    expect(code).toBe(EXIT.dataDirectory);
  });
});

describe('--url and WIKIMIRROR_TOKEN', () => {
  it('speak of the control token, not of the account upstream', async () => {
    const { err, code } = await run(['status'], { env: { WIKIMIRROR_TOKEN: '' } });
    expect(err).toMatch(/set WIKIMIRROR_TOKEN .*secrets\/control-token/);
    expect(err).not.toMatch(/WME_|login/);
    expect(code).toBe(EXIT.auth);
  });

  it('never quote a token that cannot be one', async () => {
    const { err, code } = await run(['status'], { env: { WIKIMIRROR_TOKEN: 'marker-one\nmarker-two' } });
    expect(err).toMatch(/WIKIMIRROR_TOKEN/);
    expect(err).not.toMatch(/marker/);
    expect(code).toBe(EXIT.auth);
  });

  it.each([
    ['ftp://127.0.0.1:8750', /http:\/\/127/],
    ['127.0.0.1:8750', /http:\/\/127/],
    ['http://ann:marker@127.0.0.1:8750', /user name or password/],
  ])('refuse the address %s', async (url, words) => {
    const { err, code } = await run(['status', '--url', url]);
    expect(err).toMatch(words);
    expect(err).not.toMatch(/marker/);
    expect(code).toBe(EXIT.usage);
  });
});

describe('words of errors', () => {
  it.each([
    'data/wikimirror.json cannot be read: restore it, or choose another data directory',
    'The key file is damaged. Delete it and start again: new keys are made.',
  ])('"%s" earns no advice to throw a dataset away', (message) => {
    expect(describeFailure(new MirrorError('STORE_CORRUPT', message)).message).toBe(message);
  });

  it('never show the password somebody wrote into an address', async () => {
    const { err, code } = await run(['config', 'show'], { env: { WME_API_URL: 'https://zoe:marker@api.example.org' } });
    expect(err).toMatch(/WME_API_URL: upstream\.api .*api\.example\.org/);
    expect(err).not.toMatch(/marker|zoe/);
    expect(code).toBe(EXIT.config);
  });

  it('end a reason before they say when it is looked at again', () => {
    const state = { kind: 'waiting', for: 'quota', until: '2026-11-21T18:04:59Z', reason: 'It is used up. Wait.' } as const;
    expect(describeSync(state).detail).toBe('It is used up. Wait. Next try 2026-11-21 18:04 UTC');
  });
});

describe('verify', () => {
  it('goes on with the other datasets when one cannot be opened', async () => {
    const { daemon } = bench;
    daemon.json(
      'POST /api/datasets/aawiki_namespace_0/verify',
      { status: 500, code: 'STORE_CORRUPT', message: 'aawiki_namespace_0 cannot be opened' },
      500,
    );
    daemon.lines('POST /api/datasets/bbwiki_namespace_0/verify', [
      { result: { dataset: 'bbwiki_namespace_0', checked: 3, problems: 0, examples: [] } },
    ]);
    const { code, out, err } = await run(['verify', 'aawiki', 'bbwiki']);
    expect(out).toBe(
      'aawiki_namespace_0  cannot be checked\n  aawiki_namespace_0 cannot be opened\nbbwiki_namespace_0  3 records checked, all good\n',
    );
    expect(err).toContain('damaged records in aawiki_namespace_0');
    expect(code).toBe(EXIT.damaged);
  });
});
