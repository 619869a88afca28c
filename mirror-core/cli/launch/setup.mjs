// Installs and builds what is missing, under a lock, in plain words.
/* global AbortController */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { clearTimeout, setTimeout } from 'node:timers';
import {
  adviceFor,
  BUILD_STAMP,
  canRunProgram,
  isBuilt,
  isInstalled,
  pinnedNode,
  PROGRAM,
  PROGRAM_NODE,
  reasonOf,
  sourceFingerprint,
} from './checks.mjs';
import { lock } from './lock.mjs';

/** Something is wrong that the person at the terminal can mend; the message says what. */
export class SetupFailure extends Error {}

/** The setup was stopped by a signal. */
export class SetupInterrupted extends Error {
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

/** Grace for npm and the compiler before they are killed. */
const KILL_AFTER_MS = 3000;

function stopGroup(child, signal) {
  try {
    // The child leads a group of its own: npm's own children must end too.
    if (process.platform === 'win32') child.kill();
    else process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Runs a program to its end and returns its exit code and everything it printed. */
function runQuietly(command, args, { cwd, signal, shell = false }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, shell, stdio: ['ignore', 'pipe', 'pipe'], detached: process.platform !== 'win32' });
    let output = '';
    let killer;
    const stop = () => {
      stopGroup(child, 'SIGTERM');
      killer = setTimeout(() => stopGroup(child, 'SIGKILL'), KILL_AFTER_MS);
    };
    signal.addEventListener('abort', stop, { once: true });
    const done = (settle) => {
      clearTimeout(killer);
      signal.removeEventListener('abort', stop);
      settle();
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    child.once('error', (error) => done(() => reject(error)));
    child.once('close', (code) => done(() => (signal.aborted ? reject(signal.reason) : resolve({ code, output }))));
  });
}

/** How to call npm: the one that called us, else the one beside this Node, else whatever the shell finds. */
function npmCommand() {
  const beside = dirname(process.execPath);
  const scripts = [
    process.env.npm_execpath,
    join(beside, '../lib/node_modules/npm/bin/npm-cli.js'),
    join(beside, 'node_modules/npm/bin/npm-cli.js'),
  ];
  const script = scripts.find((path) => path !== undefined && basename(path) === 'npm-cli.js' && existsSync(path));
  return script === undefined
    ? { command: 'npm', first: [], shell: process.platform === 'win32' }
    : { command: process.execPath, first: [script], shell: false };
}

async function npm(args, { root, signal }) {
  const { command, first, shell } = npmCommand();
  try {
    return await runQuietly(command, [...first, ...args], { cwd: root, signal, shell });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new SetupFailure('npm was not found; it comes with Node.js: https://nodejs.org');
  }
}

const seconds = (sinceMs) => `${Math.max(1, Math.round((Date.now() - sinceMs) / 1000))} s`;

async function install({ root, say, signal }) {
  const started = Date.now();
  say('Installing the libraries that Wikimirror needs. This happens once and takes about a minute …');
  // Building needs the compiler, whatever NODE_ENV or npm's settings say about development packages.
  const { code, output } = await npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], { root, signal });
  if (code !== 0)
    throw new SetupFailure(`the libraries could not be installed:\n  ${reasonOf(output).join('\n  ')}\n${adviceFor(output)}`);
  say(`Installed in ${seconds(started)}.`);
}

/** The Node to run the program with, when there is one: the pinned one, else this one if it is new enough. */
function usableNode(root) {
  return pinnedNode(root) ?? (canRunProgram(process.versions.node) ? process.execPath : undefined);
}

/** Fetches the pinned Node when there is none to use: its package unpacks itself by an install script, which some npm settings forbid. */
async function provideNode({ root, say, signal }) {
  const present = usableNode(root);
  if (present !== undefined) return present;
  say(`Fetching Node.js ${PROGRAM_NODE}, which Wikimirror runs on …`);
  const { output } = await npm(['rebuild', 'node', '--ignore-scripts=false', '--loglevel=error'], { root, signal });
  const fetched = pinnedNode(root);
  if (fetched !== undefined) return fetched;
  throw new SetupFailure(
    `Wikimirror runs on Node.js ${PROGRAM_NODE} or newer; this is ${process.versions.node}, and the right one could not be fetched:\n  ` +
      `${reasonOf(output).join('\n  ')}\nAllow the install script of the package "node" and start again, or install Node.js ${PROGRAM_NODE} from https://nodejs.org`,
  );
}

async function build({ root, say, signal, node }) {
  const started = Date.now();
  const fingerprint = sourceFingerprint(root);
  say('Building …');
  // An unfinished build must not look finished; and the compiler trusts its notes more than the files it wrote.
  rmSync(join(root, BUILD_STAMP), { force: true });
  if (!existsSync(join(root, PROGRAM))) rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { code, output } = await runQuietly(node, [compiler, '-p', 'tsconfig.build.json'], { cwd: root, signal });
  if (code !== 0) {
    throw new SetupFailure(
      `the sources could not be built:\n  ${output.trim().split('\n').slice(0, 12).join('\n  ')}\n` +
        'If you changed them, mend what is named above; else get a fresh copy of the project.',
    );
  }
  mkdirSync(join(root, 'dist'), { recursive: true });
  const draft = join(root, `${BUILD_STAMP}.${process.pid}`);
  writeFileSync(draft, `${fingerprint}\n`);
  renameSync(draft, join(root, BUILD_STAMP));
  say(`Built in ${seconds(started)}.`);
}

/**
 * Makes sure that libraries, Node and build are there.
 * @returns the path of the Node to run the program with
 */
export async function setUp({ root, say, isForDevelopment = false }) {
  const present = usableNode(root);
  if (present !== undefined && isBuilt(root) && isInstalled(root, isForDevelopment)) return present;
  const abort = new AbortController();
  const listeners = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => [name, () => abort.abort(new SetupInterrupted(name))]);
  for (const [name, listener] of listeners) process.on(name, listener);
  let unlock;
  try {
    const signal = abort.signal;
    unlock = await lock(join(root, 'dist/.setup-lock'), {
      signal,
      onWait: (pid) => say(`Another Wikimirror (process ${pid}) is being set up in this folder; waiting for it …`),
    });
    if (!isInstalled(root, isForDevelopment || !isBuilt(root))) await install({ root, say, signal });
    const node = await provideNode({ root, say, signal });
    if (!isBuilt(root)) await build({ root, say, signal, node });
    return node;
  } catch (error) {
    throw abort.signal.aborted ? abort.signal.reason : error;
  } finally {
    unlock?.();
    for (const [name, listener] of listeners) process.off(name, listener);
  }
}
