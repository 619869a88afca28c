/** The program as a process: who reads its words, and who may read its files. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DATA_LAYOUT } from '../../mirror-core/contracts/data-layout.ts';
import { practiceEnvironment, wikimirror } from './command.ts';
import { eventually, temporaryDirectory } from './harness.ts';

vi.setConfig({ testTimeout: 60_000 });

const MAIN = new URL('../../mirror-core/cli/main.ts', import.meta.url).pathname;
/** Nobody listens there: the mirror serves what it has. */
const NOWHERE = 'http://127.0.0.1:9';

let data: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  data = await temporaryDirectory();
});
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  child = undefined;
  await rm(data, { recursive: true, force: true });
});

/** Starts `serve` and resolves when it has noted its address. */
async function serving(): Promise<{ readonly process: ChildProcess; readonly url: string }> {
  const started = spawn(process.execPath, [MAIN, 'serve'], {
    env: { PATH: process.env['PATH'], ...practiceEnvironment(data, NOWHERE, { WIKIMIRROR_LOG_LEVEL: 'debug' }) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child = started;
  started.stderr.resume();
  const url = await eventually('the note of the daemon', async () => {
    const text = await readFile(join(data, DATA_LAYOUT.daemon), 'utf8').catch(() => '');
    return text === '' ? undefined : (JSON.parse(text) as { url: string }).url;
  });
  return { process: started, url };
}

describe('standard error', () => {
  it('that nobody reads any more stops the program cleanly', async () => {
    const { process: daemon, url } = await serving();
    const ended = once(daemon, 'exit');
    daemon.stderr?.destroy();
    // Makes it log. It may have noticed before, and be gone already.
    await Promise.allSettled([fetch(`${url}/v2/status`)]);
    expect(await ended).toEqual([0, null]);
    await expect(stat(join(data, DATA_LAYOUT.daemon))).rejects.toThrow(/ENOENT/);
  });
});

describe.skipIf(process.platform === 'win32')('everything written', () => {
  it('is for the owner alone, also in a directory that is open to others', async () => {
    await chmod(data, 0o755);
    const { process: daemon } = await serving();
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await ended;
    const open: string[] = [];
    for (const entry of await readdir(data, { recursive: true })) {
      if (((await stat(join(data, entry))).mode & 0o077) !== 0) open.push(entry);
    }
    expect(open).toEqual([]);
  });
});

describe('get without a daemon', () => {
  it('finds the spellings that the API finds, and cuts records as the API does', async () => {
    const env = practiceEnvironment(data, NOWHERE);
    const record = (project: string): string =>
      JSON.stringify({
        name: 'Lake Corvane',
        identifier: 1,
        version: { identifier: 3, comment: 'c' },
        is_part_of: { identifier: project },
        categories: [{ name: 'Category:Lakes', url: 'u' }],
      });
    await wikimirror(['import', '-'], env, `${record('aawiki')}\n${record('bbwiki')}\n`);
    const get = async (...args: string[]): Promise<unknown> =>
      JSON.parse((await wikimirror(['get', 'lake  Corvane', ...args], env)).stdout);
    expect(await get('--fields', 'name,version.*,categories.name,absent.x', '--project', 'bbwiki')).toEqual([
      { name: 'Lake Corvane', version: { identifier: 3, comment: 'c' }, categories: [{ name: 'Category:Lakes' }] },
    ]);
    expect(await get('--fields', 'is_part_of')).toHaveLength(2);
    expect(await get('--fields', '*', '--project', 'aawiki')).toEqual([JSON.parse(record('aawiki'))]);
    const absent = await wikimirror(['get', 'Lake Corvane', '--project', 'ccwiki'], env);
    expect(absent).toMatchObject({ code: 7, stdout: '' });
    expect(absent.stderr).toContain('"Lake Corvane"');
  });
});
