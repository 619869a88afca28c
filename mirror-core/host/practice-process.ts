/** The practice upstream as a process of its own, and driving one that runs. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import writeFileAtomic from 'write-file-atomic';
import { MirrorError } from '../contracts/errors.ts';
import { parseDatasetId } from '../contracts/identifiers.ts';
import { writeCorpus } from '../practice/corpus.ts';
import { PRACTICE_KEY_FILE, PRACTICE_KEY_HEADER, startPractice } from '../practice/server.ts';

const ADDRESS_FILE = 'practice.json';
/** A fresh generation of snapshots this often, as a small wiki's operator would see it. */
const SNAPSHOT_EVERY_MS = 24 * 3_600_000;

const AddressSchema = Type.Object({ url: Type.String(), pid: Type.Integer() });
const DeedsSchema = Type.Array(Type.Object({ action: Type.String(), project: Type.String(), title: Type.String() }));

export interface PracticeProcessOptions {
  /** Its own data; made when absent. */
  readonly directory: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Edits, creations, moves, deletions … a minute, made by themselves. 0 for none. */
  readonly changesPerMinute: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onReady?: (running: { readonly url: string }) => void;
}

/** Runs the practice upstream until `signal` fires. @throws MirrorError PORT_IN_USE, DATA_* */
export async function runPracticeProcess(options: PracticeProcessOptions): Promise<void> {
  const { directory, signal } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const practice = await startPractice({
    directory,
    host: options.host,
    port: options.port,
    editsPerSecond: options.changesPerMinute / 60,
    snapshotEveryMs: SNAPSHOT_EVERY_MS,
    logger: options.logger,
  });
  const address = join(directory, ADDRESS_FILE);
  try {
    await writeFileAtomic(address, `${JSON.stringify({ url: practice.url, pid: process.pid })}\n`, { mode: 0o600 });
    options.onReady?.({ url: practice.url });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    await rm(address, { force: true });
    await practice.close();
  }
}

/** Where the practice upstream of `directory` answers, and the key of its control routes. */
async function locate(directory: string): Promise<{ readonly url: string; readonly key: string }> {
  try {
    const address: unknown = JSON.parse(await readFile(join(directory, ADDRESS_FILE), 'utf8'));
    if (!Value.Check(AddressSchema, address)) throw new Error('its address file is not of the expected form');
    return { url: address.url, key: (await readFile(join(directory, PRACTICE_KEY_FILE), 'utf8')).trim() };
  } catch (error) {
    throw new MirrorError(
      'DAEMON_UNREACHABLE',
      `No practice upstream runs on ${directory}. Start one with "wikimirror practice" or "npm start".`,
      {
        cause: error,
        retryable: false,
      },
    );
  }
}

async function call(directory: string, path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
  const { url, key } = await locate(directory);
  let response: Response;
  try {
    response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [PRACTICE_KEY_HEADER]: key },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw new MirrorError(
      'DAEMON_UNREACHABLE',
      `The practice upstream at ${url} does not answer. Start it again with "wikimirror practice" or "npm start".`,
      { cause: error },
    );
  }
  const text = await response.text();
  const answer: unknown = text === '' ? undefined : JSON.parse(text);
  if (response.ok) return answer;
  const message =
    typeof answer === 'object' && answer !== null && 'message' in answer ? String(answer.message) : `status ${response.status}`;
  throw new MirrorError(response.status === 404 ? 'NOT_FOUND' : 'INVALID_INPUT', `The practice upstream refused: ${message}`);
}

/** Makes something happen on the practice wikis now. */
export async function actOnPractice(
  directory: string,
  request: { readonly action: string; readonly count: number; readonly project?: string; readonly title?: string },
  signal: AbortSignal,
): Promise<readonly { readonly action: string; readonly project: string; readonly title: string }[]> {
  const deeds = await call(directory, '/practice/act', request, signal);
  if (!Value.Check(DeedsSchema, deeds))
    throw new MirrorError('UPSTREAM_PROTOCOL', 'The practice upstream answered in an unknown form.');
  return deeds;
}

export async function setPracticeRate(directory: string, changesPerMinute: number, signal: AbortSignal): Promise<void> {
  await call(directory, '/practice/rate', { editsPerSecond: changesPerMinute / 60 }, signal);
}

/** Publishes new snapshots of everything; ends when they are there. */
export async function exportPractice(directory: string, signal: AbortSignal): Promise<void> {
  await call(directory, '/practice/export', {}, signal);
}

/** Writes a made-up snapshot of any size, for benchmarks and for trying a disk. */
export async function writePracticeCorpus(request: {
  /** File to write; `.tar.gz` or `.ndjson`. */
  readonly path: string;
  readonly project: string;
  /** Uncompressed size aimed at. */
  readonly sizeBytes: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (doneBytes: number) => void;
}): Promise<{ readonly path: string; readonly records: number; readonly rawBytes: number }> {
  const dataset = parseDatasetId(`${request.project}_namespace_0`);
  if (dataset === undefined)
    throw new MirrorError('INVALID_INPUT', `"${request.project}" is not a project code such as simplewiki.`);
  const report = await writeCorpus({
    path: request.path,
    seed: request.seed,
    rawBytes: request.sizeBytes,
    dataset: dataset.id,
    format: request.path.endsWith('.ndjson') ? 'ndjson' : 'tar.gz',
    signal: request.signal,
  });
  request.onProgress?.(report.rawBytes);
  return { path: request.path, records: report.lines, rawBytes: report.rawBytes };
}
