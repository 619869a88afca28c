/** The effective configuration: flags over environment over file over defaults, each value with its origin. */
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import envPaths from 'env-paths';
import { Value } from 'typebox/value';
import { type Config, ConfigSchema, type ConfigOrigin } from '../contracts/config.ts';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';
import { messageOf, MirrorError } from '../contracts/errors.ts';
import { readConfigFile } from './file.ts';
import { CONFIG_KEYS, type ConfigKey, type ConfigValue, findKey, shownValue } from './keys.ts';
import { closest } from './suggest.ts';
import { checkValue, readText } from './values.ts';

/** Variables that steer the program without being settings. */
export const OTHER_VARIABLES = ['WIKIMIRROR_CONFIG', 'WIKIMIRROR_DEBUG', 'WIKIMIRROR_TOKEN', 'WIKIMIRROR_URL'] as const;

export interface ConfigSources {
  /** Settings by dotted name, as text from the command line or as values from a program. The strongest source. */
  readonly flags?: Readonly<Record<string, ConfigValue | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Configuration file; else `WIKIMIRROR_CONFIG`, else `wikimirror.toml` in the data directory if there is one. */
  readonly file?: string | undefined;
  /** Relative paths of flags and environment count from here. */
  readonly cwd?: string;
  /** Instead of the machine's usual place for data; for tests. */
  readonly defaultData?: string;
}

export interface ConfigRow {
  readonly key: string;
  /** Secrets masked. */
  readonly value: ConfigValue;
  readonly origin: ConfigOrigin;
  readonly applies: ConfigKey['applies'];
  readonly env: string;
}

export interface LoadedConfig {
  /** Complete, checked, frozen. */
  readonly config: Config;
  readonly origins: ReadonlyMap<string, ConfigOrigin>;
  /** Where the file is or would be. */
  readonly file: string;
  readonly hasFile: boolean;
  /** Things that are allowed but that the operator should know. */
  readonly warnings: readonly string[];
  /** What it was loaded from, for reading it again. */
  readonly sources: ConfigSources;
}

/** The machine's usual place for program data. */
export function defaultDataDirectory(): string {
  return envPaths('wikimirror', { suffix: '' }).data;
}

function absolutePath(path: string, base: string): string {
  const expanded = path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
  return isAbsolute(expanded) ? expanded : resolve(base, expanded);
}

function readFlags(flags: ConfigSources['flags']): Map<string, ConfigValue> {
  const values = new Map<string, ConfigValue>();
  for (const [name, value] of Object.entries(flags ?? {})) {
    const key = findKey(name);
    if (value === undefined) continue;
    if (key === undefined)
      throw new MirrorError('CONFIG_INVALID', `there is no setting called ${name}`, { context: { key: name } });
    const place = 'command line';
    values.set(name, typeof value === 'string' ? readText(key, value, place) : checkValue(key, value, place));
  }
  return values;
}

/** A secret from a file, as container platforms hand them over: the first line counts. */
async function readSecretFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/)[0] ?? '';
  } catch (error) {
    throw new MirrorError(
      'CONFIG_INVALID',
      `cannot read the password file ${path} named by WME_PASSWORD_FILE: ${messageOf(error)}`,
      {
        cause: error,
        context: { key: 'upstream.password' },
      },
    );
  }
}

async function readEnvironment(
  env: ConfigSources['env'],
  cwd: string,
): Promise<{ values: Map<string, ConfigValue>; warnings: string[] }> {
  const values = new Map<string, ConfigValue>();
  const warnings: string[] = [];
  for (const key of CONFIG_KEYS) {
    const text = env[key.env];
    // An empty variable is what `docker -e NAME` and compose files leave behind: it means "not set".
    if (text === undefined || text.trim() === '') continue;
    values.set(key.name, readText(key, text, `environment variable ${key.env}`));
  }
  const passwordFile = env['WME_PASSWORD_FILE'];
  if (passwordFile !== undefined && passwordFile !== '') {
    if (values.has('upstream.password')) warnings.push('WME_PASSWORD and WME_PASSWORD_FILE are both set; WME_PASSWORD is used');
    else values.set('upstream.password', await readSecretFile(absolutePath(passwordFile, cwd)));
  }
  const known = [...CONFIG_KEYS.map((key) => key.env), ...OTHER_VARIABLES, 'WME_PASSWORD_FILE'];
  for (const name of Object.keys(env)) {
    if (!name.startsWith('WIKIMIRROR_') || known.includes(name)) continue;
    const meant = closest(name, known);
    warnings.push(
      `environment variable ${name} is not one that Wikimirror knows${meant === undefined ? '' : `; did you mean ${meant}?`}`,
    );
  }
  return { values, warnings };
}

