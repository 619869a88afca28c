import { describe, expect, it, vi } from 'vitest';
import { MirrorError } from '../../mirror-core/contracts/errors.ts';
import type { DatasetId } from '../../mirror-core/contracts/identifiers.ts';
import type { KeyValuePort } from '../../mirror-core/contracts/store-port.ts';
import { decodeMeta, encodeMeta, newMeta, statsOf } from '../../mirror-core/store/dataset-meta.ts';
import { isLocked, storeError } from '../../mirror-core/store/level-errors.ts';
import { LicenseTable } from '../../mirror-core/store/license-table.ts';
import { SequenceAllocator } from '../../mirror-core/store/sequence-allocator.ts';
import { memoryKeyValues } from '../support/memory-key-values.ts';

const ID = 'testwiki_namespace_0' as DatasetId;

function levelError(code: string, cause?: string): Error {
  return Object.assign(new Error('Database failed', cause === undefined ? undefined : { cause: new Error(cause) }), { code });
}

describe('storeError', () => {
  it.each([
    [levelError('LEVEL_IO_ERROR', 'IO error: 5.log: No space left on device'), 'NO_SPACE'],
    [Object.assign(new Error('write'), { code: 'ENOSPC' }), 'NO_SPACE'],
    [levelError('LEVEL_CORRUPTION', 'block checksum mismatch'), 'STORE_CORRUPT'],
    [new RangeError('a value ends too early'), 'STORE_CORRUPT'],
    [levelError('LEVEL_IO_ERROR', 'IO error: Input/output error'), 'STORE_IO'],
    [new Error('anything else'), 'STORE_IO'],
  ])('calls %s %s', (error, code) => {
    expect(storeError(error, ID)).toMatchObject({ code, cause: error });
  });

  it('leaves our own errors alone', () => {
    const error = new MirrorError('RECORD_INVALID', 'bad');
    expect(storeError(error, ID)).toBe(error);
  });

  it('knows a lock by its cause', () => {
    expect(isLocked(new Error('not open', { cause: levelError('LEVEL_LOCKED') }))).toBe(true);
    expect(isLocked(levelError('LEVEL_IO_ERROR'))).toBe(false);
  });
});

describe('SequenceAllocator', () => {
  it('gives ascending numbers and skips the rest of a block after a crash', async () => {
    const catalog = memoryKeyValues();
    const first = await SequenceAllocator.load(catalog);
    expect(await first.allocate(3, (take) => [take(), take(), take()])).toEqual([1, 2, 3]);
    const second = await SequenceAllocator.load(catalog);
    expect(await second.allocate(1, (take) => take())).toBeGreaterThan(65_000);
  });

  it('makes a block durable before it gives out the first number of it', async () => {
    const catalog = memoryKeyValues();
    const failing: KeyValuePort = { ...catalog, put: () => Promise.reject(new Error('disk')) };
    const allocator = await SequenceAllocator.load(failing);
    const use = vi.fn();
    await expect(allocator.allocate(1, use)).rejects.toThrow('disk');
    expect(use).not.toHaveBeenCalled();
  });

  it('serves concurrent callers without giving a number twice', async () => {
    const allocator = await SequenceAllocator.load(memoryKeyValues());
    const taken: number[] = [];
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await allocator.allocate(10_000, (take) => {
          for (let index = 0; index < 10_000; index += 1) taken.push(take());
        });
      }),
    );
    expect(new Set(taken).size).toBe(200_000);
    expect(taken.every((seq, index) => index === 0 || seq > taken[index - 1]!)).toBe(true);
  });

  it('goes past what it is shown, and refuses a damaged value', async () => {
    const catalog = memoryKeyValues();
    const allocator = await SequenceAllocator.load(catalog);
    allocator.skipPast(1_000_000);
    expect(await allocator.allocate(1, (take) => take())).toBe(1_000_001);
    await catalog.put('sequence/next-block', 'x');
    await expect(SequenceAllocator.load(catalog)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});

describe('LicenseTable', () => {
  it('numbers each list once and remembers them', () => {
    const table = new LicenseTable([['A']]);
    expect([table.numberOf(['A']), table.numberOf(['B', 'A']), table.numberOf([]), table.numberOf(['B', 'A'])]).toEqual([
      0, 1, 2, 1,
    ]);
    expect(table.sets).toEqual([['A'], ['B', 'A'], []]);
  });
});

describe('the meta row', () => {
  it('comes back as it was and counts licences by identifier', () => {
    const meta = { ...newMeta(ID), licenseSets: [['A', 'B'], ['A'], ['C']], licenseCounts: [2, 3, 0] };
    expect(decodeMeta(encodeMeta(meta), ID)).toEqual(meta);
    expect(statsOf(meta).licenses).toEqual({ A: 5, B: 2 });
  });

  it.each([
    ['missing', undefined, 'STORE_CORRUPT'],
    ['not JSON', Buffer.from('{'), 'STORE_CORRUPT'],
    ['of another dataset', encodeMeta(newMeta('otherwiki_namespace_0' as DatasetId)), 'STORE_CORRUPT'],
    ['newer', Buffer.from('{"schemaVersion":2}'), 'DATA_NEWER'],
  ])('is refused when it is %s', (_, bytes, code) => {
    expect(() => decodeMeta(bytes, ID)).toThrow(expect.objectContaining({ code }));
  });
});
