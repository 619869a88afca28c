/** Runs one real `wikimirror` command as a person at a shell would, and returns what they would see. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../mirror-core/cli/main.ts', import.meta.url));

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param input written to standard input, which is never a terminal here */
export async function wikimirror(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  input: Uint8Array | string = '',
): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  // A command that refuses early does not read what is piped in.
  child.stdin.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  child.stdin.end(input);
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

/** The environment of a mirror of the practice upstream at `url`, settings from the environment alone as in a container. */
export function practiceEnvironment(
  data: string,
  url: string,
  more: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    HOME: data,
    WIKIMIRROR_DATA: data,
    WIKIMIRROR_PORT: '0',
    WIKIMIRROR_UPSTREAM_KIND: 'practice',
    WIKIMIRROR_DISK_RESERVE_BYTES: '0',
    WIKIMIRROR_SYNC_SILENCE_SECONDS: '0.5',
    WME_AUTH_URL: url,
    WME_API_URL: url,
    WME_REALTIME_URL: url,
    WME_USERNAME: 'tester',
    WME_PASSWORD: 'secret',
    ...more,
  };
}