/** Whether only this machine can reach an address the server listens on. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[|\]$/g, '');
  return name === 'localhost' || name === '::1' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

function checkTogether(config: Config): void {
  if (!isLoopback(config.server.host) && !config.server.allowRemote) {
    throw new MirrorError(
      'CONFIG_INVALID',
      `server.host ${config.server.host} would let other machines reach the mirror, which it does not allow by default; set server.allowRemote = true (or WIKIMIRROR_ALLOW_REMOTE=true) if that is what you want, else use 127.0.0.1`,
      { context: { key: 'server.host' } },
    );
  }
}

/** Puts dotted names into nested objects. */
function nest(values: ReadonlyMap<string, ConfigValue>): Record<string, unknown> {
  const root: Record<string, unknown> = {};
  for (const [name, value] of values) {
    const parts = name.split('.');
    let target = root;
    for (const part of parts.slice(0, -1)) {
      const next = (target[part] ?? {}) as Record<string, unknown>;
      target[part] = next;
      target = next;
    }
    target[parts.at(-1) ?? name] = typeof value === 'object' ? [...value] : value;
  }
  return root;
}

function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  Object.freeze(value);
  for (const member of Object.values(value)) deepFreeze(member);
}

/** Builds a `Config` of complete values by dotted name. */
export function configOf(values: ReadonlyMap<string, ConfigValue>): Config {
  const config: unknown = nest(values);
  if (!Value.Check(ConfigSchema, config)) {
    const first = Value.Errors(ConfigSchema, config)[0];
    throw new MirrorError(
      'CONFIG_INVALID',
      `the configuration is not complete: ${first?.instancePath ?? ''} ${first?.message ?? ''}`,
    );
  }
  deepFreeze(config);
  return config;
}

/** The value of one setting by dotted name. */
export function configValue(config: Config, name: string): ConfigValue {
  let value: unknown = config;
  for (const part of name.split('.'))
    value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined;
  const key = findKey(name);
  if (key === undefined)
    throw new MirrorError('CONFIG_INVALID', `there is no setting called ${name}`, { context: { key: name } });
  return checkValue(key, value, 'configuration');
}

/**
 * Reads all sources and returns the effective configuration.
 * @throws MirrorError CONFIG_INVALID saying where, which setting, what was found and what was expected
 */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const cwd = sources.cwd ?? process.cwd();
  const flags = readFlags(sources.flags);
  const environment = await readEnvironment(sources.env, cwd);

  const nearData = flags.get('data') ?? environment.values.get('data');
  const fallback = sources.defaultData ?? defaultDataDirectory();
  const envFile = sources.env['WIKIMIRROR_CONFIG'];
  const namedFile = sources.file ?? (envFile === undefined || envFile === '' ? undefined : envFile);
  const file =
    namedFile === undefined
      ? join(absolutePath(typeof nearData === 'string' ? nearData : fallback, cwd), DATA_LAYOUT.config)
      : absolutePath(namedFile, cwd);
  const fromFile = await readConfigFile(file, namedFile !== undefined);

  const values = new Map<string, ConfigValue>();
  const origins = new Map<string, ConfigOrigin>();
  const layers: readonly (readonly [ConfigOrigin, ReadonlyMap<string, ConfigValue> | undefined, string])[] = [
    ['flag', flags, cwd],
    ['environment', environment.values, cwd],
    ['file', fromFile?.values, dirname(file)],
  ];
  for (const key of CONFIG_KEYS) {
    const found = layers.find(([, layer]) => layer?.has(key.name));
    const value = found?.[1]?.get(key.name) ?? key.defaultValue ?? fallback;
    values.set(key.name, key.name === 'data' && typeof value === 'string' ? absolutePath(value, found?.[2] ?? cwd) : value);
    origins.set(key.name, found?.[0] ?? 'default');
  }
  const config = configOf(values);
  checkTogether(config);
  return {
    config,
    origins,
    file,
    hasFile: fromFile !== undefined,
    warnings: [...environment.warnings, ...(fromFile?.warnings ?? [])],
    sources,
  };
}

/** Every setting with its value (secrets masked) and origin, for `config show` and support. */
export function describeConfig(loaded: LoadedConfig): readonly ConfigRow[] {
  return CONFIG_KEYS.map((key) => ({
    key: key.name,
    value: shownValue(key, configValue(loaded.config, key.name)),
    origin: loaded.origins.get(key.name) ?? 'default',
    applies: key.applies,
    env: key.env,
  }));
}
