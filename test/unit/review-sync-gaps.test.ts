import { describe, expect, it } from 'vitest';
import type { CheckpointPatch, DatasetWriter } from '../../mirror-core/contracts/store-port.ts';
import { parseUpstreamTime, type UpstreamTime } from '../../mirror-core/contracts/upstream-time.ts';
import { openGap, readGaps } from '../../mirror-core/sync/gaps.ts';

function at(text: string): UpstreamTime {
  const time = parseUpstreamTime(text);
  if (time === undefined) throw new Error(`${text} is not a time`);
  return time;
}

/** Checkpoints are all that gaps need of a store. */
function checkpointsAlone(values: Record<string, unknown> = {}): DatasetWriter {
  const store: Pick<DatasetWriter, 'checkpoint' | 'commit'> = {
    checkpoint: (name) => Promise.resolve(values[name]),
    commit: (patch: CheckpointPatch = {}) => {
      Object.assign(values, patch);
      return Promise.resolve();
    },
  };
  return store as DatasetWriter;
}

const DAY = (day: number): UpstreamTime => at(`2026-03-0${day}T00:00:00Z`);

async function stretches(store: DatasetWriter): Promise<string[]> {
  return (await readGaps(store)).map((gap) => `${gap.from.slice(8, 10)}-${gap.until.slice(8, 10)}`);
}

describe('gaps that touch', () => {
  it('become as long as both, whichever was found first', async () => {
    const store = checkpointsAlone();
    await openGap(store, { cause: 'position-expired', from: DAY(3), until: DAY(5) }, 0);
    await openGap(store, { cause: 'position-expired', from: DAY(2), until: DAY(4) }, 0);
    expect(await stretches(store)).toEqual(['02-05']);
    await openGap(store, { cause: 'position-expired', from: DAY(5), until: DAY(6) }, 0);
    expect(await stretches(store)).toEqual(['02-06']);
  });

  it('are not made of stretches with time between them, in either order', async () => {
    const store = checkpointsAlone();
    await openGap(store, { cause: 'snapshot-too-old', from: DAY(4), until: DAY(5) }, 0);
    await openGap(store, { cause: 'snapshot-too-old', from: DAY(1), until: DAY(2) }, 0);
    await openGap(store, { cause: 'snapshot-too-old', from: DAY(7), until: DAY(8) }, 0);
    expect((await stretches(store)).sort()).toEqual(['01-02', '04-05', '07-08']);
  });

  it('are kept apart when a loaded generation is about to close the older one', async () => {
    const store = checkpointsAlone();
    const { gap } = await openGap(store, { cause: 'snapshot-too-old', from: DAY(1), until: DAY(3) }, 0);
    await store.commit({ healing: [gap.id] });
    const later = await openGap(store, { cause: 'snapshot-too-old', from: DAY(3), until: DAY(4) }, 0);
    expect(later.isNew).toBe(true);
    expect(await stretches(store)).toEqual(['01-03', '03-04']);
  });
});
