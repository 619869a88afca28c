/** Logging in and out upstream, and the doctor's questions to it. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load.ts';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';
import { isAbortError, isMirrorError, messageOf } from '../contracts/errors.ts';
import type { KeyValuePort } from '../contracts/store-port.ts';
import type { QuotaUse } from '../contracts/upstream-port.ts';
import { createUpstream } from './compose.ts';

export interface AccountFinding {
  readonly level: 'ok' | 'warning' | 'problem';
  readonly subject: string;
  readonly message: string;
  readonly advice?: string;
}

/** Logging in spends no quota, so that the ledger of a data directory that a daemon may hold is not needed. */
function memoryLedger(): KeyValuePort {
  const values = new Map<string, unknown>();
  return {
    get: (key) => Promise.resolve(values.get(key)),
    put: (key, value) => {
      values.set(key, value);
      return Promise.resolve();
    },
    delete: (key) => {
      values.delete(key);
      return Promise.resolve();
    },
    async *entries(prefix) {
      await Promise.resolve();
      for (const [key, value] of values) if (key.startsWith(prefix)) yield [key, value] as const;
    },
  };
}

/** Logs in and keeps the refresh token, never the password. @throws MirrorError AUTH_FAILED, UPSTREAM_UNREACHABLE */
export async function login(
  loaded: LoadedConfig,
  logger: Logger,
  username: string,
  password: string,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const upstream = createUpstream(loaded.config, logger, memoryLedger());
  try {
    await upstream.login(username, password);
  } finally {
    await upstream.close();
  }
}

export async function hasStoredAccount(loaded: LoadedConfig): Promise<boolean> {
  try {
    await access(join(loaded.config.data, DATA_LAYOUT.upstreamTokens));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}

/** Revokes and forgets the stored tokens. `false` when there were none. */
export async function logout(loaded: LoadedConfig, logger: Logger, signal: AbortSignal): Promise<boolean> {
  if (!(await hasStoredAccount(loaded))) return false;
  signal.throwIfAborted();
  const upstream = createUpstream(loaded.config, logger, memoryLedger());
  try {
    await upstream.logout();
  } finally {
    await upstream.close();
  }
  return true;
}

/** What is left of the month's requests. Pure. */
export function quotaFinding(uses: readonly QuotaUse[]): AccountFinding {
  const message = uses.map((use) => `${use.kind}: ${use.used} of ${use.limit ?? 'unlimited'} used in ${use.month}`).join('; ');
  if (uses.every(({ used, limit }) => limit === null || used < limit)) return { level: 'ok', subject: 'quota', message };
  return {
    level: 'warning',
    subject: 'quota',
    message,
    advice: 'What is used up comes back with the next month (UTC); loading waits for it and goes on by itself.',
  };
}

/** Whether upstream answers, whether the account works, what it may do and what is left of its quota. */
export async function diagnose(loaded: LoadedConfig, logger: Logger, signal: AbortSignal): Promise<readonly AccountFinding[]> {
  const { config } = loaded;
  if (config.upstream.username === '' && !(await hasStoredAccount(loaded))) {
    return [
      {
        level: 'warning',
        subject: 'account',
        message: 'No account is set up for this data directory.',
        advice: 'Log in with "wikimirror login" (a free account will do), or try the practice wikis with "npm start".',
      },
    ];
  }
  const upstream = createUpstream(config, logger, memoryLedger());
  try {
    const may = await upstream.capabilities({ signal });
    const list = [
      may.snapshots ? 'snapshots' : '',
      may.chunks ? 'chunks' : '',
      may.onDemand ? 'on-demand look-ups' : '',
      may.batches ? 'hourly batches' : '',
      may.realtime ? 'the realtime stream' : '',
    ].filter((word) => word !== '');
    return [
      { level: 'ok', subject: 'upstream', message: `${upstream.address} answers.` },
      list.length === 0
        ? {
            level: 'problem',
            subject: 'account',
            message: 'The account may do nothing that a mirror needs.',
            advice: 'Ask Wikimedia Enterprise which plan the account has; snapshots are part of the free one.',
          }
        : {
            level: 'ok',
            subject: 'account',
            message: `The account may use ${list.join(', ')}${may.isPractice ? ' (practice upstream: made-up content)' : ''}.`,
          },
      ...(may.realtime || may.batches
        ? []
        : [
            {
              level: 'ok' as const,
              subject: 'freshness',
              message: 'Without stream and batches the mirror is as new as the last snapshot; it says so in every answer.',
            },
          ]),
      quotaFinding(upstream.quota()),
    ];
  } catch (error) {
    if (isAbortError(error)) throw error;
    return [
      {
        level: 'problem',
        subject: isMirrorError(error, 'AUTH_FAILED') || isMirrorError(error, 'AUTH_REQUIRED') ? 'account' : 'upstream',
        message: messageOf(error),
        advice: 'What is already mirrored is served all the same.',
      },
    ];
  } finally {
    await upstream.close();
  }
}
