// What the launcher decides by, as functions of what lies on disk.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Node versions: the oldest that can run the launcher, and the oldest that can run the program itself. */
export const OLDEST_NODE = 20;
export const PROGRAM_NODE = 24;

/** Where a finished build leaves its fingerprint. */
export const BUILD_STAMP = 'dist/.build-stamp';
export const PROGRAM = 'dist/mirror-core/cli/main.js';

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    // Absent, or cut off by an interrupted installation: either way it says nothing.
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * Packages that the lock file wants and the installation lacks or has in another version.
 * @param wanted    `packages` of package-lock.json
 * @param installed `packages` of node_modules/.package-lock.json, npm's own record of what it installed
 * @param withDevelopment whether the packages needed only for building and testing count
 */
export function missingPackages(wanted, installed, withDevelopment) {
  return Object.entries(wanted)
    .filter(([path, entry]) => path !== '' && !entry.optional && !entry.devOptional && !entry.link && !entry.peer)
    .filter(([, entry]) => withDevelopment || !entry.dev)
    .filter(([path, entry]) => installed[path]?.version !== entry.version)
    .map(([path]) => path);
}

/** Whether `node_modules` holds what package-lock.json asks for. */
export function isInstalled(root, withDevelopment) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const installed = readJson(join(root, 'node_modules/.package-lock.json'))?.packages;
  // A shipped copy without a lock file comes with its libraries.
  if (wanted === undefined) return existsSync(join(root, 'node_modules'));
  if (installed === undefined || missingPackages(wanted, installed, withDevelopment).length > 0) return false;
  // npm's record can outlive folders that somebody deleted by hand.
  return Object.keys(installed).every((path) => installed[path].optional || existsSync(join(root, path)));
}

function sourceFiles(directory) {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** Fingerprint of everything the build depends on, or `undefined` for a shipped copy without sources. */
export function sourceFingerprint(root) {
  const sources = join(root, 'mirror-core');
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json']
    .map((name) => join(root, name))
    .filter(existsSync);
  const files = existsSync(sources) ? sourceFiles(sources) : [];
  if (files.length === 0) return undefined;
  const hash = createHash('sha256');
  for (const file of [...settings, ...files]) {
    const content = readFileSync(file);
    hash.update(`${file.slice(root.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** Whether `dist` was built from the sources as they are now. */
export function isBuilt(root) {
  if (!existsSync(join(root, PROGRAM))) return false;
  const fingerprint = sourceFingerprint(root);
  if (fingerprint === undefined) return true;
  const stamp = join(root, BUILD_STAMP);
  return existsSync(stamp) && readFileSync(stamp, 'utf8').trim() === fingerprint;
}

/** The pinned Node of the `node` package, or `undefined` when its install script did not run. */
export function pinnedNode(root, platform = process.platform) {
  const path = join(root, 'node_modules/node/bin', platform === 'win32' ? 'node.exe' : 'node');
  return existsSync(path) ? path : undefined;
}

/** Whether a Node of this version can run the program. */
export function canRunProgram(version) {
  return Number(version.replace(/^v/, '').split('.')[0]) >= PROGRAM_NODE;
}

/** The lines of npm's output that say what went wrong, without npm's own decoration. */
export function reasonOf(output) {
  const lines = output.split(/\r?\n/).map((line) => line.trimEnd());
  const errors = lines
    .filter((line) => /^npm (error|ERR!)/.test(line))
    .map((line) => line.replace(/^npm (error|ERR!)\s?/, ''))
    .filter((line) => line.trim() !== '' && !/complete log of this run|_logs/.test(line));
  return (errors.length > 0 ? errors : lines.filter((line) => line !== '')).slice(0, 6);
}

/** What a person can do about a failed installation. */
export function adviceFor(output) {
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|network/i.test(output))
    return 'Check the internet connection, or the proxy settings (HTTPS_PROXY), and start again.';
  if (/ENOSPC/.test(output)) return 'The disk is full: free some space and start again.';
  if (/EACCES|EPERM/.test(output)) return 'This folder cannot be written: check who owns it, and start again.';
  return 'Start again; if it fails in the same way, run "npm ci" in this folder to see all of it.';
}
