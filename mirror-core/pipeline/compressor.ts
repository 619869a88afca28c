/** Who compresses: a pool of threads, or this thread where starting threads would cost more than the work. */
import { Worker } from 'node:worker_threads';
import type { Codec } from '../contracts/article.ts';
import { messageOf, MirrorError } from '../contracts/errors.ts';
import { type CompressedLines, compressLines, type LinePlaces } from './compress-lines.ts';
import type { RingMemory } from './ring.ts';

export interface CompressStart {
  readonly memory: RingMemory;
  readonly codec: Codec;
}

export interface CompressJob {
  readonly id: number;
  readonly places: LinePlaces;
}

export type CompressAnswer =
  { readonly id: number; readonly lines: CompressedLines } | { readonly id: number; readonly failure: string };

/** A finished job, or the reason why there is none. */
export type CompressDone = (id: number, outcome: CompressedLines | MirrorError) => void;

export interface Compressor {
  /** Whether a job given now would be worked on at once or next. */
  readonly hasCapacity: boolean;
  /** No job is being worked on. */
  readonly isIdle: boolean;
  submit(job: CompressJob): void;
  close(): Promise<void>;
}

/** Compresses within `submit`. */
export function createLocalCompressor(start: CompressStart, onDone: CompressDone): Compressor {
  const ring = Buffer.from(start.memory.bytes);
  return {
    hasCapacity: true,
    isIdle: true,
    submit: ({ id, places }) => onDone(id, compressLines(ring, places, start.codec)),
    close: () => Promise.resolve(),
  };
}

/** One job in work and one waiting, so that no thread idles while its answer travels. */
const JOBS_PER_WORKER = 2;

/** Jobs go to the thread with the fewest; answers come in any order. */
export function createCompressorPool(start: CompressStart, workerCount: number, onDone: CompressDone): Compressor {
  const open: Set<number>[] = [];
  let isClosed = false;
  const url = new URL('./compress-worker' + (import.meta.url.endsWith('.ts') ? '.ts' : '.js'), import.meta.url);
  const workers = Array.from({ length: workerCount }, (_, index) => {
    const jobs = new Set<number>();
    open.push(jobs);
    const worker = new Worker(url, {
      workerData: start,
      name: `compress-${index}`,
      resourceLimits: { maxYoungGenerationSizeMb: 1 },
    });
    const finish = (id: number, outcome: CompressedLines | MirrorError): void => {
      if (jobs.delete(id) && !isClosed) onDone(id, outcome);
    };
    const failAll = (message: string): void => {
      for (const id of [...jobs]) finish(id, new MirrorError('INTERNAL', message));
    };
    worker.on('message', (answer: CompressAnswer) => {
      if ('lines' in answer) finish(answer.id, answer.lines);
      else finish(answer.id, new MirrorError('INTERNAL', `compressing failed: ${answer.failure}`));
    });
    worker.on('error', (error) => failAll(`a compressing thread failed: ${messageOf(error)}`));
    worker.on('exit', (code) => failAll(`a compressing thread ended with code ${code}`));
    return worker;
  });
  const leastLoaded = (): number => {
    let best = 0;
    for (let index = 1; index < open.length; index += 1) {
      if ((open[index]?.size ?? 0) < (open[best]?.size ?? 0)) best = index;
    }
    return best;
  };
  return {
    get hasCapacity() {
      return (open[leastLoaded()]?.size ?? 0) < JOBS_PER_WORKER;
    },
    get isIdle() {
      return open.some((jobs) => jobs.size === 0);
    },
    submit: (job) => {
      const index = leastLoaded();
      open[index]?.add(job.id);
      workers[index]?.postMessage(job, [job.places.buffer as ArrayBuffer]);
    },
    close: async () => {
      isClosed = true;
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}
