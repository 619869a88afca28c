/** What a figure was measured on: printed with every one of them, as none means anything without. */
import { cpus, release, totalmem, type } from 'node:os';
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly zlib: string;
  readonly gzip: string;
  /** Type of the file system measured on, as a number of the kernel (0x1021994 is tmpfs, which measures nothing). */
  readonly fileSystem: string;
  readonly date: string;
}

export function describeMachine(directory: string): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 1e9),
    system: `${type()} ${release()}`,
    node: process.version,
    zlib: process.versions.zlib,
    gzip: execFileSync('gzip', ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? 'unknown',
    fileSystem: `0x${statfsSync(directory).type.toString(16)}`,
    date: new Date().toISOString(),
  };
}
