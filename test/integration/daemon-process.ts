/** The real daemon as a process of its own, started as an operator would: from the environment alone. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MirrorStatus } from '../../mirror-core/contracts/control-api.ts';
import { DATA_LAYOUT } from '../../mirror-core/contracts/data-layout.ts';

const MAIN = fileURLToPath(new URL('../../mirror-core/cli/main.ts', import.meta.url));

export interface DaemonSettings {
  readonly data: string;
  readonly practiceUrl: string;
  readonly datasets: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export class DaemonProcess {
  readonly #child: ChildProcess;
  readonly #data: string;
  #stderr = '';

  constructor(settings: DaemonSettings) {
    this.#data = settings.data;
    this.#child = spawn(process.execPath, [MAIN, 'serve'], {
      env: {
        PATH: process.env['PATH'],
        HOME: settings.data,
        WIKIMIRROR_DATA: settings.data,
        WIKIMIRROR_PORT: '0',
        WIKIMIRROR_DATASETS: settings.datasets.join(','),
        WIKIMIRROR_UPSTREAM_KIND: 'practice',
        WIKIMIRROR_DISK_RESERVE_BYTES: '0',
        WIKIMIRROR_SYNC_SILENCE_SECONDS: '0.5',
        WIKIMIRROR_SYNC_ERASE_DELAY_MINUTES: '0',
        WME_AUTH_URL: settings.practiceUrl,
        WME_API_URL: settings.practiceUrl,
        WME_REALTIME_URL: settings.practiceUrl,
        WME_USERNAME: 'tester',
        WME_PASSWORD: 'secret',
        ...settings.env,
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-20_000);
    });
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What the daemon logged last. */
  get log(): string {
    return this.#stderr;
  }

  async #call(path: string, init: RequestInit = {}): Promise<Response> {
    const note = JSON.parse(await readFile(join(this.#data, DATA_LAYOUT.daemon), 'utf8')) as { url: string; pid: number };
    if (note.pid !== this.#child.pid) throw new Error('the note is of an earlier process');
    const token = (await readFile(join(this.#data, DATA_LAYOUT.controlToken), 'utf8')).trim();
    return fetch(`${note.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
  }

  /** The status, or `undefined` while the daemon does not answer (not yet, or no longer). */
  async status(): Promise<MirrorStatus | undefined> {
    try {
      const response = await this.#call('/api/status');
      return response.ok ? ((await response.json()) as MirrorStatus) : undefined;
    } catch (error) {
      if (error instanceof Error) return undefined;
      throw error;
    }
  }

  async post(path: string): Promise<void> {
    const response = await this.#call(path, { method: 'POST' });
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}`);
  }

  async delete(path: string): Promise<void> {
    const response = await this.#call(path, { method: 'DELETE' });
    if (!response.ok) throw new Error(`DELETE ${path} answered ${response.status}`);
  }

  /** Ends it and waits. Returns the exit code, or the signal's name. */
  async stop(signal: NodeJS.Signals): Promise<number | string> {
    if (!this.hasEnded) {
      const ended = once(this.#child, 'exit');
      this.#child.kill(signal);
      await ended;
    }
    return this.#child.exitCode ?? this.#child.signalCode ?? 'unknown';
  }
}
