import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ERROR_CATALOGUE, EXIT, type ErrorCode, MirrorError } from '../../mirror-core/contracts/errors.ts';
import { describeFailure } from '../../mirror-core/cli/failure.ts';
import type { HostPort } from '../../mirror-core/cli/host-port.ts';
import { buildProgram } from '../../mirror-core/cli/program.ts';
import type { FakeDaemon } from '../support/fake-daemon.ts';
import { sampleStatus } from '../support/status-samples.ts';
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

describe('finding the daemon', () => {
  async function announce(directory: string, url: string): Promise<void> {
    await mkdir(join(directory, 'run'), { recursive: true });
    await mkdir(join(directory, 'secrets'), { recursive: true });
    await writeFile(join(directory, 'run/daemon.json'), JSON.stringify({ pid: 1, url, version: '0', startedAt: '' }));
    await writeFile(join(directory, 'secrets/control-token'), 'local-token\n');
  }
  const nowhere = { WIKIMIRROR_URL: '' };

  it('uses the daemon of the data directory, then that of its practice folder', async () => {
    daemon.json('GET /api/status', sampleStatus());
    await announce(join(folder, 'data/practice'), daemon.url);
    expect((await run(['status'], { env: nowhere })).code).toBe(0);
    expect(daemon.requests.at(-1)?.authorization).toBe('Bearer local-token');
    await announce(join(folder, 'other'), daemon.url);
    expect((await run(['status', '--data', 'other'], { env: nowhere })).code).toBe(0);
  });

  it('opens the data directory itself when the daemon that left its note is gone', async () => {
    await announce(join(folder, 'data'), 'http://127.0.0.1:1');
    await writeFile(join(folder, 'data/wikimirror.json'), '{}');
    const { code, err } = await run(['status'], { env: nowhere });
    expect(code).toBe(EXIT.dataDirectory);
    expect(err).toContain('opened the data directory');
  });

  it('says so when there is nothing yet', async () => {
    const { code, err } = await run(['status'], { env: nowhere });
    expect(code).toBe(EXIT.notFound);
    expect(err).toContain('nothing is mirrored in');
    expect((await run(['status', '--watch'], { env: nowhere })).code).toBe(EXIT.unreachable);
  });

  it('needs a token for a remote one, and an answer', async () => {
    expect(await run(['status'], { env: { WIKIMIRROR_TOKEN: '' } })).toMatchObject({ code: EXIT.auth });
    expect(await run(['status', '--url', 'http://127.0.0.1:1'])).toMatchObject({ code: EXIT.unreachable });
    daemon.json('GET /api/status', { hello: 'world' });
    expect((await run(['status'])).err).toContain('this version does not know');
    daemon.on('GET /api/status', (_request, response) => response.writeHead(502).end('<html>'));
    expect((await run(['status'])).err).toContain('is it a Wikimirror?');
  });
});

describe('what goes wrong', () => {
  it.each(Object.keys(ERROR_CATALOGUE) as ErrorCode[])('%s has its exit code and words', async (code) => {
    daemon.json(
      'GET /api/status',
      { status: ERROR_CATALOGUE[code].http, code, message: `message of ${code}` },
      ERROR_CATALOGUE[code].http,
    );
    const outcome = await run(['status']);
    expect(outcome.code).toBe(ERROR_CATALOGUE[code].exit);
    expect(outcome.err).toMatch(new RegExp(`^error: message of ${code}`));
    expect(outcome.err).not.toContain('    at ');
    expect(outcome.out).toBe('');
  });

  it('never shows a stack trace unless it is asked for', async () => {
    const host = { hasStoredAccount: () => Promise.reject(new TypeError('a fault of ours')) };
    const quiet = await run(['doctor'], { host });
    expect(quiet.code).toBe(EXIT.unexpected);
    expect(quiet.err).toContain('a fault of ours');
    expect(quiet.err).not.toContain('    at ');
    expect((await run(['doctor'], { host, env: { WIKIMIRROR_DEBUG: '1' } })).err).toContain('    at ');
  });

  it.each([
    [['sttaus'], 'Did you mean status?'],
    [['status', '--wtach'], 'Did you mean --watch?'],
    [['get'], "missing required argument 'title'"],
    [['manifest', 'x_namespace_'], 'is not a dataset'],
    [['manifest', '../../etc'], 'is not a dataset'],
    [['practice', 'act', 'explode'], 'expected one of edit'],
    [['practice', 'act', 'edit', '--count', '0'], 'Expected a whole number, 1 or more'],
    [['practice', 'corpus', 'f', '--size', 'big'], 'Expected an amount such as 20MB'],
    [[], 'Usage: wikimirror'],
    [['status', 'extra'], 'too many arguments'],
  ])('%j is a usage error', async (args, words) => {
    const { code, err, out } = await run(args);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain(words);
    expect(out).toBe('');
  });

  it('answers errors as JSON with --json', async () => {
    const { err, code } = await run(['sttaus', '--json']);
    expect(code).toBe(EXIT.usage);
    expect((JSON.parse(err) as { error: unknown }).error).toMatchObject({ code: 'USAGE', exitCode: EXIT.usage });
  });

  it('tells help and version from mistakes', async () => {
    expect(await run(['--version'])).toMatchObject({ code: 0, err: '' });
    expect((await run(['status', '--help'])).out).toContain('--watch');
  });

  it('adds what to do only where the message leaves it open', () => {
    const words = (message: string): string => describeFailure(new MirrorError('UPSTREAM_UNREACHABLE', message)).message;
    expect(words('Cannot reach it. Check the network.')).toBe('Cannot reach it. Check the network.');
    expect(words('Cannot reach it.')).toContain('Cannot reach it; check the connection');
  });

  it('ends as interrupted when it is stopped', () => {
    expect(describeFailure(new DOMException('stopped', 'AbortError')).exitCode).toBe(EXIT.interrupted);
  });

  it('reports configuration mistakes with their exit code', async () => {
    const { code, err } = await run(['config', 'show'], { env: { WIKIMIRROR_PORT: 'x' } });
    expect(code).toBe(EXIT.config);
    expect(err).toContain('WIKIMIRROR_PORT');
  });
});

