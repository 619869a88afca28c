import { afterEach, describe, expect, it, vi } from 'vitest';
import { startPractice } from '../../mirror-core/practice/server.ts';
import { dataset, differences, equalToTruth, eventually, startRig, statusOf, type Rig } from './harness.ts';

const EN = 'practiceenwiki_namespace_0';
const EN_CATEGORIES = 'practiceenwiki_namespace_14';
const AR = 'practicearwiki_namespace_0';

let rig: Rig;
// Every test here waits for several processes' worth of work; a machine busy with other things needs its time.
vi.setConfig({ testTimeout: 90_000 });
afterEach(async () => {
  await rig.close();
});

async function live(id: string): Promise<void> {
  await eventually(`${id} to be live`, async () => (await statusOf(rig.mirror, id))?.state.kind === 'live' || undefined);
}

describe('an account with the stream', () => {
  it('bootstraps from chunks, goes live, and follows edits, moves, deletions and visibility to equality', async () => {
    rig = await startRig({});
    await rig.mirror.mirror.start([dataset(EN)]);
    await live(EN);
    await equalToTruth(rig, EN);
    for (const action of [
      'edit',
      'double-edit',
      'create',
      'move',
      'delete',
      'undelete',
      'overtake',
      'replay',
      'hide',
      'edit',
    ] as const) {
      await rig.practice.act({ action, project: 'practiceenwiki', count: 5 });
    }
    await equalToTruth(rig, EN);
    const status = await statusOf(rig.mirror, EN);
    expect(status?.quarantined).toBe(0);
    expect(status?.gaps).toEqual([]);
  });

  it('applies what happens while the snapshot is being loaded', async () => {
    rig = await startRig({ practice: { editsPerSecond: 40 } });
    await rig.mirror.mirror.start([dataset(EN), dataset(AR)]);
    await live(EN);
    await live(AR);
    rig.practice.setRate(0);
    await equalToTruth(rig, EN);
    await equalToTruth(rig, AR);
  });

  it('shows hidden text again after it was erased, by asking upstream', async () => {
    rig = await startRig({});
    await rig.mirror.mirror.start([dataset(EN)]);
    await live(EN);
    const [deed] = await rig.practice.act({
      action: 'hide',
      project: 'practiceenwiki',
      visibility: { text: false, editor: false, comment: false },
    });
    await equalToTruth(rig, EN);
    await eventually('the bytes to be erased', async () => {
      const reader = await rig.mirror.mirror.reader.dataset(dataset(EN));
      for await (const row of reader!.manifest()) if (row.redacted === true) return true;
      return undefined;
    });
    await rig.practice.act({ action: 'unhide', project: 'practiceenwiki', title: deed!.title });
    await equalToTruth(rig, EN);
  });

  it('keeps two datasets of one project apart and adds one to a running stream', async () => {
    rig = await startRig({ practice: { editsPerSecond: 20 } });
    await rig.mirror.mirror.start([dataset(EN)]);
    await live(EN);
    await rig.mirror.mirror.add([dataset(EN_CATEGORIES), dataset(AR)]);
    await live(EN_CATEGORIES);
    await live(AR);
    rig.practice.setRate(0);
    for (const id of [EN, EN_CATEGORIES, AR]) await equalToTruth(rig, id);
  });

  it('continues after a restart from its checkpoints, without loading the snapshot again', async () => {
    rig = await startRig({});
    await rig.mirror.mirror.start([dataset(EN)]);
    await live(EN);
    const chunksBefore = (await rig.mirror.mirror.status()).quota.find((use) => use.kind === 'chunk')?.used;
    expect(chunksBefore).toBeGreaterThan(1);
    await rig.mirror.close();
    for (const action of ['edit', 'move', 'delete', 'create', 'hide'] as const) {
      await rig.practice.act({ action, project: 'practiceenwiki', count: 4 });
    }
    await rig.reopen();
    await rig.mirror.mirror.start();
    await equalToTruth(rig, EN);
    const status = await rig.mirror.mirror.status();
    expect(status.quota.find((use) => use.kind === 'chunk')?.used).toBe(chunksBefore);
  });

  it('continues an interrupted load where it was: no chunk that is applied is fetched again', async () => {
    rig = await startRig({ practice: { chunkBytes: 64 * 1024 } });
    const spent = async (): Promise<number> =>
      (await rig.mirror.mirror.status()).quota.find((use) => use.kind === 'chunk')?.used ?? 0;
    await rig.mirror.mirror.start([dataset(EN)]);
    await eventually('some chunks to be loaded', async () => (await spent()) >= 6 || undefined);
    expect((await statusOf(rig.mirror, EN))?.snapshotVersion).toBeNull();
    await rig.mirror.close();

    await rig.reopen();
    await rig.mirror.mirror.start();
    await live(EN);
    await equalToTruth(rig, EN);
    const chunks = await rig.mirror.upstream.chunks(dataset(EN));
    expect(chunks?.length).toBeGreaterThan(12);
    // The one being applied and the one being fetched ahead may be asked for twice.
    expect(await spent()).toBeLessThanOrEqual((chunks?.length ?? 0) + 2);
  });

  it('pauses, misses events, resumes beside a running stream, and misses nothing', async () => {
    rig = await startRig({});
    await rig.mirror.mirror.start([dataset(EN), dataset(AR)]);
    await live(EN);
    await live(AR);
    expect((await rig.mirror.mirror.pause(dataset(EN))).state).toEqual({ kind: 'paused', by: 'user' });
    await rig.practice.act({ action: 'edit', project: 'practiceenwiki', count: 10 });
    await rig.practice.act({ action: 'delete', project: 'practiceenwiki', count: 3 });
    await rig.practice.act({ action: 'edit', project: 'practicearwiki', count: 3 });
    await equalToTruth(rig, AR);
    expect((await differences(rig, EN)).length).toBeGreaterThan(0);
    await rig.mirror.mirror.resume(dataset(EN));
    await equalToTruth(rig, EN);
  });

  it('equals upstream again after a stop longer than the stream reaches back, and closes the gap only then', async () => {
    const retentionMs = 2500;
    rig = await startRig({
      practice: { retentionMs, flaws: { ghostRate: 0, duplicateRate: 0, holeRate: 0 } },
      config: { sync: { retentionHours: retentionMs / 3_600_000 } },
    });
    await rig.mirror.mirror.start([dataset(EN)]);
    await live(EN);
    await rig.practice.act({ action: 'edit', project: 'practiceenwiki', count: 3 });
    await equalToTruth(rig, EN);
    await rig.mirror.close();

    for (const action of ['edit', 'create', 'delete', 'move', 'delete'] as const) {
      await rig.practice.act({ action, project: 'practiceenwiki', count: 3 });
    }
    const expired = Date.now() + retentionMs + 500;
    await eventually('the events to expire', () => Date.now() > expired || undefined);
    await rig.reopen();
    await rig.mirror.mirror.start();
    await eventually(
      'the gap to be recorded',
      async () => (await statusOf(rig.mirror, EN))?.gaps.some((gap) => gap.closedAt === null) || undefined,
    );

    await rig.practice.exportSnapshots();
    await equalToTruth(rig, EN);
    await eventually('the gap to be closed', async () => {
      const gaps = (await statusOf(rig.mirror, EN))?.gaps ?? [];
      return (gaps.length > 0 && gaps.some((gap) => gap.cause === 'stream-retention' && gap.closedAt !== null)) || undefined;
    });
    await equalToTruth(rig, EN);
  });

  it('notices that a chunk set was replaced while it was read, and loads the new one', async () => {
    rig = await startRig({ practice: { exportStepMs: 40 } });
    await rig.practice.act({ action: 'edit', project: 'practiceenwiki', count: 10 });
    const exporting = rig.practice.exportSnapshots();
    await rig.mirror.mirror.start([dataset(EN)]);
    await exporting;
    await live(EN);
    await equalToTruth(rig, EN);
  });

  it('removes ghosts, and hides what was hidden before the snapshot, by sweeping for removals', async () => {
    rig = await startRig({ practice: { flaws: { ghostRate: 1, duplicateRate: 0.05, holeRate: 0 } } });
    await rig.practice.act({ action: 'delete', project: 'practiceenwiki', count: 12 });
    await rig.practice.act({ action: 'hide', project: 'practiceenwiki', count: 12 });
    await rig.practice.exportSnapshots();
    await rig.mirror.mirror.start([dataset(EN)]);
    await live(EN);
    await equalToTruth(rig, EN);
  });
});

