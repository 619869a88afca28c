// One setup at a time: a second launch waits for the first instead of installing into the same folder.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 150;
/** Beyond this age a lock is of a process that is gone and whose number another process got. */
const OLDEST_LOCK_MS = 60 * 60_000;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function readHolder(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    // Just created and not yet written, or damaged: the age tells.
    if (error instanceof SyntaxError) return { pid: 0, since: 0 };
    throw error;
  }
}

/** Takes a lock whose holder is gone out of the way; puts it back when it turns out to be somebody's new one. */
function removeStale(path, stale) {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  const taken = readHolder(aside);
  if (taken !== undefined && (taken.pid !== stale.pid || taken.since !== stale.since)) {
    try {
      linkSync(aside, path);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  rmSync(aside, { force: true });
}

function tryLock(path) {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, JSON.stringify({ pid: process.pid, since: Date.now() }));
  try {
    // A link appears with its content, at once or not at all.
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Waits for the lock and returns the function that gives it back. */
export async function lock(path, { onWait, signal }) {
  mkdirSync(dirname(path), { recursive: true });
  let hasSaid = false;
  while (!tryLock(path)) {
    signal.throwIfAborted();
    const holder = readHolder(path);
    if (holder === undefined) continue;
    if (!isAlive(holder.pid) || Date.now() - holder.since > OLDEST_LOCK_MS) {
      removeStale(path, holder);
      continue;
    }
    if (!hasSaid) onWait(holder.pid);
    hasSaid = true;
    await delay(POLL_MS, undefined, { signal });
  }
  return () => rmSync(path, { force: true });
}
