/**
 * Writes to a dataset until it kills itself, at a moment given by the caller, wherever it is then. Says on standard output what it
 * has been told is durable. Arguments: data directory, delay of the kill in ms.
 */
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import { MirrorStore } from '../../mirror-core/store/mirror-store.ts';
import { changesOfStep, CRASH_DATASET } from './store-crash-steps.ts';

const [directory = '', killAfterMs = '0'] = process.argv.slice(2);
const logger = pino({ level: 'silent' });
const store = await MirrorStore.open({
  directory,
  upstreamAddress: 'https://upstream.example',
  isPractice: false,
  logger,
  eraseDelayMs: 0,
});
const dataset = await store.create(CRASH_DATASET);
let step = Number((await dataset.checkpoint('step')) ?? 0);

setTimeout(() => process.kill(process.pid, 'SIGKILL'), Number(killAfterMs));
for (;;) {
  step += 1;
  await dataset.stage(changesOfStep(step));
  await dataset.commit({ step });
  writeSync(1, `${step}\n`);
  if (step % 5 === 0) await dataset.erase({ superseded: step % 10 === 0 });
}
