/** What a new user does: `npm start`, paste the lines it prints, Ctrl-C, start again. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';

vi.setConfig({ testTimeout: 180_000, hookTimeout: 30_000 });

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

let home: string | undefined;
let child: ChildProcess | undefined;
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  if (home !== undefined) await rm(home, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  server.close();
  await once(server, 'close');
  return port;
}

/** The environment of a person at a fresh account: nothing of the test runner's, no settings. */
function environment(port: number): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_DATA_HOME: join(home ?? '', 'data'),
    WIKIMIRROR_PORT: String(port),
    npm_config_update_notifier: 'false',
  };
}

/** Starts `npm start` as a terminal would (a process group of its own) and waits until it says that all is live. */
async function start(port: number): Promise<{ readonly output: () => string; readonly stop: () => Promise<void> }> {
  let output = '';
  const started = spawn('npm', ['start'], {
    cwd: ROOT,
    env: environment(port),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child = started;
  for (const stream of [started.stdout, started.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await vi.waitFor(
    () => {
      if (started.exitCode !== null) throw new Error(`npm start ended: ${output}`);
      expect(output).toMatch(/^Live/m);
      expect(output).toMatch(/Ctrl-C/);
    },
    { timeout: 120_000, interval: 100 },
  );
  return {
    output: () => output,
    stop: async () => {
      // Closed only when every process that had the terminal has ended; npm itself dies of the signal.
      const ended = once(started, 'close');
      // Ctrl-C reaches the whole foreground group.
      process.kill(-(started.pid ?? 0), 'SIGINT');
      await ended;
      expect(output).toMatch(/^Stopped\.$/m);
    },
  };
}

describe('npm start on a machine without an account', () => {
  it('mirrors practice wikis, prints three curl lines that work, stops in seconds, and continues the next time', async () => {
    home = await mkdtemp(join(tmpdir(), 'wikimirror-home-'));
    const port = await freePort();
    const first = await start(port);
    const lines = first
      .output()
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('curl '));
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) {
      const { stdout } = await run('bash', ['-c', `${line} --silent --show-error --fail`], {
        env: { PATH: process.env['PATH'] },
      });
      const answer: unknown = JSON.parse(stdout);
      expect(Array.isArray(answer) && answer.length > 0).toBe(true);
    }
    expect(first.output()).toMatch(/practiceenwiki_namespace_0/);
    expect(first.output()).toMatch(/practicearwiki_namespace_0/);
    const before = performance.now();
    await first.stop();
    expect(performance.now() - before).toBeLessThan(8000);

    const second = await start(port);
    const answer = await fetch(`http://127.0.0.1:${port}/v2/projects`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-wikimirror-practice')).toMatch(/made-up/);
    await second.stop();
  });
});
