/** Peak memory of a load of 2 GB, unpacked, with lines of 20 MiB among them. */
import { runLoad } from './children.ts';
import { describeMachine } from './machine.ts';

const AIM_BYTES = 400_000_000;

export async function benchMemory({
  archive,
  directory,
}: {
  readonly archive: string;
  readonly directory: string;
}): Promise<unknown> {
  // As glibc sets it, each of some ten threads keeps its own reserve of freed memory.
  const env = { MALLOC_ARENA_MAX: '2' };
  const sample = await runLoad(archive, directory, 'store', env);
  const machine = describeMachine(directory);
  console.log(
    `peak resident memory ${(sample.peakBytes / 1e6).toFixed(0)} MB (aim: under ${AIM_BYTES / 1e6} MB) loading ${(sample.rawBytes / 1e6).toFixed(0)} MB ` +
      `of records, ${sample.records} of them, in ${sample.seconds.toFixed(1)} s, with MALLOC_ARENA_MAX=2`,
  );
  console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.system}, Node ${machine.node}, ${machine.date}`);
  return { benchmark: 'memory', machine, env, sample };
}