describe('account', () => {
  function recorder() {
    const calls: (readonly string[])[] = [];
    const login: HostPort['login'] = (_loaded, _logger, username, password) => {
      calls.push([username, password]);
      return Promise.resolve();
    };
    return { calls, host: { login } };
  }

  it('takes the account from the environment, standard input or a person', async () => {
    const { calls, host } = recorder();
    await run(['login'], { host, env: { WME_USERNAME: 'ada', WME_PASSWORD: 'one' } });
    await run(['login', '--username', 'bob', '--password-stdin'], { host, input: 'two\nrest' });
    await run(['login'], { host, isTTY: true, answers: ['eve', 'three'] });
    expect(calls).toEqual([
      ['ada', 'one'],
      ['bob', 'two'],
      ['eve', 'three'],
    ]);
  });

  it('never asks where nobody can answer', async () => {
    const { calls, host } = recorder();
    expect(await run(['login'], { host })).toMatchObject({ code: EXIT.auth });
    expect(await run(['login', '--username', 'ada'], { host })).toMatchObject({ code: EXIT.auth });
    expect(calls).toEqual([]);
  });

  it('logs out', async () => {
    expect((await run(['logout'], { host: { logout: () => Promise.resolve(true) } })).out).toContain('Logged out');
    expect((await run(['logout', '--json'], { host: { logout: () => Promise.resolve(false) } })).out).toBe(
      '{"loggedOut":false}\n',
    );
  });
});

describe('doctor and configuration', () => {
  it('finds what stands in the way', async () => {
    daemon.json('GET /api/status', sampleStatus());
    await mkdir(join(folder, 'data/secrets'), { recursive: true });
    await chmod(join(folder, 'data/secrets'), 0o755);
    const { out, code } = await run(['doctor'], { env: { WIKIMIRROR_DISK_RESERVE_BYTES: '0' } });
    expect(out).toContain('data directory');
    expect(out).toMatch(/API +a Wikimirror answers at/);
    if (process.platform !== 'win32') {
      expect(out).toContain('others on this machine may read');
      expect(code).toBe(EXIT.unexpected);
    }
  });

  it('shows settings with their origin and no secret', async () => {
    const { out } = await run(['config', 'show', '--json'], { env: { WME_PASSWORD: 'hunter2' } });
    expect(out).not.toContain('hunter2');
    expect((JSON.parse(out) as { settings: Record<string, unknown> }).settings['server.port']).toMatchObject({
      value: 8750,
      origin: 'default',
    });
  });
});

describe('documentation', () => {
  it('names every command and exit code', async () => {
    const text = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8');
    const program = buildProgram(() => undefined, { writeOut: () => undefined });
    for (const command of program.commands) {
      expect(text).toContain(`wikimirror ${command.name()}`);
      for (const option of command.options)
        expect(text, `${command.name()} ${option.flags}`).toContain(option.long ?? option.flags);
      for (const child of command.commands) {
        expect(text).toContain(`wikimirror ${command.name()} ${child.name()}`);
        for (const option of child.options)
          expect(text, `${child.name()} ${option.flags}`).toContain(option.long ?? option.flags);
      }
    }
    for (const [name, code] of Object.entries(EXIT)) expect(text, name).toMatch(new RegExp(`^\\| ${code} \\|`, 'm'));
  });
});
