import { ClassicLevel } from 'classic-level';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { apply, key, newDataset, problemsOf, record } from './store-setup.ts';

/** What LevelDB reports when the disk is full. */
function diskFull(): Error {
  return Object.assign(new Error('IO error: 000005.log: No space left on device'), { code: 'LEVEL_IO_ERROR' });
}

/** Makes the nth batch of any database fail from now on (counted from 1), before or after it was really written. */
function failBatch(nth: number, when: 'before' | 'after', error: Error = diskFull()): void {
  const original = Reflect.get(ClassicLevel.prototype, 'batch') as (...args: unknown[]) => Promise<void>;
  let calls = 0;
  const failing = async function (this: unknown, ...args: unknown[]): Promise<void> {
    calls += 1;
    if (calls !== nth) return original.apply(this, args);
    if (when === 'after') await original.apply(this, args);
    throw error;
  };
  vi.spyOn(ClassicLevel.prototype, 'batch').mockImplementation(failing as never);
}

afterEach(() => void vi.restoreAllMocks());

const A = record({ name: 'A', page: 1, redirects: ['R'] });
const B = record({ name: 'B', page: 2 });

describe('a write that fails', () => {
  it.each([
    ['the bodies', 1, 'before'],
    ['the bodies, though they were written', 1, 'after'],
    ['the index', 2, 'before'],
  ] as const)('at %s leaves nothing of the batch in the index, and can be repeated', async (_, nth, when) => {
    const { dataset } = await newDataset();
    await apply(dataset, record({ name: 'First', page: 9 }));
    await dataset.stage([A, B]);
    const staged = dataset.stagedBytes;
    failBatch(nth, when);
    await expect(dataset.commit({ position: 1 })).rejects.toMatchObject({ code: 'NO_SPACE', retryable: true });
    vi.restoreAllMocks();
    expect(await dataset.entry(key('A'))).toBeUndefined();
    expect(await dataset.checkpoint('position')).toBeUndefined();
    expect(dataset.stats().live).toBe(1);
    expect(dataset.stagedBytes).toBe(staged);
    await dataset.commit({ position: 1 });
    expect(dataset.stats().live).toBe(3);
    expect(await dataset.checkpoint('position')).toBe(1);
    expect(await dataset.redirectTargets(key('R'))).toEqual(['A']);
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('after the index batch got in all the same is not applied twice', async () => {
    const { dataset } = await newDataset();
    await dataset.stage([A, B]);
    dataset.putQuarantine({ source: 's', line: 1, reason: 'r', bytes: 1, sha256: '', excerpt: '' });
    failBatch(2, 'after', Object.assign(new Error('IO error: fsync failed'), { code: 'LEVEL_IO_ERROR' }));
    await expect(dataset.commit()).rejects.toMatchObject({ code: 'STORE_IO' });
    vi.restoreAllMocks();
    await dataset.commit();
    expect(dataset.stats()).toMatchObject({ live: 2, quarantined: 1 });
    expect(dataset.stagedBytes).toBe(0);
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('does not forget what is said in between', async () => {
    const { dataset } = await newDataset();
    await dataset.stage([A]);
    failBatch(1, 'before');
    await expect(dataset.commit()).rejects.toMatchObject({ code: 'NO_SPACE' });
    vi.restoreAllMocks();
    dataset.putQuarantine({ source: 's', line: 1, reason: 'r', bytes: 1, sha256: '', excerpt: '' });
    await dataset.stage([B]);
    await dataset.commit();
    expect(dataset.stats()).toMatchObject({ live: 2, quarantined: 1 });
    expect(await problemsOf(dataset)).toEqual([]);
  });

  it('of the housekeeping does not touch what is staged', async () => {
    const { dataset } = await newDataset();
    await dataset.stage([A]);
    failBatch(1, 'before');
    await expect(dataset.beginGeneration()).rejects.toMatchObject({ code: 'NO_SPACE' });
    vi.restoreAllMocks();
    expect(await dataset.beginGeneration()).toBe(1);
    await dataset.commit();
    expect(dataset.stats().live).toBe(1);
    expect(await problemsOf(dataset)).toEqual([]);
  });
});
