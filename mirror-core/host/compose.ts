/** Where the parts meet: configuration, store, upstream client and sync engine become one mirror. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Config } from '../contracts/config.ts';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import { MirrorError } from '../contracts/errors.ts';
import { parseDatasetId } from '../contracts/identifiers.ts';
import { DEFAULT_CODEC } from '../records/codec.ts';
import { MirrorStore } from '../store/mirror-store.ts';
import { Mirror } from '../sync/mirror.ts';
import type { SyncSettings } from '../sync/settings.ts';
import { createEnterpriseClient, type EnterpriseClient } from '../upstream/enterprise/client.ts';
import { VERSION } from './version.ts';

/** Practice data belongs together whatever port the practice upstream got this time. */
const PRACTICE_ADDRESS = 'practice upstream';

export interface OpenMirror {
  readonly mirror: Mirror;
  readonly upstream: EnterpriseClient;
  /** Takes a reloaded configuration; the engine reads its settings anew at each use. */
  readonly reconfigure: (config: Config) => void;
  readonly close: () => Promise<void>;
}

export function syncSettings(config: Config): SyncSettings {
  return {
    snapshotCheckMs: config.sync.snapshotCheckMinutes * 60_000,
    silenceMs: config.sync.silenceSeconds * 1000,
    watchdogMs: config.sync.streamWatchdogSeconds * 1000,
    retentionMs: config.sync.retentionHours * 3_600_000,
    settlePerDay: config.sync.settleOnDemandPerDay,
    tombstoneMs: config.sync.tombstoneDays * 86_400_000,
    eraseDelayMs: config.sync.eraseDelayMinutes * 60_000,
    reserveBytes: config.disk.reserveBytes,
  };
}

/** The dataset ids of the configuration. @throws MirrorError CONFIG_INVALID naming the first that is none */
export function configuredDatasets(config: Config): readonly DatasetId[] {
  return config.datasets.map((text) => {
    const parts = parseDatasetId(text);
    if (parts === undefined) {
      throw new MirrorError(
        'CONFIG_INVALID',
        `"${text}" in the setting datasets is not a dataset. Datasets are written PROJECT_namespace_NUMBER, such as simplewiki_namespace_0.`,
      );
    }
    return parts.id;
  });
}

/** The upstream client alone, for logging in and for the doctor. */
export function createUpstream(
  config: Config,
  logger: Logger,
  ledger: Parameters<typeof createEnterpriseClient>[0]['ledger'],
  now: () => number = Date.now,
): EnterpriseClient {
  const { upstream } = config;
  mkdirSync(join(config.data, DATA_LAYOUT.secrets), { recursive: true, mode: 0o700 });
  return createEnterpriseClient({
    authUrl: upstream.auth,
    apiUrl: upstream.api,
    realtimeUrl: upstream.realtime,
    username: upstream.username,
    password: upstream.password,
    contact: config.contact,
    version: VERSION,
    tokenFile: join(config.data, DATA_LAYOUT.upstreamTokens),
    ledger,
    now,
    quota: upstream.quota,
    logger: logger.child({ component: 'upstream' }),
    reserveBytes: config.disk.reserveBytes,
  });
}

/** Opens the data directory and everything on it. Nothing is asked of upstream yet. @throws MirrorError DATA_*, STORE_* */
export async function openMirror(config: Config, logger: Logger, now: () => number = Date.now): Promise<OpenMirror> {
  let current = config;
  const isPractice = config.upstream.kind === 'practice';
  const store = await MirrorStore.open({
    directory: config.data,
    upstreamAddress: isPractice ? PRACTICE_ADDRESS : config.upstream.api,
    isPractice,
    logger: logger.child({ component: 'store' }),
    now,
    eraseDelayMs: syncSettings(config).eraseDelayMs,
  });
  const upstream = createUpstream(config, logger, store.catalog, now);
  try {
    const mirror = await Mirror.open({
      store,
      upstream,
      codec: DEFAULT_CODEC,
      settings: () => syncSettings(current),
      logger,
      version: VERSION,
      isPractice,
      now,
      random: Math.random,
      sleep: async (ms, signal) => {
        await delay(ms, undefined, { signal });
      },
    });
    return {
      mirror,
      upstream,
      reconfigure: (config) => {
        current = config;
      },
      close: async () => {
        await mirror.close();
        await upstream.close();
      },
    };
  } catch (error) {
    await upstream.close();
    await store.close();
    throw error;
  }
}
