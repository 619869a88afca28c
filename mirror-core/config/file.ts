/** Reading `wikimirror.toml`: values by dotted name, each with its line, and unknown names refused with a suggestion. */
import { readFile, stat } from 'node:fs/promises';
import { parse, TomlError } from 'smol-toml';
import { messageOf, MirrorError } from '../contracts/errors.ts';
import { CONFIG_KEYS, type ConfigValue, findKey, isGroup } from './keys.ts';
import { closest } from './suggest.ts';
import { checkValue } from './values.ts';

export interface ConfigFile {
  readonly values: ReadonlyMap<string, ConfigValue>;
  readonly warnings: readonly string[];
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** A bare or quoted TOML key at the start of a line, up to `=`. */
const ASSIGNMENT = /^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=/;
const HEADER = /^\s*\[\[?\s*([^\]]+?)\s*\]\]?/;

function plainName(text: string): string {
  return text
    .split('.')
    .map((part) => part.trim().replace(/^["']|["']$/g, ''))
    .join('.');
}

/**
 * The 1-based line on which each dotted name is set. The parser does not keep lines; this reads the two forms people write
 * (`[group]` then `key = …`, and `group.key = …`) and leaves out what it cannot place, such as members of inline tables.
 */
export function linesOfNames(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  let group = '';
  for (const [index, line] of text.split('\n').entries()) {
    const header = HEADER.exec(line)?.[1];
    const assigned = ASSIGNMENT.exec(line)?.[1];
    if (assigned !== undefined) {
      const name = group === '' ? plainName(assigned) : `${group}.${plainName(assigned)}`;
      if (!lines.has(name)) lines.set(name, index + 1);
    } else if (header !== undefined) {
      group = plainName(header);
      if (!lines.has(group)) lines.set(group, index + 1);
    }
  }
  return lines;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

/** What was meant by an unknown setting: near in the same group, or the same word in another group. */
function suggestion(name: string): string | undefined {
  const names = CONFIG_KEYS.map((key) => key.name);
  const groups = [
    ...new Set(
      names.flatMap((known) =>
        known
          .split('.')
          .slice(0, -1)
          .map((_, index, parts) => parts.slice(0, index + 1).join('.')),
      ),
    ),
  ];
  const sameWord = names.find((known) => lastPart(known).toLowerCase() === lastPart(name).toLowerCase());
  return sameWord ?? closest(name, [...names, ...groups]) ?? closestByLastPart(name, names);
}

function closestByLastPart(name: string, names: readonly string[]): string | undefined {
  const word = closest(lastPart(name), names.map(lastPart));
  return word === undefined ? undefined : names.find((known) => lastPart(known) === word);
}

function unknownKey(name: string, place: string): MirrorError {
  const meant = suggestion(name);
  return new MirrorError(
    'CONFIG_INVALID',
    `${place}: there is no setting called ${name}${meant === undefined ? ' (docs/configuration.md lists them all)' : `; did you mean ${meant}?`}`,
    { context: { key: name, ...(meant === undefined ? {} : { suggestion: meant }) } },
  );
}

function versionRefusal(value: unknown, place: string): MirrorError | undefined {
  if (typeof value !== 'number' || value <= 1) return undefined;
  return new MirrorError(
    'CONFIG_INVALID',
    `${place}: this file was written for a newer Wikimirror (version = ${value}, this one reads version = 1); update Wikimirror, or set version = 1 and check the settings against docs/configuration.md`,
    { context: { key: 'version' } },
  );
}

/**
 * Takes the text of a configuration file apart.
 * @param path only used in messages
 * @throws MirrorError CONFIG_INVALID with file and line: broken TOML (with column), unknown setting, wrong value
 */
export function parseConfigText(text: string, path: string): ReadonlyMap<string, ConfigValue> {
  let table: Readonly<Record<string, unknown>>;
  try {
    table = parse(text, { unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = (error.message.split('\n')[0] ?? error.message).replace(/^Invalid TOML document:\s*/, '');
    throw new MirrorError('CONFIG_INVALID', `${path}, line ${error.line}, column ${error.column}: not valid TOML (${reason})`, {
      cause: error,
      context: { file: path, line: error.line, column: error.column },
    });
  }
  const lines = linesOfNames(text);
  const values = new Map<string, ConfigValue>();
  const visit = (members: Readonly<Record<string, unknown>>, prefix: string): void => {
    for (const [member, value] of Object.entries(members)) {
      const name = prefix === '' ? member : `${prefix}.${member}`;
      const line = lines.get(name) ?? lines.get(prefix);
      const place = line === undefined ? path : `${path}, line ${line}`;
      const key = findKey(name);
      if (key !== undefined) {
        const refusal = name === 'version' ? versionRefusal(value, place) : undefined;
        if (refusal !== undefined) throw refusal;
        values.set(name, checkValue(key, value, place));
      } else if (isGroup(name) && isTable(value)) {
        visit(value, name);
      } else if (isGroup(name)) {
        throw new MirrorError('CONFIG_INVALID', `${place}: ${name} is a group of settings; write them under a line [${name}]`, {
          context: { key: name },
        });
      } else {
        throw unknownKey(name, place);
      }
    }
  };
  visit(table, '');
  return values;
}

/** Whether others on this machine may read the file. Not known on Windows, where mode bits say nothing. */
async function isReadableByOthers(path: string): Promise<boolean> {
  if (process.platform === 'win32') return false;
  return ((await stat(path)).mode & 0o044) !== 0;
}

/**
 * Reads the configuration file at `path`.
 * @param isRequired whether somebody named this file; else a missing one is simply empty
 * @throws MirrorError CONFIG_INVALID
 */
export async function readConfigFile(path: string, isRequired: boolean): Promise<ConfigFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (!isRequired && (code === 'ENOENT' || code === 'ENOTDIR')) return undefined;
    const reason = code === 'ENOENT' ? 'it does not exist' : code === 'EACCES' ? 'no permission to read it' : messageOf(error);
    throw new MirrorError('CONFIG_INVALID', `cannot read the configuration file ${path}: ${reason}`, {
      cause: error,
      context: { file: path },
    });
  }
  const values = parseConfigText(text.replace(/^\uFEFF/, ''), path);
  const warnings: string[] = [];
  const hasPassword = values.has('upstream.password') && values.get('upstream.password') !== '';
  if (hasPassword && (await isReadableByOthers(path))) {
    warnings.push(
      `${path} holds a password and others on this machine can read it; run chmod 600 on it, or remove the password and use wikimirror login`,
    );
  }
  return { values, warnings };
}
