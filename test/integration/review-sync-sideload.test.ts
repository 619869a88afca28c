import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { SideloadWatch } from '../../mirror-core/sync/sideload/sideload-watch.ts';
import { dataset, eventually, logger, startRig, type Rig } from './harness.ts';

let rig: Rig;
afterEach(async () => {
  await rig.close();
});

it('tells that a dropped file is gone before it could be loaded, and goes on', async () => {
  rig = await startRig({});
  const { mirror } = rig.mirror;
  const folder = join(rig.data, 'sideload');
  const path = join(folder, 'gone.ndjson');
  const watch = await SideloadWatch.start({
    dataDirectory: rig.data,
    events: mirror.events,
    logger,
    settledAfterMs: 100,
    control: {
      importRecords: async (request: Parameters<typeof mirror.importRecords>[0]) => {
        await rm(path, { force: true });
        return mirror.importRecords(request);
      },
    } as unknown as typeof mirror,
  });
  await writeFile(path, '{}\n');
  await eventually(
    'the failure to be told',
    () =>
      mirror.events.since(0).events.some((event) => event.type === 'sideload.failed' && event.message.includes('moved')) ||
      undefined,
  );
  await watch.close();
});

it('makes a dataset once that is asked for twice at the same time', async () => {
  rig = await startRig({});
  const { mirror } = rig.mirror;
  const id = dataset('practiceenwiki_namespace_0');
  await mirror.start();
  await Promise.all([mirror.follow([id]), mirror.follow([id])]);
  await eventually('it to be live', async () => (await mirror.dataset(id)).state.kind === 'live' || undefined);
  expect(
    mirror.events.since(0).events.filter((event) => event.type === 'dataset.state' && event.message.endsWith('idle → planning')),
  ).toHaveLength(1);
});
