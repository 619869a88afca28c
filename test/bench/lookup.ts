/** Look-ups per second over HTTP of random titles, against the same framework sending a constant buffer of like size. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { writeCorpus } from '../../mirror-core/practice/corpus.ts';
import type { ClientOrder, ClientSample } from './lookup-client.ts';
import type { ServerReady } from './lookup-server.ts';
import { describeMachine } from './machine.ts';
import { median } from './samples.ts';

export interface LookupSettings {
  readonly directory: string;
  readonly dataset: string;
  readonly rounds: number;
  /** Length of one measurement. */
  readonly seconds: number;
}

const CORPUS_BYTES = 120_000_000;
const CONNECTIONS = 8;

async function runClient(order: ClientOrder): Promise<ClientSample> {
  const client = spawn(process.execPath, [fileURLToPath(new URL('./lookup-client.ts', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  client.stdin.end(JSON.stringify(order));
  const [output] = await Promise.all([text(client.stdout), once(client, 'close')]);
  if (client.exitCode !== 0) throw new Error(`the client ended with ${client.exitCode ?? 'a signal'}`);
  return JSON.parse(output) as ClientSample;
}

/** Every title, in an order that has nothing to do with the one they were stored in; the same each time. */
function scattered(titles: readonly string[]): string[] {
  return titles
    .map((title, index) => ({ title, rank: (Math.imul(index + 1, 2_654_435_761) >>> 0) % 1_000_003 }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ title }) => title);
}

/** Measures each way of asking in turn, `rounds` times, prints a table and returns all figures. */
export async function benchLookup({ directory, dataset, rounds, seconds }: LookupSettings): Promise<unknown> {
  const folder = await mkdtemp(join(directory, 'lookup-'));
  const archive = join(folder, 'corpus.tar.gz');
  await writeCorpus({ path: archive, rawBytes: CORPUS_BYTES, dataset });
  const server = spawn(
    process.execPath,
    [fileURLToPath(new URL('./lookup-server.ts', import.meta.url)), archive, folder, dataset],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  try {
    const [line] = (await Promise.race([
      once(createInterface(server.stdout), 'line'),
      once(server, 'close').then(() => Promise.reject(new Error('the server ended before it listened'))),
    ])) as [string];
    const ready = JSON.parse(line) as ServerReady;
    const paths = scattered(ready.titles).map((title) => `/v2/articles/${encodeURIComponent(title)}`);
    const identity = { 'accept-encoding': 'identity' };
    const ways: Record<string, Omit<ClientOrder, 'seconds' | 'connections'>> = {
      'constant buffer': { url: ready.constantUrl, paths: ['/'], headers: identity },
      'as stored (zstd)': { url: ready.url, paths, headers: { 'accept-encoding': 'zstd' } },
      identity: { url: ready.url, paths, headers: identity },
      'three fields': { url: ready.url, paths: paths.map((path) => `${path}?fields=name,url,version`), headers: identity },
    };
    const samples: Record<string, ClientSample[]> = {};
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, way] of Object.entries(ways))
        (samples[name] ??= []).push(await runClient({ ...way, seconds, connections: CONNECTIONS }));
    }
    const machine = describeMachine(directory);
    const rate = (name: string): number => median((samples[name] ?? []).map((sample) => sample.requestsPerSecond));
    const ceiling = rate('constant buffer');
    console.log(
      `look-ups of ${ready.titles.length} titles, median ${ready.medianRawBytes} bytes (${ready.medianStoredBytes} stored), ` +
        `one client process, ${CONNECTIONS} connections; medians of ${rounds} rounds in turn`,
    );
    for (const [name, list] of Object.entries(samples)) {
      const of = (pick: (sample: ClientSample) => number, digits: number): string => median(list.map(pick)).toFixed(digits);
      console.log(
        `${name.padEnd(18)}${rate(name).toFixed(0).padStart(7)} /s  ${(rate(name) / ceiling).toFixed(2).padStart(5)} of the constant buffer  ` +
          `p50 ${of((sample) => sample.p50Ms, 2)} ms  p99 ${of((sample) => sample.p99Ms, 2)} ms  ${of((sample) => sample.megabytesPerSecond, 0)} MB/s`,
      );
    }
    console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}, ${machine.date}`);
    return { benchmark: 'lookup', machine, command: process.argv.slice(1).join(' '), samples };
  } finally {
    server.stdin.end();
    if (server.exitCode === null) await once(server, 'close');
  }
}
