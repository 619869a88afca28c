import { afterEach, expect, it, vi } from 'vitest';
import { dataset, eventually, startRig, statusOf, type Rig } from './harness.ts';

const EN = 'practiceenwiki_namespace_0';
let rig: Rig;
vi.setConfig({ testTimeout: 60_000 });
afterEach(async () => {
  await rig.close();
});

async function stateBecomes(kind: string): Promise<void> {
  await eventually(`${EN} to be ${kind}`, async () => (await statusOf(rig.mirror, EN))?.state.kind === kind || undefined, 30_000);
}

it('goes on following the stream when resumed while the pause is not over yet', async () => {
  rig = await startRig({});
  const { mirror } = rig.mirror;
  await mirror.start([dataset(EN)]);
  await stateBecomes('live');
  const pausing = mirror.pause(dataset(EN));
  await eventually('the pause to begin', async () => (await statusOf(rig.mirror, EN))?.state.kind === 'paused' || undefined);
  await Promise.all([pausing, mirror.resume(dataset(EN))]);
  await stateBecomes('live');
});

it('leaves a running dataset alone that is told to resume', async () => {
  rig = await startRig({ config: { sync: { snapshotCheckMinutes: 60 } } });
  const { mirror } = rig.mirror;
  await mirror.start([dataset(EN)]);
  await stateBecomes('live');
  expect((await mirror.resume(dataset(EN))).state.kind).toBe('live');
});

it('does not follow upstream with a dataset of imports that is paused and resumed', async () => {
  rig = await startRig({});
  const { mirror } = rig.mirror;
  await mirror.start();
  const record = [...rig.practice.truth(EN)][0]?.record;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(`${JSON.stringify(record)}\n`));
  };
  await mirror.importRecords({ source: source(), sourceName: 'one.ndjson', signal: new AbortController().signal });
  await mirror.pause(dataset(EN));
  expect((await mirror.resume(dataset(EN))).state.kind).toBe('idle');
  expect((await mirror.dataset(dataset(EN))).articles).toBe(1);
});
