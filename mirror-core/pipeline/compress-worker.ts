/** Thread that compresses jobs of lines out of the ring. */
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../contracts/errors.ts';
import type { CompressAnswer, CompressJob, CompressStart } from './compressor.ts';
import { compressLines } from './compress-lines.ts';

const { memory, codec } = workerData as CompressStart;
const ring = Buffer.from(memory.bytes);

parentPort?.on('message', ({ id, places }: CompressJob) => {
  let answer: CompressAnswer;
  try {
    answer = { id, lines: compressLines(ring, places, codec) };
  } catch (error) {
    answer = { id, failure: messageOf(error) };
  }
  parentPort?.postMessage(answer, 'lines' in answer ? [answer.lines.bytes, answer.lines.ends.buffer as ArrayBuffer] : []);
});
