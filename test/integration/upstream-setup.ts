/** One client against one scripted upstream, with a clock that stands still and waits that take no time. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import {
  createEnterpriseClient,
  type EnterpriseClient,
  type EnterpriseOptions,
} from '../../mirror-core/upstream/enterprise/client.ts';
import { memoryKeyValues, type MemoryKeyValues } from '../support/memory-key-values.ts';
import { startScriptedUpstream, type ScriptedUpstream } from '../support/scripted-upstream.ts';

export const START_MS = Date.parse('2026-03-10T12:00:00Z');
export const PASSWORD = 'correct horse';

export interface Setup {
  readonly upstream: ScriptedUpstream;
  readonly client: EnterpriseClient;
  readonly ledger: MemoryKeyValues;
  readonly directory: string;
  readonly tokenFile: string;
  readonly clock: { nowMs: number };
  /** Every wait the client asked for, in ms. */
  readonly waits: number[];
  /** Everything logged, as text. */
  readonly log: () => string;
  /** Another client over the same files, as after a restart. */
  readonly again: (overrides?: Partial<EnterpriseOptions>) => EnterpriseClient;
}

export async function setUp(overrides: Partial<EnterpriseOptions> = {}): Promise<Setup> {
  const upstream = await startScriptedUpstream();
  const directory = await mkdtemp(join(tmpdir(), 'wikimirror-upstream-'));
  const ledger = memoryKeyValues();
  const clock = { nowMs: START_MS };
  const waits: number[] = [];
  const lines: string[] = [];
  const tokenFile = join(directory, 'secrets', 'upstream-tokens.json');
  const clients: EnterpriseClient[] = [];
  const again = (more: Partial<EnterpriseOptions> = {}): EnterpriseClient => {
    const client = createEnterpriseClient({
      authUrl: upstream.url,
      apiUrl: upstream.url,
      realtimeUrl: upstream.url,
      username: 'Ada',
      password: PASSWORD,
      contact: 'ops@example.org',
      version: '1.2.3',
      tokenFile,
      ledger,
      quota: { onDemand: 0, snapshot: 0, chunk: 0 },
      logger: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }),
      now: () => clock.nowMs,
      random: () => 0.5,
      sleep: (ms, signal) => {
        waits.push(ms);
        signal.throwIfAborted();
        return Promise.resolve();
      },
      freeBytes: () => Promise.resolve(1e12),
      ...overrides,
      ...more,
    });
    clients.push(client);
    return client;
  };
  onTestFinished(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await upstream.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { upstream, client: again(), ledger, directory, tokenFile, clock, waits, log: () => lines.join(''), again };
}
