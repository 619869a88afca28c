import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LAUNCHER = 'mirror-core/cli/launch.mjs';

interface Checks {
  missingPackages(wanted: object, installed: object, withDevelopment: boolean): string[];
  isBuilt(root: string): boolean;
  sourceFingerprint(root: string): string | undefined;
  reasonOf(output: string): string[];
  adviceFor(output: string): string;
  canRunProgram(version: string): boolean;
}
const checks = (await import(new URL('../../mirror-core/cli/launch/checks.mjs', import.meta.url).href)) as Checks;

let root = '';
/** A copy of the project as small as the launcher needs it: its own files, one source, the installed libraries of the real one. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'wikimirror-launch-'));
  await mkdir(join(root, 'mirror-core/cli'), { recursive: true });
  await mkdir(join(root, 'node_modules'));
  await cp(join(ROOT, LAUNCHER), join(root, LAUNCHER));
  await cp(join(ROOT, 'mirror-core/cli/launch'), join(root, 'mirror-core/cli/launch'), { recursive: true });
  for (const name of ['tsconfig.json', 'tsconfig.build.json']) await cp(join(ROOT, name), join(root, name));
  for (const name of ['node', 'typescript', '@types', 'undici-types'])
    await symlink(join(ROOT, 'node_modules', name), join(root, 'node_modules', name));
  await writeFile(join(root, 'package.json'), '{"name":"copy","private":true,"type":"module"}');
  await writeFile(join(root, 'package-lock.json'), '{"packages":{}}');
  await writeFile(join(root, 'node_modules/.package-lock.json'), '{"packages":{}}');
  await writeProgram("console.log('first', process.argv.slice(2).join(' ')); process.exitCode = Number(process.argv[2]);");
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function writeProgram(source: string): Promise<void> {
  await writeFile(join(root, 'mirror-core/cli/main.ts'), `${source}\n`);
}

function launch(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(root, LAUNCHER), ...args], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: root, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    out,
    err,
  }));
  return { child, ended };
}

describe('what the launcher decides', () => {
  const wanted = {
    '': {},
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '1.0.0', dev: true },
    'node_modules/c': { version: '1.0.0', optional: true },
  };
  it.each([
    [{ 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '1.0.0' } }, true, []],
    [{ 'node_modules/a': { version: '1.0.0' } }, true, ['node_modules/b']],
    [{ 'node_modules/a': { version: '1.0.0' } }, false, []],
    [{ 'node_modules/a': { version: '0.9.0' } }, false, ['node_modules/a']],
    [{}, true, ['node_modules/a', 'node_modules/b']],
  ])('installed %j, development %s: missing %j', (installed, withDevelopment, missing) => {
    expect(checks.missingPackages(wanted, installed, withDevelopment)).toEqual(missing);
  });

  it('sees a changed source, whatever its date', async () => {
    const before = checks.sourceFingerprint(root);
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    await writeProgram('console.log(2);');
    expect(checks.sourceFingerprint(root)).not.toBe(before);
    expect(checks.isBuilt(root)).toBe(false);
  });

  it('finds the words of a failed installation', () => {
    const output =
      'npm error code ENOTFOUND\nnpm error network request failed\nnpm error A complete log of this run can be found in: x\n';
    expect(checks.reasonOf(output)).toEqual(['code ENOTFOUND', 'network request failed']);
    expect(checks.adviceFor(output)).toContain('internet connection');
    expect(checks.adviceFor('ENOSPC')).toContain('disk is full');
    expect(checks.adviceFor('EACCES')).toContain('cannot be written');
    expect([checks.canRunProgram('v24.1.0'), checks.canRunProgram('22.9.0')]).toEqual([true, false]);
  });
});

describe('launching', () => {
  it('builds once, passes arguments and exit code, and builds again when a source changed', async () => {
    const first = await launch(['7', 'x y']).ended;
    expect(first).toMatchObject({ code: 7, out: 'first 7 x y\n' });
    expect(first.err).toMatch(/^Building …\nBuilt in \d+ s\.\n$/);
    expect(await launch(['0']).ended).toMatchObject({ code: 0, out: 'first 0\n', err: '' });
    await writeProgram("console.log('second');");
    const third = await launch([]).ended;
    expect(third).toMatchObject({ code: 0, out: 'second\n' });
    expect(third.err).toContain('Built in');
  });

  it('lets concurrent launches build one after the other', async () => {
    const ends = await Promise.all([launch(['0']).ended, launch(['0']).ended, launch(['0']).ended]);
    expect(ends.map(({ code, out }) => [code, out])).toEqual([
      [0, 'first 0\n'],
      [0, 'first 0\n'],
      [0, 'first 0\n'],
    ]);
    expect(ends.filter(({ err }) => err.includes('Built in'))).toHaveLength(1);
  });

  it('takes over the lock of a setup that was killed', async () => {
    const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(gone, 'close');
    await mkdir(join(root, 'dist'));
    await writeFile(join(root, 'dist/.setup-lock'), JSON.stringify({ pid: gone.pid, since: Date.now() }));
    expect((await launch(['0']).ended).code).toBe(0);
  });

  it('stops at a source that does not compile, in words, and leaves nothing that looks built', async () => {
    await writeProgram('const broken: number = "text"; console.log(broken);');
    const { code, err, out } = await launch([]).ended;
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toContain('error: the sources could not be built');
    expect(err).toContain('TS2322');
    expect(checks.isBuilt(root)).toBe(false);
  });

  it('only sets up with --setup-only', async () => {
    expect(await launch(['--setup-only']).ended).toMatchObject({ code: 0, out: '' });
    expect(checks.isBuilt(root)).toBe(true);
  });

  it('installs what is missing with npm, and explains a failure', async () => {
    await mkdir(join(root, 'fake/npm/bin'), { recursive: true });
    const npm = join(root, 'fake/npm/bin/npm-cli.js');
    const record =
      "import { writeFileSync } from 'node:fs'; writeFileSync('npm-args.json', JSON.stringify(process.argv.slice(2)));";
    const lock = '{"packages":{"node_modules/typescript":{"version":"9.9.9"}}}';
    await writeFile(join(root, 'package-lock.json'), lock);
    await writeFile(npm, `${record} console.error('npm error code ENOTFOUND'); process.exit(1);`);
    const failed = await launch(['0'], { npm_execpath: npm }).ended;
    expect(failed.code).toBe(1);
    expect(failed.err).toContain('error: the libraries could not be installed:\n  code ENOTFOUND\nCheck the internet connection');
    expect((JSON.parse(await readFile(join(root, 'npm-args.json'), 'utf8')) as string[]).slice(0, 2)).toEqual([
      'ci',
      '--include=dev',
    ]);

    const done = `writeFileSync('node_modules/.package-lock.json', ${JSON.stringify(lock)});`;
    await writeFile(npm, `${record} ${done}`);
    const installed = await launch(['3'], { npm_execpath: npm }).ended;
    expect(installed).toMatchObject({ code: 3, out: 'first 3\n' });
    expect(installed.err).toMatch(/Installing the libraries .*\nInstalled in/);
  });

  it.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'] as const)(
    'passes %s on and waits for the program',
    async (signal) => {
      await writeProgram(`process.on('${signal}', () => { console.log('stopping'); setTimeout(() => process.exit(5), 50); });
setInterval(() => undefined, 1000); console.log('ready');`);
      const { child, ended } = launch([]);
      await once(child.stdout, 'data');
      child.kill(signal);
      expect(await ended).toMatchObject({ code: 5, out: 'ready\nstopping\n' });
    },
  );

  it.skipIf(process.platform === 'win32')('ends by the signal that ended the program', async () => {
    await writeProgram("process.kill(process.pid, 'SIGKILL');");
    expect(await launch([]).ended).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  it.skipIf(process.platform === 'win32')('stops an installation cleanly', async () => {
    await mkdir(join(root, 'fake/npm/bin'), { recursive: true });
    const npm = join(root, 'fake/npm/bin/npm-cli.js');
    await writeFile(npm, 'setInterval(() => undefined, 1000);');
    await writeFile(join(root, 'package-lock.json'), '{"packages":{"node_modules/absent":{"version":"1.0.0"}}}');
    const { child, ended } = launch(['0'], { npm_execpath: npm });
    await once(child.stderr, 'data');
    child.kill('SIGINT');
    const { signal, err } = await ended;
    expect(signal).toBe('SIGINT');
    expect(err).toContain('the next start continues');
    await expect(readFile(join(root, 'dist/.setup-lock'))).rejects.toThrow('ENOENT');
  });
});
