/** Follows the configuration file while the mirror runs. */
import { basename, dirname } from 'node:path';
import { watch } from 'chokidar';
import { isMirrorError, messageOf, MirrorError } from '../contracts/errors.ts';
import { CONFIG_KEYS, type ConfigValue } from './keys.ts';
import { configOf, configValue, loadConfig, type LoadedConfig } from './load.ts';

export type ConfigChange =
  | {
      readonly kind: 'changed';
      /** What is in force now: new values where they may change while running, the old ones elsewhere. */
      readonly loaded: LoadedConfig;
      /** Settings that changed and hold at once. */
      readonly applied: readonly string[];
      /** Settings whose new value in the file waits for a restart. */
      readonly needsRestart: readonly string[];
      /** For the log and the activity list. */
      readonly message: string;
    }
  | { readonly kind: 'invalid'; readonly error: MirrorError; readonly message: string };

export interface ConfigWatch {
  /** What is in force. */
  readonly current: LoadedConfig;
  /** Reads the sources again at once, as a change of the file does. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

function sameValue(left: ConfigValue, right: ConfigValue): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

/** Compares what runs with what was read and merges the two. `undefined` when nothing changed. Pure. */
export function mergeReload(
  running: LoadedConfig,
  fresh: LoadedConfig,
  knownPending: readonly string[],
): Extract<ConfigChange, { kind: 'changed' }> | undefined {
  const values = new Map<string, ConfigValue>();
  const origins = new Map(fresh.origins);
  const applied: string[] = [];
  const needsRestart: string[] = [];
  for (const key of CONFIG_KEYS) {
    const before = configValue(running.config, key.name);
    const after = configValue(fresh.config, key.name);
    const isNew = !sameValue(before, after);
    if (isNew) (key.applies === 'running' ? applied : needsRestart).push(key.name);
    const keepsOld = isNew && key.applies === 'restart';
    values.set(key.name, keepsOld ? before : after);
    if (keepsOld) origins.set(key.name, running.origins.get(key.name) ?? 'default');
  }
  const isNothingNew = applied.length === 0 && sameValue(needsRestart, knownPending);
  if (isNothingNew) return undefined;
  const parts = [
    applied.length > 0 ? `in force now: ${applied.join(', ')}` : '',
    needsRestart.length > 0 ? `only after a restart: ${needsRestart.join(', ')}` : '',
    applied.length === 0 && needsRestart.length === 0 ? 'everything is as it was at the start again' : '',
  ];
  return {
    kind: 'changed',
    loaded: { ...fresh, config: configOf(values), origins },
    applied,
    needsRestart,
    message: `configuration read again from ${fresh.file}; ${parts.filter((part) => part !== '').join('; ')}`,
  };
}

export interface WatchOptions {
  /** Editors write in several steps: wait until the file has been quiet for so long. */
  readonly settleMs?: number;
}

/**
 * Watches the configuration file (also one that does not exist yet) and reports each change.
 * An invalid file changes nothing: the old settings stay in force and the error is reported.
 */
export async function watchConfig(
  loaded: LoadedConfig,
  onChange: (change: ConfigChange) => void,
  options: WatchOptions = {},
): Promise<ConfigWatch> {
  const settleMs = options.settleMs ?? 300;
  let current = loaded;
  let pending: readonly string[] = [];
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  let work: Promise<void> = Promise.resolve();

  const readAgain = async (): Promise<void> => {
    if (isClosed) return;
    try {
      const change = mergeReload(current, await loadConfig(loaded.sources), pending);
      if (change === undefined) return;
      current = change.loaded;
      pending = change.needsRestart;
      onChange(change);
    } catch (error) {
      const reason = isMirrorError(error) ? error : new MirrorError('CONFIG_INVALID', messageOf(error), { cause: error });
      onChange({ kind: 'invalid', error: reason, message: `${reason.message}; the settings in force stay as they are` });
    }
  };
  const reload = (): Promise<void> => {
    work = work.then(readAgain);
    return work;
  };

  // The folder is watched, not the file: editors replace the file by renaming, and it may not exist yet.
  const name = basename(loaded.file);
  const watcher = watch(dirname(loaded.file), {
    depth: 0,
    ignoreInitial: true,
    ignored: (path) => path !== dirname(loaded.file) && basename(path) !== name,
  });
  watcher.on('all', (_event, path) => {
    if (basename(path) !== name) return;
    clearTimeout(timer);
    timer = setTimeout(() => void reload(), settleMs);
  });
  watcher.on('error', (error) => {
    const cause = new MirrorError('CONFIG_INVALID', `cannot watch ${loaded.file}: ${messageOf(error)}`, { cause: error });
    onChange({ kind: 'invalid', error: cause, message: `${cause.message}; changes of it will need a restart` });
  });
  await new Promise<void>((resolve) => watcher.once('ready', resolve));

  return {
    get current() {
      return current;
    },
    reload,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await watcher.close();
      await work;
    },
  };
}
