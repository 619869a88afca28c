/** Load rate: from an archive on disk to a store that answers, against `zcat | wc -c` of the same file in the same run. */
import { describeMachine } from './machine.ts';
import { runLoad, runZcat } from './children.ts';
import { median } from './samples.ts';

export interface LoadSettings {
  readonly archive: string;
  readonly directory: string;
  readonly rounds: number;
}

function row(
  name: string,
  seconds: readonly number[],
  cpu: readonly number[],
  zcat: readonly number[],
  zcatCpu: readonly number[],
): string {
  const ratios = seconds.map((value, round) => value / (zcat[round] ?? NaN));
  const cells = [
    name.padEnd(22),
    `${median(seconds).toFixed(2)} s`.padStart(9),
    `${median(ratios).toFixed(2)} Z`.padStart(8),
    `${(1 / median(ratios)).toFixed(2)} of zcat's rate`.padStart(22),
    `CPU ${(median(cpu) / median(zcatCpu)).toFixed(2)} Z`.padStart(12),
  ];
  return cells.join('  ');
}

/** Runs the three in turn, `rounds` times, prints a table and returns all figures. */
export async function benchLoad({ archive, directory, rounds }: LoadSettings): Promise<unknown> {
  // Once beforehand, so that all rounds find the file in the page cache.
  const { bytes } = await runZcat(archive);
  const samples = { zcat: [], pipeline: [], store: [] } as {
    zcat: Awaited<ReturnType<typeof runZcat>>[];
    pipeline: Awaited<ReturnType<typeof runLoad>>[];
    store: Awaited<ReturnType<typeof runLoad>>[];
  };
  for (let round = 0; round < rounds; round += 1) {
    samples.zcat.push(await runZcat(archive));
    samples.pipeline.push(await runLoad(archive, directory, 'pipeline'));
    samples.store.push(await runLoad(archive, directory, 'store'));
  }
  const machine = describeMachine(directory);
  const seconds = (list: readonly { seconds: number }[]): number[] => list.map((sample) => sample.seconds);
  const cpu = (list: readonly { cpuSeconds: number }[]): number[] => list.map((sample) => sample.cpuSeconds);
  const [zcat, zcatCpu] = [seconds(samples.zcat), cpu(samples.zcat)];
  const last = samples.store.at(-1);
  console.log(
    `load of ${(bytes / 1e6).toFixed(0)} MB unpacked, ${last?.records ?? 0} records; Z is the time of zcat | wc -c; medians of ${rounds} rounds in turn`,
  );
  console.log(row('zcat FILE | wc -c', zcat, zcatCpu, zcat, zcatCpu));
  console.log(row('pipeline alone', seconds(samples.pipeline), cpu(samples.pipeline), zcat, zcatCpu));
  console.log(row('pipeline and store', seconds(samples.store), cpu(samples.store), zcat, zcatCpu));
  if (last !== undefined) {
    const perStored = last.writtenBytes / last.storedBytes;
    console.log(
      `stored ${(last.storedBytes / last.archiveBytes).toFixed(2)} x the archive, written ${perStored.toFixed(2)} x the stored bytes, ` +
        `slowest batch ${Math.max(...samples.store.map((sample) => sample.slowestBatchMs)).toFixed(0)} ms, ` +
        `peak memory ${(Math.max(...samples.store.map((sample) => sample.peakBytes)) / 1e6).toFixed(0)} MB`,
    );
  }
  console.log(
    `${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}, ${machine.gzip}, ${machine.date}`,
  );
  const ratio = median(samples.store.map((sample, round) => sample.seconds / (zcat[round] ?? NaN)));
  return { benchmark: 'load', machine, command: process.argv.slice(1).join(' '), ratio, samples };
}
