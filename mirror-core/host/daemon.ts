/** The composition root of a serving mirror: used by `wikimirror serve`, by `npm start`, and later by the desktop shell. */
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import writeFileAtomic from 'write-file-atomic';
import type { LoadedConfig } from '../config/load.ts';
import { watchConfig, type ConfigChange } from '../config/watch.ts';
import type { Config } from '../contracts/config.ts';
import type { MirrorControl, MirrorReader } from '../contracts/control-port.ts';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';
import { startServer, type MirrorServer, type ServerOptions } from '../server/server.ts';
import { SideloadWatch } from '../sync/sideload/sideload-watch.ts';
import type { LogLevel } from '../observability/logger.ts';
import { configuredDatasets, openMirror, type OpenMirror } from './compose.ts';
import { controlToken } from './secrets.ts';
import { VERSION } from './version.ts';

export interface DaemonOptions {
  readonly logger: Logger;
  /** For changes of `log.level` while running. */
  readonly setLogLevel: (level: LogLevel) => void;
  /** Stops the daemon cleanly; `runDaemon` then resolves. */
  readonly signal: AbortSignal;
  /** Called once, when the API answers. */
  readonly onReady?: (running: { readonly control: MirrorControl; readonly reader: MirrorReader; readonly url: string }) => void;
}

/**
 * Opens the data directory, serves the API, and keeps everything in sync until `signal` fires.
 * @throws MirrorError CONFIG_INVALID, DATA_*, PORT_IN_USE — nothing is left running
 */
export async function runDaemon(loaded: LoadedConfig, options: DaemonOptions): Promise<void> {
  const { logger, signal } = options;
  const datasets = configuredDatasets(loaded.config);
  for (const warning of loaded.warnings) logger.warn({ event: 'config.warning' }, warning);
  const open = await openMirror(loaded.config, logger);
  const closers: (() => Promise<void>)[] = [];
  try {
    const server = await startApi(loaded.config, open, logger);
    closers.push(() => server.close());
    closers.push(await announce(loaded.config.data, server.url));
    const sideload = await SideloadWatch.start({
      dataDirectory: loaded.config.data,
      control: open.mirror,
      events: open.mirror.events,
      logger,
    });
    closers.push(() => sideload.close());
    const watch = await watchConfig(loaded, (change) => applyChange(change, open, options));
    closers.push(() => watch.close());
    if (!signal.aborted) await open.mirror.start(datasets);
    options.onReady?.({ control: open.mirror, reader: open.mirror.reader, url: server.url });
    logger.info({ event: 'daemon.ready', url: server.url, data: loaded.config.data, version: VERSION }, 'ready');
    await whenAborted(signal);
    logger.info({ event: 'daemon.stopping' }, 'stopping');
  } finally {
    // Doors first, then the work behind them; the store last.
    await Promise.allSettled(closers.map((close) => close()));
    await open.close();
  }
}

async function startApi(config: Config, open: OpenMirror, logger: Logger): Promise<MirrorServer> {
  const options: ServerOptions = {
    reader: open.mirror.reader,
    control: open.mirror,
    host: config.server.host,
    port: config.server.port,
    allowedHosts: config.server.allowedHosts,
    corsOrigins: config.server.corsOrigins,
    followRedirects: config.server.followRedirects,
    fullProjectList: config.server.fullProjectList,
    allowRemote: config.server.allowRemote,
    controlToken: await controlToken(config.data),
    keyFile: join(config.data, DATA_LAYOUT.apiKeys),
    version: VERSION,
    logger: logger.child({ component: 'server' }),
  };
  return startServer(options);
}

/** Tells the command line where the daemon is; the returned function takes the note back. */
async function announce(data: string, url: string): Promise<() => Promise<void>> {
  const path = join(data, DATA_LAYOUT.daemon);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const note = { pid: process.pid, url, version: VERSION, startedAt: new Date().toISOString() };
  await writeFileAtomic(path, `${JSON.stringify(note, null, 2)}\n`, { mode: 0o600 });
  return () => rm(path, { force: true });
}

function applyChange(change: ConfigChange, open: OpenMirror, options: DaemonOptions): void {
  const { logger } = options;
  const { events } = open.mirror;
  if (change.kind === 'invalid') {
    logger.error({ event: 'config.invalid', err: change.error }, change.message);
    events.add('config.invalid', null, change.message);
    return;
  }
  const { config } = change.loaded;
  open.reconfigure(config);
  options.setLogLevel(config.log.level);
  logger.info({ event: 'config.reloaded', applied: [...change.applied], needsRestart: [...change.needsRestart] }, change.message);
  events.add('config.reloaded', null, change.message);
  if (!change.applied.includes('datasets')) return;
  Promise.resolve()
    .then(() => open.mirror.follow(configuredDatasets(config)))
    .catch((error: unknown) => {
      logger.error({ event: 'config.datasets', err: error }, 'the datasets of the configuration could not all be added');
      events.add('config.invalid', null, error instanceof Error ? error.message : String(error));
    });
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
