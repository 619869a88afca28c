/**
 * The server that is measured, in a process of its own: the real one over a real store, and beside it the same Fastify with a
 * constant buffer, which is what the framework itself allows. Arguments: a corpus, an empty directory, the dataset.
 * Prints one line of JSON when both listen, and ends when its standard input does.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import fastify from 'fastify';
import { pino } from 'pino';
import { parseDatasetId } from '../../mirror-core/contracts/identifiers.ts';
import type { Change } from '../../mirror-core/contracts/store-port.ts';
import { readRecords } from '../../mirror-core/pipeline/read-records.ts';
import { startServer } from '../../mirror-core/server/server.ts';
import { MirrorStore } from '../../mirror-core/store/mirror-store.ts';
import { FakeControl } from '../support/mirror-fakes.ts';

/** What `lookup.ts` needs to know to ask. */
export interface ServerReady {
  readonly url: string;
  readonly constantUrl: string;
  readonly titles: readonly string[];
  readonly medianStoredBytes: number;
  readonly medianRawBytes: number;
}

const [archive = '', directory = '', id = ''] = process.argv.slice(2);
const parts = parseDatasetId(id);
if (parts === undefined) throw new Error('usage: lookup-server ARCHIVE DIRECTORY DATASET');

const logger = pino({ level: 'silent' });
const store = await MirrorStore.open({
  directory: join(directory, 'mirror'),
  upstreamAddress: 'http://127.0.0.1/bench',
  isPractice: true,
  logger,
});
const dataset = await store.create(parts.id);
const titles: string[] = [];
const storedSizes: number[] = [];
const rawSizes: number[] = [];
const signal = new AbortController().signal;
for await (const { records } of readRecords(
  { path: archive, name: 'corpus' },
  { codec: 'zstd', signal, onBadLine: () => undefined },
)) {
  await dataset.stage(records.map((record): Change => ({ kind: 'record', record, source: 'snapshot' })));
  await dataset.commit();
  for (const { keys, stored, rawBytes } of records) {
    titles.push(keys.title);
    storedSizes.push(stored.length);
    rawSizes.push(rawBytes);
  }
}
const middle = (sizes: readonly number[]): number => sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 0;

const server = await startServer({
  reader: {
    projects: () => [{ project: parts.project, language: 'en', url: undefined, code: 'wiki', datasets: [parts.id] }],
    dataset: (wanted) => Promise.resolve(wanted === parts.id ? dataset : undefined),
    projectList: () => [],
    languageList: () => [],
    freshness: () => ({ lagMs: null, asOf: null }),
    isPractice: true,
  },
  control: new FakeControl(),
  host: '127.0.0.1',
  port: 0,
  allowedHosts: [],
  corsOrigins: [],
  followRedirects: false,
  fullProjectList: false,
  controlToken: 'bench'.repeat(10),
  keyFile: join(directory, 'api-keys.json'),
  version: '0',
  logger,
});
const constant = fastify();
const body = Buffer.alloc(middle(storedSizes), 'a');
constant.get('/*', (_request, reply) => reply.header('content-type', 'application/json').send(body));
const constantUrl = await constant.listen({ host: '127.0.0.1', port: 0 });

const ready: ServerReady = {
  url: server.url,
  constantUrl,
  titles,
  medianStoredBytes: body.length,
  medianRawBytes: middle(rawSizes),
};
console.log(JSON.stringify(ready));
await once(process.stdin.resume(), 'end');
await server.close();
await constant.close();
await store.close();
