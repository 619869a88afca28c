/** Every setting by its dotted name, derived from the schema: kind, default, environment variable, and whether it may change while running. */
import { ConfigSchema } from '../contracts/config.ts';

/** What a setting holds, as far as reading it from text and checking it needs to know. */
export type ValueKind =
  | { readonly kind: 'string'; readonly minLength: number }
  | { readonly kind: 'address' }
  | { readonly kind: 'boolean' }
  | {
      readonly kind: 'number';
      readonly isInteger: boolean;
      readonly minimum: number | undefined;
      readonly exclusiveMinimum: number | undefined;
      readonly maximum: number | undefined;
    }
  | { readonly kind: 'choice'; readonly choices: readonly (string | number)[] }
  | { readonly kind: 'list' };

export type ConfigValue = string | number | boolean | readonly string[];

export interface ConfigKey {
  /** Dotted name, `server.port`. */
  readonly name: string;
  readonly value: ValueKind;
  /** `undefined` for `data` alone, whose default depends on the machine. */
  readonly defaultValue: ConfigValue | undefined;
  /** Environment variable that sets it. */
  readonly env: string;
  /** Never shown. */
  readonly isSecret: boolean;
  /** `running`: a change in the file is taken over at once; `restart`: only a restart can. */
  readonly applies: 'running' | 'restart';
}

/** Names that scripts and containers know; every other variable is built from the setting's name. */
const ENV_NAMES: Readonly<Record<string, string>> = {
  data: 'WIKIMIRROR_DATA',
  datasets: 'WIKIMIRROR_DATASETS',
  contact: 'WIKIMIRROR_CONTACT',
  'upstream.auth': 'WME_AUTH_URL',
  'upstream.api': 'WME_API_URL',
  'upstream.realtime': 'WME_REALTIME_URL',
  'upstream.username': 'WME_USERNAME',
  'upstream.password': 'WME_PASSWORD',
  'server.host': 'WIKIMIRROR_HOST',
  'server.port': 'WIKIMIRROR_PORT',
  'server.allowRemote': 'WIKIMIRROR_ALLOW_REMOTE',
  'server.allowedHosts': 'WIKIMIRROR_ALLOWED_HOSTS',
  'server.corsOrigins': 'WIKIMIRROR_CORS_ORIGINS',
  'server.followRedirects': 'WIKIMIRROR_FOLLOW_REDIRECTS',
  'disk.reserveBytes': 'WIKIMIRROR_DISK_RESERVE_BYTES',
  'log.level': 'WIKIMIRROR_LOG_LEVEL',
};

/** Settings that are bound when the process starts: open files, the listening server, the upstream session. */
const NEEDS_RESTART = /^(?:version|data|contact)$|^(?:upstream|server)\./;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numberOrNothing(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function isChoice(value: unknown): value is string | number {
  return typeof value === 'string' || typeof value === 'number';
}

function valueKind(name: string, schema: Readonly<Record<string, unknown>>): ValueKind {
  if (isChoice(schema['const'])) return { kind: 'choice', choices: [schema['const']] };
  if (Array.isArray(schema['anyOf'])) {
    const branches: readonly unknown[] = schema['anyOf'];
    return {
      kind: 'choice',
      choices: branches.map((branch) => (isObject(branch) ? branch['const'] : undefined)).filter(isChoice),
    };
  }
  switch (schema['type']) {
    case 'string':
      return schema['format'] === 'uri'
        ? { kind: 'address' }
        : { kind: 'string', minLength: numberOrNothing(schema['minLength']) ?? 0 };
    case 'boolean':
      return { kind: 'boolean' };
    case 'integer':
    case 'number':
      return {
        kind: 'number',
        isInteger: schema['type'] === 'integer',
        minimum: numberOrNothing(schema['minimum']),
        exclusiveMinimum: numberOrNothing(schema['exclusiveMinimum']),
        maximum: numberOrNothing(schema['maximum']),
      };
    case 'array':
      return { kind: 'list' };
    default:
      throw new TypeError(`setting ${name} has a schema that the configuration reader does not know`);
  }
}

function asDefault(value: unknown): ConfigValue | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : undefined;
}

function envName(name: string): string {
  return ENV_NAMES[name] ?? `WIKIMIRROR_${name.replaceAll('.', '_').replace(/[A-Z]/g, '_$&').toUpperCase()}`;
}

function collect(schema: Readonly<Record<string, unknown>>, prefix: string): ConfigKey[] {
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  return Object.entries(properties).flatMap(([member, child]) => {
    if (!isObject(child)) return [];
    const name = prefix === '' ? member : `${prefix}.${member}`;
    if (child['type'] === 'object') return collect(child, name);
    return {
      name,
      value: valueKind(name, child),
      defaultValue: asDefault(child['default']),
      env: envName(name),
      isSecret: name === 'upstream.password',
      applies: NEEDS_RESTART.test(name) ? ('restart' as const) : ('running' as const),
    };
  });
}

/** All settings, in the order of the schema. */
export const CONFIG_KEYS: readonly ConfigKey[] = collect({ ...ConfigSchema }, '');

/** The setting called `name`, or `undefined`. */
export function findKey(name: string): ConfigKey | undefined {
  return CONFIG_KEYS.find((key) => key.name === name);
}

/** Whether `name` is a group of settings, such as `server`. */
export function isGroup(name: string): boolean {
  return CONFIG_KEYS.some((key) => key.name.startsWith(`${name}.`));
}

/** What is shown instead of a secret. */
export const MASK = '••••••';

/** `value` as it may be shown: secrets masked when they are set. */
export function shownValue(key: ConfigKey, value: ConfigValue): ConfigValue {
  return key.isSecret && value !== '' ? MASK : value;
}
