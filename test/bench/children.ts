/** Runs the programs that are measured, each in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadSample } from './samples.ts';

/** Standard output of a program that must succeed. */
export async function outputOf(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code ?? 'a signal'}`);
  return Buffer.concat(chunks).toString();
}

export interface UnpackSample {
  readonly seconds: number;
  /** zcat and wc together. */
  readonly cpuSeconds: number;
  readonly bytes: number;
}

/** The yardstick: what it costs just to unpack and count. */
export async function runZcat(path: string): Promise<UnpackSample> {
  const start = performance.now();
  const output = await outputOf('sh', ['-c', 'zcat "$0" | wc -c; times', path]);
  const seconds = (performance.now() - start) / 1000;
  const [bytes = '', , children = ''] = output.trim().split('\n');
  const cpuSeconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + 60 * Number(m) + Number(s), 0);
  return { seconds, cpuSeconds, bytes: Number(bytes) };
}

/** Loads the archive into an empty store under `directory`, or only reads it. */
export async function runLoad(
  path: string,
  directory: string,
  mode: 'pipeline' | 'store',
  env: NodeJS.ProcessEnv = {},
): Promise<LoadSample> {
  const data = await mkdtemp(join(directory, 'load-'));
  try {
    const program = fileURLToPath(new URL('./load-once.ts', import.meta.url));
    return JSON.parse(await outputOf(process.execPath, [program, path, join(data, 'mirror'), mode], env)) as LoadSample;
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}
