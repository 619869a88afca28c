import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../mirror-core/contracts/errors.ts';
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
