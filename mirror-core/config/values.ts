/** Reading one value from text and checking it against its setting. */
import { MirrorError } from '../contracts/errors.ts';
import { parseDatasetId } from '../contracts/identifiers.ts';
import { type ConfigKey, type ConfigValue, shownValue, type ValueKind } from './keys.ts';

/** Where a value was found, for messages: `wikimirror.toml, line 4` or `the environment variable WIKIMIRROR_PORT`. */
export type Place = string;

/** What a value of this kind looks like, in words. */
export function expectedWords(value: ValueKind): string {
  switch (value.kind) {
    case 'string':
      return value.minLength > 0 ? 'text that is not empty' : 'text';
    case 'address':
      return 'an address such as https://api.example.org, without user name or password';
    case 'boolean':
      return 'true or false';
    case 'choice':
      return value.choices.length === 1 ? String(value.choices[0]) : `one of ${value.choices.join(', ')}`;
    case 'list':
      return 'a list of texts, such as ["first", "second"]';
    case 'number': {
      const noun = value.isInteger ? 'a whole number' : 'a number';
      if (value.minimum !== undefined && value.maximum !== undefined) return `${noun} from ${value.minimum} to ${value.maximum}`;
      if (value.minimum !== undefined) return `${noun}, ${value.minimum} or more`;
      if (value.exclusiveMinimum !== undefined) return `${noun} above ${value.exclusiveMinimum}`;
      return noun;
    }
  }
}

function shown(key: ConfigKey, value: unknown): string {
  if (key.isSecret) return 'the value given (not shown)';
  const text = JSON.stringify(value);
  // An address with a password in it is refused, and this is not the place to show it.
  return key.value.kind === 'address' ? text.replace(/(\/\/)[^/?#]*@/, '$1…@') : text;
}

function refusal(key: ConfigKey, value: unknown, place: Place): MirrorError {
  return new MirrorError(
    'CONFIG_INVALID',
    `${place}: ${key.name} cannot be ${shown(key, value)}; expected ${expectedWords(key.value)}`,
    { context: { key: key.name, expected: expectedWords(key.value) } },
  );
}

function isWebAddress(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';
}

function hasKind(kind: ValueKind, value: unknown): value is ConfigValue {
  switch (kind.kind) {
    case 'string':
      return typeof value === 'string' && value.length >= kind.minLength;
    case 'address':
      return typeof value === 'string' && isWebAddress(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'choice':
      return kind.choices.some((choice) => choice === value);
    case 'list':
      return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
    case 'number':
      return (
        typeof value === 'number' &&
        Number.isFinite(value) &&
        (!kind.isInteger || Number.isSafeInteger(value)) &&
        (kind.minimum === undefined || value >= kind.minimum) &&
        (kind.exclusiveMinimum === undefined || value > kind.exclusiveMinimum) &&
        (kind.maximum === undefined || value <= kind.maximum)
      );
  }
}

/**
 * Base addresses are kept without a slash at the end and without the version folder that documentation and SDKs often show with them.
 */
function normaliseAddress(text: string): string {
  return text
    .trim()
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '')
    .replace(/\/+$/, '');
}

function checkedDatasets(value: readonly string[], place: Place): readonly string[] {
  const wrong = value.find((name) => parseDatasetId(name) === undefined);
  if (wrong === undefined) return [...new Set(value)];
  throw new MirrorError(
    'CONFIG_INVALID',
    `${place}: datasets contains ${JSON.stringify(wrong)}, which is not a dataset; expected a project and a namespace such as simplewiki_namespace_0 (wikimirror projects lists them)`,
    { context: { key: 'datasets' } },
  );
}

function isOrigin(text: string): boolean {
  return URL.parse(text)?.origin === text;
}

function checkedOrigins(value: readonly string[], place: Place): readonly string[] {
  const wrong = value.find((origin) => !isOrigin(origin));
  if (wrong === undefined) return value;
  throw new MirrorError(
    'CONFIG_INVALID',
    `${place}: server.corsOrigins contains ${JSON.stringify(wrong)}; expected web origins without a path, such as https://reader.example.org`,
    { context: { key: 'server.corsOrigins' } },
  );
}

/**
 * Checks a value of the right JavaScript type already (from the file or a program) and brings it into its one spelling.
 * @throws MirrorError CONFIG_INVALID naming the place, the setting, the value and what was expected
 */
export function checkValue(key: ConfigKey, value: unknown, place: Place): ConfigValue {
  if (!hasKind(key.value, value)) throw refusal(key, value, place);
  if (key.value.kind === 'address' && typeof value === 'string') return normaliseAddress(value);
  if (typeof value === 'object' && key.name === 'datasets') return checkedDatasets(value, place);
  if (typeof value === 'object' && key.name === 'server.corsOrigins') return checkedOrigins(value, place);
  return value;
}

const TRUE_WORDS = ['true', 'yes', 'on', '1'];
const FALSE_WORDS = ['false', 'no', 'off', '0'];

/**
 * Reads a value from text (environment, flag): numbers in digits, true/false (also yes/no, on/off, 1/0), lists with commas.
 * @throws MirrorError CONFIG_INVALID
 */
export function readText(key: ConfigKey, text: string, place: Place): ConfigValue {
  const trimmed = text.trim();
  switch (key.value.kind) {
    case 'string':
      // A password may begin or end with a space.
      return checkValue(key, key.isSecret ? text : trimmed, place);
    case 'address':
      return checkValue(key, trimmed, place);
    case 'choice': {
      const choice = key.value.choices.find((candidate) => String(candidate) === trimmed.toLowerCase());
      return checkValue(key, choice ?? text, place);
    }
    case 'boolean': {
      const word = trimmed.toLowerCase();
      if (TRUE_WORDS.includes(word)) return true;
      if (FALSE_WORDS.includes(word)) return false;
      throw refusal(key, text, place);
    }
    case 'number':
      return checkValue(key, /^[+-]?\d+(?:_\d+)*(?:\.\d+)?$/.test(trimmed) ? Number(trimmed.replaceAll('_', '')) : text, place);
    case 'list':
      return checkValue(
        key,
        trimmed
          .split(',')
          .map((entry) => entry.trim())
          .filter((entry) => entry !== ''),
        place,
      );
  }
}

/** A value as `config show` prints it. */
export function valueWords(key: ConfigKey, value: ConfigValue): string {
  const visible = shownValue(key, value);
  return typeof visible === 'object'
    ? visible.length === 0
      ? '(none)'
      : visible.join(', ')
    : visible === ''
      ? '(none)'
      : String(visible);
}