describe('upstream that is away', () => {
  it('is waited for; pausing, removing and closing work meanwhile, and all goes on when it is back', async () => {
    rig = await startRig({});
    await rig.mirror.mirror.start([dataset(EN)]);
    await live(EN);
    await rig.mirror.close();
    const { port } = new URL(rig.practice.url);
    await rig.practice.close();

    await rig.reopen();
    await rig.mirror.mirror.start([dataset(AR)]);
    for (const id of [EN, AR]) {
      await eventually(`${id} to wait`, async () => (await statusOf(rig.mirror, id))?.state.kind === 'waiting' || undefined);
    }
    expect((await rig.mirror.mirror.status()).upstream.problem).toMatch(port);
    expect((await rig.mirror.mirror.pause(dataset(EN))).state.kind).toBe('paused');
    await rig.mirror.mirror.resume(dataset(EN));
    await rig.mirror.mirror.remove(dataset(AR));
    await rig.mirror.close();
    await rig.reopen();
  });
});

describe('what the account may do', () => {
  it('is asked again now and then, and a change of it changes the path', async () => {
    // It goes on: a stream counts as quiet only after a while.
    let ahead = 0;
    const clock = (): number => Date.now() + ahead;
    rig = await startRig({ practice: { account: 'free', now: clock }, now: clock });
    await rig.mirror.mirror.start([dataset(EN)]);
    await eventually('the schedule', async () => (await statusOf(rig.mirror, EN))?.state.kind === 'waiting' || undefined);
    const port = Number(new URL(rig.practice.url).port);
    await rig.practice.close();
    const upgraded = await startPractice({ directory: null, port, account: 'realtime', now: clock });
    try {
      ahead += 13 * 3_600_000;
      await rig.mirror.mirror.sync(dataset(EN));
      await live(EN);
      expect((await rig.mirror.mirror.status()).upstream.capabilities?.realtime).toBe(true);
    } finally {
      await rig.mirror.close();
      await upgraded.close();
      await rig.reopen();
    }
  });
});

