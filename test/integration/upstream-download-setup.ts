/** One snapshot upstream, an object store's answers for it, and the means to spoil them. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parseDatasetId } from '../../mirror-core/contracts/identifiers.ts';
import type { DownloadRequest } from '../../mirror-core/contracts/upstream-port.ts';
import type { EnterpriseOptions } from '../../mirror-core/upstream/enterprise/client.ts';
import { startScriptedUpstream, type Answer, type Asked, type ScriptedUpstream } from '../support/scripted-upstream.ts';
import { setUp, type Setup } from './upstream-setup.ts';

export const dataset = parseDatasetId('simplewiki_namespace_0')!.id;
export const PATH = '/v2/snapshots/simplewiki_namespace_0/download';
export const STORED = '/store/simplewiki_namespace_0.tar.gz';

/** Bytes that differ from place to place, so that a splice in the wrong spot shows. */
function bytesOf(length: number, seed = 1): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 7 + seed) & 0xff));
}

export function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

export interface ServedFile {
  bytes: Buffer;
  etag: string;
}

export function headersOf(file: ServedFile, length: number): Record<string, string> {
  return {
    'content-type': 'binary/octet-stream',
    'accept-ranges': 'bytes',
    'content-length': String(length),
    etag: file.etag,
    'last-modified': 'Mon, 12 Feb 2024 00:50:09 UTC',
  };
}

/** Answers as an object store: Range and If-Range honoured. `send` may do worse things with the bytes than sending them. */
export function store(
  file: ServedFile,
  send: (response: ServerResponse, bytes: Buffer) => void = (response, bytes) => void response.end(bytes),
): Answer {
  return (asked, response) => {
    const start = /^bytes=(\d+)-$/.exec(asked.headers.range ?? '')?.[1];
    const isRanged = start !== undefined && asked.headers['if-range'] === file.etag;
    const bytes = isRanged ? file.bytes.subarray(Number(start)) : file.bytes;
    const headers = headersOf(file, bytes.length);
    if (isRanged) headers['content-range'] = `bytes ${start}-${file.bytes.length - 1}/${file.bytes.length}`;
    response.writeHead(isRanged ? 206 : 200, headers);
    send(response, bytes);
  };
}

/** Sends `count` bytes and breaks the connection. */
export function cutAfter(count: number): (response: ServerResponse, bytes: Buffer) => void {
  return (response, bytes) => void response.write(bytes.subarray(0, count), () => setImmediate(() => response.destroy()));
}

export interface Scene extends Setup {
  readonly file: ServedFile;
  readonly request: DownloadRequest;
  readonly gets: () => readonly Asked[];
}

export async function scene(overrides: Partial<EnterpriseOptions> = {}, size = 300_000): Promise<Scene> {
  const setup = await setUp(overrides);
  const file: ServedFile = { bytes: bytesOf(size), etag: '"v1-2"' };
  setup.upstream.on('HEAD', PATH, (_, response) => void response.writeHead(200, headersOf(file, file.bytes.length)).end());
  setup.upstream.on('GET', PATH, store(file));
  return {
    ...setup,
    file,
    request: {
      target: { kind: 'snapshot', dataset },
      path: join(setup.directory, 'downloads', 'simple.tar.gz'),
      md5: md5Of(file.bytes),
      signal: new AbortController().signal,
    },
    gets: () => setup.upstream.asked.filter((asked) => asked.method === 'GET' && asked.path.startsWith(PATH)),
  };
}

/** The store of presigned addresses: another origin, as upstream has it. */
export async function secondOrigin(): Promise<ScriptedUpstream> {
  const other = await startScriptedUpstream();
  onTestFinished(() => other.close());
  return other;
}

export function redirectTo(location: string): Answer {
  return (_, response) => void response.writeHead(307, { location }).end();
}

/** Leaves an unfinished download beside `path`, as an earlier run would. */
export async function writePart(path: string, bytes: Uint8Array, sidecar: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, bytes);
  await writeFile(`${path}.part.json`, JSON.stringify(sidecar));
}
