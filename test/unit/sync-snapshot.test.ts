import { describe, expect, it } from 'vitest';
import { parseDatasetId } from '../../mirror-core/contracts/identifiers.ts';
import type { SnapshotInfo } from '../../mirror-core/contracts/wme.ts';
import { chunkSetProblem, isSameGeneration, planChunks, planWhole } from '../../mirror-core/sync/snapshot/plan.ts';
import { boundsOf } from '../../mirror-core/sync/snapshot/start-point.ts';

const ID = parseDatasetId('simplewiki_namespace_0')!.id;
const chunk = (number: number, more: Partial<SnapshotInfo> = {}): SnapshotInfo => ({
  identifier: `simplewiki_namespace_0_chunk_${number}`,
  version: `md5-of-${number}`,
  date_modified: '2026-03-01T02:00:00.5Z',
  size: { value: 1.5, unit_text: 'MB' },
  ...more,
});
const snapshot = (chunks: readonly number[], more: Partial<SnapshotInfo> = {}): SnapshotInfo => ({
  identifier: ID,
  version: 'md5-of-all',
  date_modified: '2026-03-01T02:14:07.512093481Z',
  chunks: chunks.map((number) => `simplewiki_namespace_0_chunk_${number}`),
  ...more,
});

describe('a chunk set is one generation (contract §7.3)', () => {
  it('accepts a whole set in any order', () => {
    expect(chunkSetProblem(snapshot([1, 0, 2]), [chunk(2), chunk(0), chunk(1)])).toBeUndefined();
  });
  it.each<[string, SnapshotInfo, SnapshotInfo[]]>([
    ['a chunk is missing', snapshot([0, 1]), [chunk(0)]],
    ['a chunk is not in the list', snapshot([0]), [chunk(0), chunk(1)]],
    ['a chunk comes twice', snapshot([0, 1]), [chunk(0), chunk(0)]],
    ['another chunk in place of the listed one', snapshot([0, 1]), [chunk(0), chunk(2)]],
    ['no checksum yet', snapshot([0]), [{ identifier: 'simplewiki_namespace_0_chunk_0', date_modified: '2026-03-01T02:00:00Z' }]],
    ['a chunk is newer than the snapshot', snapshot([0, 1]), [chunk(0), chunk(1, { date_modified: '2026-03-01T03:00:00Z' })]],
    ['chunks of different days', snapshot([0, 1]), [chunk(0), chunk(1, { date_modified: '2026-02-27T02:00:00Z' })]],
  ])('refuses: %s', (_name, info, chunks) => {
    expect(chunkSetProblem(info, chunks)).toMatch(/\w+/);
  });

  it('plans chunks in number order with their checksums and sizes', () => {
    const plan = planChunks(ID, snapshot([0, 1, 10]), [chunk(10), chunk(1), chunk(0)]);
    expect(plan.files.map((file) => [file.md5, file.sizeBytes])).toEqual([
      ['md5-of-0', 1_500_000],
      ['md5-of-1', 1_500_000],
      ['md5-of-10', 1_500_000],
    ]);
    expect(plan.totalBytes).toBe(4_500_000);
  });

  it('notices any file of another generation', () => {
    const plan = planChunks(ID, snapshot([0, 1]), [chunk(0), chunk(1)]);
    expect(isSameGeneration(plan, planChunks(ID, snapshot([0, 1]), [chunk(1), chunk(0)]))).toBe(true);
    expect(isSameGeneration(plan, planChunks(ID, snapshot([0, 1]), [chunk(0), chunk(1, { version: 'new' })]))).toBe(false);
    expect(isSameGeneration(plan, planChunks(ID, snapshot([0, 1], { version: 'new' }), [chunk(0), chunk(1)]))).toBe(false);
    expect(isSameGeneration(plan, planWhole(ID, snapshot([0, 1])))).toBe(false);
  });
});

describe('where the stream starts after a snapshot (contract §15.3)', () => {
  const hour = 3600;
  it('is one hour before the newest published event', () => {
    expect(boundsOf({ seconds: 100 * hour, nanos: 5 }, 101 * hour * 1000)).toEqual({
      exportedAfter: { seconds: 100 * hour, nanos: 5 },
      since: { seconds: 99 * hour, nanos: 5 },
    });
  });
  it('is seven hours before the first member was closed, for a wiki where nothing happened for long', () => {
    expect(boundsOf({ seconds: 10 * hour, nanos: 0 }, 100 * hour * 1000)?.since).toEqual({ seconds: 93 * hour, nanos: 0 });
    expect(boundsOf(undefined, 100 * hour * 1000)?.since).toEqual({ seconds: 93 * hour, nanos: 0 });
  });
  it('is not guessed when the file says nothing', () => {
    expect(boundsOf(undefined, undefined)).toBeUndefined();
    expect(boundsOf(undefined, 0)).toBeUndefined();
  });
});
