/** What `doctor` looks at without asking upstream: this machine, the data directory, the configuration. */
import { access, constants, mkdtemp, readdir, rm, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { DATA_LAYOUT } from '../../contracts/data-layout.ts';
import { messageOf } from '../../contracts/errors.ts';
import type { LoadedConfig } from '../../config/load.ts';
import type { Finding } from '../host-port.ts';
import { bytesWords } from '../terminal/units.ts';

/** Oldest Node the program runs on. */
const OLDEST_NODE = 24;

/** No clock is right that is before this program was written. */
const EARLIEST_NOW_MS = Date.UTC(2026, 0, 1);

/** Linux `statfs` types of file systems that live on another machine, where LevelDB's locks and syncs cannot be trusted. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB 2'],
  [0x01021997, '9p'],
  [0x5346414f, 'AFS'],
  [0x00c36400, 'Ceph'],
]);

function ok(subject: string, message: string): Finding {
  return { level: 'ok', subject, message };
}

/** @param version such as `24.21.0` */
export function checkNode(version: string): Finding {
  const isNewEnough = Number(version.split('.')[0]) >= OLDEST_NODE;
  if (isNewEnough) return ok('Node.js', version);
  return {
    level: 'problem',
    subject: 'Node.js',
    message: `${version} is too old; Wikimirror runs on ${OLDEST_NODE} or newer`,
    advice: 'start it with npm start, which brings the right version',
  };
}

export function checkClock(nowMs: number): Finding {
  const shown = new Date(nowMs).toISOString();
  if (nowMs >= EARLIEST_NOW_MS) return ok('clock', shown);
  return {
    level: 'problem',
    subject: 'clock',
    message: `${shown} cannot be right`,
    advice: 'set the clock: logins and schedules depend on it',
  };
}

/** The nearest folder above that exists. */
async function existingParent(path: string): Promise<string> {
  try {
    await access(path);
    return path;
  } catch {
    return dirname(path) === path ? path : existingParent(dirname(path));
  }
}

async function checkWritable(directory: string): Promise<Finding> {
  const parent = await existingParent(directory);
  try {
    const probe = await mkdtemp(join(parent, '.wikimirror-probe-'));
    await rm(probe, { recursive: true });
    return ok(
      'data directory',
      parent === directory ? `${directory} can be written` : `${directory} does not exist yet and can be made`,
    );
  } catch (error) {
    return {
      level: 'problem',
      subject: 'data directory',
      message: `${parent} cannot be written: ${messageOf(error)}`,
      advice: 'check who owns it, or choose another place with --data (WIKIMIRROR_DATA)',
    };
  }
}

/** Free space against the reserve. Pure. */
export function checkSpace(freeBytes: number, reserveBytes: number, directory: string): Finding {
  const message = `${bytesWords(freeBytes)} free in ${directory}, ${bytesWords(reserveBytes)} of it are never used`;
  if (freeBytes > reserveBytes * 2) return ok('disk space', message);
  return {
    level: freeBytes <= reserveBytes ? 'problem' : 'warning',
    subject: 'disk space',
    message,
    advice: 'free some space, choose another place with --data, or lower disk.reserveBytes',
  };
}

/** Whether a file system is one on another machine. Pure. */
export function checkFileSystem(type: number, directory: string): Finding {
  const name = NETWORK_FILE_SYSTEMS.get(type);
  if (name === undefined) return ok('file system', 'on this machine, as far as can be seen');
  return {
    level: 'warning',
    subject: 'file system',
    message: `${directory} is on a network drive (${name}); LevelDB can lose data there when the connection breaks`,
    advice: 'keep the data on a disk of this machine',
  };
}

async function checkDisk(loaded: LoadedConfig): Promise<readonly Finding[]> {
  const directory = await existingParent(loaded.config.data);
  const facts = await statfs(directory);
  return [
    checkSpace(facts.bavail * facts.bsize, loaded.config.disk.reserveBytes, directory),
    ...(process.platform === 'linux' ? [checkFileSystem(facts.type, directory)] : []),
  ];
}

/** Tries to listen where the API will. */
async function checkPort(host: string, port: number, daemonUrl: string | undefined): Promise<Finding> {
  if (daemonUrl !== undefined) return ok('API', `a Wikimirror answers at ${daemonUrl}`);
  const server = createServer();
  const outcome = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => resolve(undefined));
  });
  if (outcome === undefined) {
    await new Promise((resolve) => server.close(resolve));
    return ok('API', `${host}:${port} is free`);
  }
  const isTaken = outcome.code === 'EADDRINUSE';
  return {
    level: 'problem',
    subject: 'API',
    message: isTaken ? `another program uses ${host}:${port}` : `cannot listen on ${host}:${port}: ${outcome.message}`,
    advice: isTaken
      ? 'stop it, or choose another port with --port (WIKIMIRROR_PORT)'
      : 'choose an address of this machine with --host (WIKIMIRROR_HOST)',
  };
}

/** Files that hold secrets must be their owner's alone. Mode bits say nothing on Windows. */
export async function checkSecrets(dataDirectory: string): Promise<Finding> {
  const directory = join(dataDirectory, DATA_LAYOUT.secrets);
  let names: string[];
  try {
    names = await readdir(directory);
  } catch {
    return ok('secrets', 'none stored');
  }
  const exposed: string[] = [];
  for (const path of [directory, ...names.map((name) => join(directory, name))]) {
    if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) exposed.push(path);
  }
  if (exposed.length === 0) return ok('secrets', `${directory} is readable by its owner alone`);
  return {
    level: 'problem',
    subject: 'secrets',
    message: `others on this machine may read ${exposed.join(', ')}`,
    advice: `run chmod -R go= ${directory}`,
  };
}

function checkConfig(loaded: LoadedConfig): readonly Finding[] {
  const where = loaded.hasFile ? loaded.file : 'no file; defaults, environment and flags';
  if (loaded.warnings.length === 0) return [ok('configuration', where)];
  return loaded.warnings.map((message) => ({ level: 'warning', subject: 'configuration', message }));
}

async function checkSideload(loaded: LoadedConfig): Promise<readonly Finding[]> {
  const directory = join(loaded.config.data, DATA_LAYOUT.sideload);
  try {
    await access(directory, constants.R_OK | constants.W_OK);
    return [];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    return [
      {
        level: 'warning',
        subject: 'sideload folder',
        message: `${directory} cannot be read and written`,
        advice: 'check who owns it',
      },
    ];
  }
}

export interface MachineFacts {
  readonly nodeVersion: string;
  readonly nowMs: number;
  /** Where a running daemon answers. */
  readonly daemonUrl: string | undefined;
}

/** Everything that can be seen without upstream, in a fixed order. */
export async function checkMachine(loaded: LoadedConfig, facts: MachineFacts): Promise<readonly Finding[]> {
  const { host, port } = loaded.config.server;
  return [
    checkNode(facts.nodeVersion),
    checkClock(facts.nowMs),
    ...checkConfig(loaded),
    await checkWritable(loaded.config.data),
    ...(await checkDisk(loaded)),
    await checkSecrets(loaded.config.data),
    ...(await checkSideload(loaded)),
    await checkPort(host, port, facts.daemonUrl),
  ];
}
