/**
 * A client in a process of its own. Its standard input is one JSON object: where to ask, what, how long and over how many
 * connections. Prints what it counted.
 */
import { text } from 'node:stream/consumers';
import { Pool } from 'undici';
import { percentile } from './samples.ts';

export interface ClientOrder {
  readonly url: string;
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly connections: number;
}

export interface ClientSample {
  readonly requestsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const order = JSON.parse(await text(process.stdin)) as ClientOrder;
const pool = new Pool(order.url, { connections: order.connections });
const times: number[] = [];
let bytes = 0;
let next = 0;

async function askUntil(end: number, isCounted: boolean): Promise<void> {
  while (performance.now() < end) {
    const path = order.paths[next % order.paths.length] ?? '/';
    next += 1;
    const start = performance.now();
    const { statusCode, body } = await pool.request({ path, method: 'GET', headers: order.headers });
    let size = 0;
    for await (const chunk of body) size += (chunk as Uint8Array).length;
    if (statusCode !== 200) throw new Error(`${path} answered ${statusCode}`);
    if (!isCounted) continue;
    bytes += size;
    times.push(performance.now() - start);
  }
}

async function askTogether(seconds: number, isCounted: boolean): Promise<number> {
  const start = performance.now();
  await Promise.all(Array.from({ length: order.connections }, () => askUntil(start + 1000 * seconds, isCounted)));
  return (performance.now() - start) / 1000;
}

await askTogether(order.seconds / 4, false);
const seconds = await askTogether(order.seconds, true);
await pool.close();
const sample: ClientSample = {
  requestsPerSecond: times.length / seconds,
  megabytesPerSecond: bytes / 1e6 / seconds,
  p50Ms: percentile(times, 0.5),
  p99Ms: percentile(times, 0.99),
};
console.log(JSON.stringify(sample));
