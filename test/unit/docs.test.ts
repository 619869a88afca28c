/** The documents against the code they describe: links, error codes, commands, file names, and the references from code to documents. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { Value } from 'typebox/value';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { buildProgram } from '../../mirror-core/cli/program.ts';
import { ERROR_CATALOGUE, EXIT } from '../../mirror-core/contracts/errors.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const sourcesIn = (folder: string): string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));

const DOCUMENTS = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'main/README.md',
  'renderer/README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Text without fenced blocks, in which `#` and brackets mean something else. */
const prose = (markdown: string): string => markdown.replace(/^```[\s\S]*?^```/gm, '');

/** What a renderer makes of a heading for links to it. */
function anchors(markdown: string): string[] {
  return [...prose(markdown).matchAll(/^#+ +(.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Links to files of the repository and to headings. */
function brokenLinks(path: string, markdown: string): string[] {
  const targets = [...prose(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const aim = file === '' ? path : join(dirname(path), file);
    if (!existsSync(join(ROOT, aim))) return true;
    return anchor !== undefined && !anchors(read(aim)).includes(anchor);
  });
}

/** `wikimirror practice act …` → `practice act`: as many words as lead to a command, and at least one. */
function commandsIn(markdown: string): string[] {
  const lines = [
    ...markdown.matchAll(/`wikimirror ([a-z][^`\n]*)`/g),
    ...markdown.matchAll(/npm run (?:--silent )?wikimirror -- ([a-z][^\n`]*)/g),
    ...markdown.matchAll(/^(?:.*\| )?(?:npx )?wikimirror ([a-z][^\n]*)$/gm),
  ];
  return lines.map(([, words = '']) => words.trim());
}

const program = buildProgram(() => undefined, {});

function unknownCommand(line: string): string | undefined {
  const [first = '', second = ''] = line.split(/\s+/);
  const command = program.commands.find((candidate) => candidate.name() === first);
  if (command === undefined) return line;
  const takesWords = command.registeredArguments.length > 0;
  const isWord = /^[a-z-]+$/.test(second) && !second.startsWith('-');
  if (takesWords || command.commands.length === 0 || !isWord) return undefined;
  return command.commands.some((sub) => sub.name() === second) ? undefined : line;
}

/** Options of the command a line names, and of the program, that do not exist. */
function unknownOptions(line: string): string[] {
  const own = line.split('|')[0] ?? '';
  const [first = '', second = ''] = own.split(/\s+/);
  const command = program.commands.find((candidate) => candidate.name() === first);
  const sub = command?.commands.find((candidate) => candidate.name() === second);
  const known = [program, command, sub].flatMap((one: Command | undefined) => one?.options ?? []);
  return [...own.matchAll(/(?:^|\s)(--[a-z-]+)/g)]
    .map(([, option = '']) => option)
    .filter((option) => option !== '--help' && !known.some(({ long }) => long === option));
}

describe.each(DOCUMENTS)('%s', (path) => {
  const markdown = read(path);

  it('links only to files and headings that exist', () => {
    expect(brokenLinks(path, markdown)).toEqual([]);
  });

  it('names only commands and options that the command line has', () => {
    const lines = commandsIn(markdown);
    expect(lines.map(unknownCommand).filter((line) => line !== undefined)).toEqual([]);
    expect(lines.flatMap(unknownOptions)).toEqual([]);
  });

  it('names only npm scripts that package.json has', () => {
    const manifest: unknown = JSON.parse(read('package.json'));
    if (!Value.Check(Type.Object({ scripts: Type.Record(Type.String(), Type.String()) }), manifest))
      throw new Error('no scripts');
    const named = [...markdown.matchAll(/npm (?:run (?:--silent )?([a-z:-]+)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short ?? '',
    );
    expect(named.filter((script) => !(script in manifest.scripts))).toEqual([]);
  });

  it('names only source files and folders that exist', () => {
    const named = [...markdown.matchAll(/`((?:[a-z-]+\/)+(?:[a-z.-]+\.(?:test\.ts|ts|mjs))?)`/g)].map(([, file = '']) => file);
    // The data directory and the build have folders too; they are not part of the repository.
    const outside = /^(?:secrets|sideload|dist|practice|run|catalog|datasets|downloads|api)\//;
    const missing = named.filter(
      (file) => !outside.test(file) && ![file, join('mirror-core', file)].some((place) => existsSync(join(ROOT, place))),
    );
    expect(missing).toEqual([]);
  });
});

it('the README shows every command', () => {
  const shown = commandsIn(read('README.md')).map((line) => line.split(/\s+/)[0]);
  expect(program.commands.map((command) => command.name()).filter((name) => !shown.includes(name))).toEqual([]);
});

describe('docs/errors.md', () => {
  const rows = new Map(
    [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \| (\d+) \| (\d+) \| (yes|no) \| (.+) \| (.+) \|$/gm)].map(
      ([, code = '', http, exit, again, meaning, advice]) =>
        [code, { http: Number(http), exit: Number(exit), retryable: again === 'yes', meaning, advice }] as const,
    ),
  );

  it('has every code, and no other', () => {
    expect([...rows.keys()].sort()).toEqual(Object.keys(ERROR_CATALOGUE).sort());
  });

  it.each(Object.entries(ERROR_CATALOGUE))('says of %s what the catalogue says', (code, entry) => {
    expect(rows.get(code)).toMatchObject(entry);
  });
});

it('docs/cli.md explains every exit code', () => {
  const table = read('docs/cli.md').split('## Exit codes')[1] ?? '';
  const explained = [...table.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  expect(explained.sort((a, b) => a - b)).toEqual(Object.values(EXIT).sort((a, b) => a - b));
});

it('every heading of docs/architecture.md that the code refers to is there', () => {
  const headings = [...read('docs/architecture.md').matchAll(/^#+ +(.+)$/gm)].map(([, title]) => title);
  const references = ['.dependency-cruiser.js', ...sourcesIn('mirror-core')].flatMap((path) =>
    [...read(path).matchAll(/docs\/architecture\.md, "([^"]+)"/g)].map(([, heading]) => heading),
  );
  expect(references).not.toEqual([]);
  expect(references.filter((heading) => !headings.includes(heading))).toEqual([]);
});

it('the table of parts in docs/architecture.md names every folder of mirror-core', () => {
  const parts = read('docs/architecture.md').split('## Parts')[1]?.split('\n## ')[0] ?? '';
  const named = [...parts.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, folder]) => folder);
  const folders = readdirSync(join(ROOT, 'mirror-core'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(named.sort()).toEqual(folders.map(({ name }) => name).sort());
});
