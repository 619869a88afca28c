/** Thread that unpacks one file into the ring. Blocks when the ring is full: that is the backpressure. */
import { parentPort, workerData } from 'node:worker_threads';
import { type FeedJob, openFile, runFeed } from './feed.ts';

const job = workerData as FeedJob;
await runFeed(
  openFile(job.path),
  job,
  (writer) => writer.waitForRoom(),
  (message) => parentPort?.postMessage(message),
);
