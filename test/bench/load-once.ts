/**
 * One load in a process of its own, so that its time, processor time and memory are its own too.
 * Arguments: the article file, an empty directory, `pipeline` or `store`, and the codec. Prints one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { Change } from '../../mirror-core/contracts/store-port.ts';
import type { ReadSummary, RecordBatch } from '../../mirror-core/pipeline/read-records.ts';
import type { LoadSample } from './samples.ts';

// The build, not the sources: stripping types in every thread costs memory that the product does not use.
const core = new URL('../../dist/mirror-core/', import.meta.url).href;
const { readRecords } = (await import(
  `${core}pipeline/read-records.js`
)) as typeof import('../../mirror-core/pipeline/read-records.ts');
const { DEFAULT_CODEC } = (await import(`${core}records/codec.js`)) as typeof import('../../mirror-core/records/codec.ts');
const { MirrorStore } = (await import(
  `${core}store/mirror-store.js`
)) as typeof import('../../mirror-core/store/mirror-store.ts');
const { datasetId } = (await import(
  `${core}contracts/identifiers.js`
)) as typeof import('../../mirror-core/contracts/identifiers.ts');

/** As the sync engine does (mirror-core/sync/snapshot/load.ts). */
const COMMIT_BYTES = 4 * 1024 * 1024;

async function run(
  batches: AsyncGenerator<RecordBatch, ReadSummary>,
  take: (batch: RecordBatch) => Promise<void>,
): Promise<ReadSummary> {
  for (;;) {
    const step = await batches.next();
    if (step.done === true) return step.value;
    await take(step.value);
  }
}

/** Bytes this process had the kernel write to disk; 0 where the system does not say. */
function writtenBytes(): number {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

const { positionals } = parseArgs({ allowPositionals: true });
const [path, directory, mode] = positionals;
if (path === undefined || directory === undefined) throw new Error('usage: load-once ARCHIVE DIRECTORY pipeline|store');

let storedBytes = 0;
let slowestBatchMs = 0;
const start = performance.now();
const startCpu = process.cpuUsage();
const batches = readRecords(
  { path, name: path },
  {
    codec: DEFAULT_CODEC,
    signal: new AbortController().signal,
    onBadLine: (bad) => {
      throw new Error(`line ${bad.line} of the corpus is bad: ${bad.reason}`);
    },
  },
);

async function loadStore(into: string): Promise<ReadSummary> {
  const store = await MirrorStore.open({
    directory: into,
    upstreamAddress: 'http://127.0.0.1/bench',
    isPractice: true,
    logger: pino({ level: 'silent' }),
  });
  const first = await batches.next();
  if (first.done === true) throw new Error('the corpus has no records');
  const keys = first.value.records[0]?.keys;
  if (keys === undefined) throw new Error('the corpus has no records');
  const dataset = await store.create(datasetId(keys.project, keys.namespaceId));
  const generation = await dataset.beginGeneration();
  const take = async ({ records }: RecordBatch): Promise<void> => {
    const batchStart = performance.now();
    for (const record of records) storedBytes += record.stored.length;
    await dataset.stage(records.map((record): Change => ({ kind: 'record', record, source: 'snapshot', generation })));
    if (dataset.stagedBytes >= COMMIT_BYTES) await dataset.commit();
    slowestBatchMs = Math.max(slowestBatchMs, performance.now() - batchStart);
  };
  await take(first.value);
  const summary = await run(batches, take);
  await dataset.commit({ load: { records: summary.records } });
  const { live } = dataset.stats();
  await store.close();
  if (live > summary.records || live < summary.records * 0.9)
    throw new Error(`${summary.records} records were read and ${live} are stored`);
  return summary;
}

const summary =
  mode === 'pipeline'
    ? await run(batches, ({ records }) => {
        for (const record of records) storedBytes += record.stored.length;
        return Promise.resolve();
      })
    : await loadStore(directory);
const cpu = process.cpuUsage(startCpu);
const sample: LoadSample = {
  seconds: (performance.now() - start) / 1000,
  cpuSeconds: (cpu.user + cpu.system) / 1e6,
  peakBytes: process.resourceUsage().maxRSS * 1024,
  records: summary.records,
  rawBytes: summary.rawBytes,
  archiveBytes: summary.compressedBytes,
  storedBytes,
  writtenBytes: writtenBytes(),
  slowestBatchMs,
};
console.log(JSON.stringify(sample));