describe('a free account', () => {
  it('loads snapshots, says as of when, and reconciles with the next generation', async () => {
    rig = await startRig({ practice: { account: 'free', flaws: { ghostRate: 0, duplicateRate: 0, holeRate: 0 } } });
    await rig.mirror.mirror.start([dataset(EN)]);
    await eventually('the schedule', async () => (await statusOf(rig.mirror, EN))?.state.kind === 'waiting' || undefined);
    const first = await statusOf(rig.mirror, EN);
    expect(first?.state).toMatchObject({ kind: 'waiting', for: 'schedule' });
    expect(first?.asOf).not.toBeNull();
    expect((await rig.mirror.mirror.status()).stream.state).toBe('off');
    await equalToTruth(rig, EN);

    for (const action of ['edit', 'create', 'delete', 'move'] as const) {
      await rig.practice.act({ action, project: 'practiceenwiki', count: 4 });
    }
    await rig.practice.exportSnapshots();
    await rig.mirror.mirror.sync(dataset(EN));
    await equalToTruth(rig, EN);
    expect((await statusOf(rig.mirror, EN))?.snapshotVersion).not.toBe(first?.snapshotVersion);
  });
});

describe('an account with batches', () => {
  it('is kept current by the hour', async () => {
    let clock = Date.now();
    const now = (): number => clock;
    rig = await startRig({ practice: { account: 'batches', now }, now });
    await rig.mirror.mirror.start([dataset(EN)]);
    await eventually('the schedule', async () => (await statusOf(rig.mirror, EN))?.state.kind === 'waiting' || undefined);
    for (const action of ['edit', 'create', 'delete', 'move', 'undelete'] as const) {
      await rig.practice.act({ action, project: 'practiceenwiki', count: 4 });
    }
    clock += 2 * 3_600_000;
    await rig.mirror.mirror.sync(dataset(EN));
    await equalToTruth(rig, EN);
    const status = await statusOf(rig.mirror, EN);
    expect(status?.gaps).toEqual([]);
    expect(Date.parse(status?.asOf ?? '')).toBeGreaterThan(clock - 2 * 3_600_000);
  });
});
