/** `kill -9` in every phase, over and over, against the real daemon: nothing lost, nothing undead, nothing damaged. */
import { rm } from 'node:fs/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { MirrorStatus } from '../../mirror-core/contracts/control-api.ts';
import { openMirror } from '../../mirror-core/host/compose.ts';
import { startPractice, type PracticeAction, type PracticeServer } from '../../mirror-core/practice/server.ts';
import { DaemonProcess } from './daemon-process.ts';
import { dataset, differences, eventually, logger, temporaryDirectory, testConfig } from './harness.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 });

const DATASETS = ['practiceenwiki_namespace_0', 'practicearwiki_namespace_0', 'practiceenwiki_namespace_14'];
const DEEDS: readonly PracticeAction[] = [
  'edit',
  'double-edit',
  'create',
  'move',
  'delete',
  'undelete',
  'overtake',
  'hide',
  'unhide',
  'replay',
];
/** Fixed, so that a failure can be run again. */
let seed = 20_260_301;
function random(): number {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed / 2_147_483_648;
}

let practice: PracticeServer;
let data: string;
let daemon: DaemonProcess | undefined;
afterEach(async () => {
  await daemon?.stop('SIGKILL');
  daemon = undefined;
  await practice.close();
  await rm(data, { recursive: true, force: true });
});

type Phase = 'starting' | 'bootstrapping' | 'catching-up' | 'live';

function isIn(phase: Phase, status: MirrorStatus | undefined): boolean {
  if (phase === 'starting') return true;
  if (status === undefined || status.datasets.length < DATASETS.length) return false;
  if (phase === 'live') return status.datasets.every(({ state }) => state.kind === 'live');
  // A phase that was over before it was seen counts as reached: the kill then hits the next one.
  return status.datasets.some(({ state }) => state.kind === phase || state.kind === 'live');
}

function start(): DaemonProcess {
  daemon = new DaemonProcess({
    data,
    practiceUrl: practice.url,
    datasets: DATASETS,
    env: { WIKIMIRROR_SYNC_SNAPSHOT_CHECK_MINUTES: '0.02' },
  });
  return daemon;
}

async function killIn(phase: Phase, act?: (running: DaemonProcess) => Promise<void>): Promise<void> {
  const running = start();
  await eventually(`the daemon to be ${phase}`, async () => {
    if (running.hasEnded) throw new Error(`the daemon ended by itself: ${running.log}`);
    return isIn(phase, phase === 'starting' ? undefined : await running.status()) || undefined;
  });
  await act?.(running);
  const killAt = performance.now() + random() * (phase === 'starting' ? 1200 : 250);
  await eventually('the moment to kill', () => performance.now() >= killAt || undefined);
  expect(await running.stop('SIGKILL')).toBe('SIGKILL');
}

async function deeds(count: number): Promise<void> {
  for (const project of ['practiceenwiki', 'practicearwiki']) {
    for (const action of DEEDS) await practice.act({ action, project, count });
  }
}

/** Lets the daemon finish in peace, then compares every title and checks every record. */
async function expectWhole(): Promise<void> {
  const nothingHappensAfter = Date.now();
  const running = start();
  await eventually('everything to be live', async () => isIn('live', await running.status()) || undefined);
  // Live means hardly behind. That all of it is applied is what "as of" claims, and what is held against the truth.
  await eventually('the mirror to claim that it is complete', async () => {
    const status = await running.status();
    return status?.datasets.every(({ asOf }) => asOf !== null && Date.parse(asOf) > nothingHappensAfter) || undefined;
  });
  await eventually(
    'no doubt to be left',
    async () => (await running.status())?.datasets.every(({ doubtful }) => doubtful === 0) || undefined,
  );
  // Ended cleanly and opened here: what lies on disk is what counts.
  expect(await running.stop('SIGTERM')).toBe(0);
  const config = testConfig(data, practice.url);
  const mirror = await openMirror(config, logger);
  try {
    for (const id of DATASETS) {
      expect(await differences({ practice, mirror }, id)).toEqual([]);
      const report = await mirror.mirror.verify(dataset(id), { signal: new AbortController().signal });
      expect(report).toMatchObject({ problems: 0, examples: [] });
      expect(report.checked).toBeGreaterThan(0);
    }
  } finally {
    await mirror.close();
  }
}

describe('a daemon that is killed', () => {
  it('while starting, loading and catching up, comes back to equality each time', async () => {
    data = await temporaryDirectory();
    practice = await startPractice({ directory: null, editsPerSecond: 10, streamThrottle: 60 });
    for (const phase of [
      'starting',
      'bootstrapping',
      'starting',
      'bootstrapping',
      'bootstrapping',
      'catching-up',
      'starting',
      'catching-up',
    ] as const) {
      await killIn(phase);
    }
    practice.setRate(0);
    await expectWhole();
  });

  it('while live events, removals and a second snapshot are applied, comes back to equality each time', async () => {
    data = await temporaryDirectory();
    practice = await startPractice({ directory: null });
    for (let round = 0; round < 4; round += 1) {
      await killIn('live', async () => deeds(3));
    }
    await deeds(2);
    await practice.exportSnapshots();
    for (let round = 0; round < 3; round += 1) {
      await killIn('live', async (running) => {
        await running.post(`/api/datasets/${DATASETS[round % DATASETS.length] ?? ''}/sync`);
        await deeds(1);
      });
    }
    await killIn('live', async (running) => {
      void running.delete(`/api/datasets/${DATASETS[2] ?? ''}`).catch((error: unknown) => {
        // The kill may cut the answer; what matters is the state afterwards.
        expect(error).toBeInstanceOf(Error);
      });
      await deeds(1);
    });
    await expectWhole();
  });

  it('stops cleanly within seconds on SIGINT and SIGTERM in any phase', async () => {
    data = await temporaryDirectory();
    practice = await startPractice({ directory: null, editsPerSecond: 20 });
    for (const [phase, signal] of [
      ['bootstrapping', 'SIGINT'],
      ['catching-up', 'SIGTERM'],
      ['live', 'SIGINT'],
    ] as const) {
      const running = start();
      await eventually(`the daemon to be ${phase}`, async () => isIn(phase, await running.status()) || undefined);
      const before = performance.now();
      const code = await running.stop(signal);
      expect(performance.now() - before).toBeLessThan(5000);
      expect([0, 130]).toContain(code);
    }
    practice.setRate(0);
    await expectWhole();
  });
});
