import { afterEach, describe, expect, it } from 'vitest';
import { dataset, equalToTruth, eventually, startRig, statusOf, type Rig } from './harness.ts';

const EN = 'practiceenwiki_namespace_0';

describe('a mirror of the practice upstream', () => {
  let rig: Rig | undefined;
  afterEach(async () => {
    await rig?.close();
    rig = undefined;
  });

  it('bootstraps from chunks, goes live, and follows edits, moves, deletions and visibility to equality', async () => {
    rig = await startRig({});
    await rig.mirror.mirror.start([dataset(EN)]);
    const running = rig;
    await eventually('live', async () => (await statusOf(running.mirror, EN))?.state.kind === 'live' || undefined);
    await equalToTruth(rig, EN);
    for (const action of ['edit', 'create', 'move', 'delete', 'undelete', 'hide', 'unhide', 'edit'] as const) {
      await rig.practice.act({ action, project: 'practiceenwiki', count: 5 });
    }
    await equalToTruth(rig, EN);
    const status = await statusOf(rig.mirror, EN);
    expect(status?.quarantined).toBe(0);
    expect(status?.gaps).toEqual([]);
  });
});
