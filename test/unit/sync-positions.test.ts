import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareTimes, type UpstreamTime } from '../../mirror-core/contracts/upstream-time.ts';
import {
  advance,
  completeUntil,
  decodePositions,
  earliest,
  encodePositions,
  hasCaughtUp,
  hasReached,
  planResume,
  positionsAt,
  raiseTimes,
  type Positions,
} from '../../mirror-core/sync/realtime/positions.ts';

const HOUR = 3_600_000;
const at = (seconds: number): UpstreamTime => ({ seconds, nanos: 0 });
const NOW = 1_800_000_000_000;

const position = fc.record({ offset: fc.option(fc.nat(1000)), time: fc.nat(1_000_000).map(at) });
const positions = fc.record({ partitions: fc.array(position, { minLength: 50, maxLength: 50 }), savedAtMs: fc.nat(NOW) });

describe('positions on the stream', () => {
  it('cover all 50 partitions from the beginning: one without an entry would silently start live (contract §10.2)', () => {
    const start = positionsAt(at(5), 7);
    expect(start.partitions).toHaveLength(50);
    const plan = planResume(start, 10_000);
    expect([...plan.sincePerPartition.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  it('move to the offset after the event, and never back', () => {
    let { partitions } = { partitions: advance(positionsAt(at(1), 0).partitions, 3, 41, at(9)) };
    expect(partitions[3]).toEqual({ offset: 42, time: at(9) });
    partitions = advance(partitions, 3, 12, at(2));
    expect(partitions[3]).toEqual({ offset: 42, time: at(9) });
    expect(partitions[4]).toEqual({ offset: null, time: at(1) });
  });

  it('survive being stored', () => {
    fc.assert(
      fc.property(positions, (any) => {
        expect(decodePositions(JSON.parse(JSON.stringify(encodePositions(any))))).toEqual(any);
      }),
    );
    for (const bad of [
      null,
      1,
      {},
      { savedAt: 1, partitions: [] },
      { savedAt: 1, partitions: Array.from({ length: 50 }, () => ['x', 'y']) },
    ]) {
      expect(decodePositions(bad)).toBeUndefined();
    }
  });

  it('of a group start where nobody has missed anything', () => {
    fc.assert(
      fc.property(positions, positions, (a, b) => {
        const start = earliest(a, b);
        start.partitions.forEach((chosen, index) => {
          for (const own of [a.partitions[index]!, b.partitions[index]!]) {
            if (chosen.offset !== null && own.offset !== null) expect(chosen.offset).toBeLessThanOrEqual(own.offset);
            else expect(compareTimes(chosen.time, own.time)).toBeLessThanOrEqual(0);
          }
        });
      }),
    );
  });

  it('are reached by offset where both know one, else by time', () => {
    expect(hasReached({ offset: 5, time: at(1) }, { offset: 5, time: at(9) })).toBe(true);
    expect(hasReached({ offset: 4, time: at(99) }, { offset: 5, time: at(9) })).toBe(false);
    expect(hasReached({ offset: null, time: at(9) }, { offset: 5, time: at(9) })).toBe(true);
    expect(hasReached({ offset: null, time: at(8) }, { offset: 5, time: at(9) })).toBe(false);
  });

  it('are complete up to their earliest time; quiet partitions can be raised, never lowered', () => {
    const partitions = advance(positionsAt(at(10), 0).partitions, 7, 1, at(30));
    expect(completeUntil({ partitions, savedAtMs: 0 })).toEqual(at(10));
    expect(completeUntil({ partitions: raiseTimes(partitions, at(20)), savedAtMs: 0 })).toEqual(at(20));
    expect(raiseTimes(partitions, at(20))[7]).toEqual({ offset: 2, time: at(30) });
  });
});

describe('the end of a catch-up', () => {
  const goal = { offset: 9, time: at(100) };
  it('is proved by the offset of the event that is the goal, never by a quiet stream', () => {
    expect(hasCaughtUp({ offset: 9, time: at(100) }, goal, at(50))).toBe(true);
    expect(hasCaughtUp({ offset: null, time: at(500) }, goal, at(50))).toBe(false);
    expect(hasCaughtUp({ offset: 8, time: at(500) }, goal, at(50))).toBe(false);
  });
  it('is a matter of time where no event is the goal, or its event has left upstream', () => {
    expect(hasCaughtUp({ offset: null, time: at(100) }, { offset: null, time: at(100) }, at(50))).toBe(true);
    expect(hasCaughtUp({ offset: null, time: at(99) }, { offset: null, time: at(100) }, at(50))).toBe(false);
    expect(hasCaughtUp({ offset: 8, time: at(500) }, goal, at(101))).toBe(true);
  });
});

describe('resuming the stream (contract §10.2, §15.3)', () => {
  function stopped(hoursAgo: number): Positions {
    const ms = NOW - hoursAgo * HOUR;
    return { partitions: advance(positionsAt(at(ms / 1000), 0).partitions, 3, 41, at(ms / 1000)), savedAtMs: ms };
  }

  it('uses offsets after a short pause', () => {
    const plan = planResume(stopped(1), NOW);
    expect(plan.offsets.get(3)).toBe(42);
    expect(plan.sincePerPartition.has(3)).toBe(false);
    expect(plan.lost).toBeUndefined();
  });

  it('uses times after more than 40 hours: an expired offset would jump to the latest event without a word', () => {
    const plan = planResume(stopped(41), NOW);
    expect(plan.offsets.size).toBe(0);
    expect(plan.sincePerPartition.size).toBe(50);
    expect(plan.lost).toBeUndefined();
  });

  it('knows what is lost after more than 48 hours', () => {
    const plan = planResume(stopped(50), NOW);
    expect(plan.sincePerPartition.size).toBe(50);
    expect(plan.lost).toEqual({ from: at((NOW - 50 * HOUR) / 1000), until: at((NOW - 48 * HOUR) / 1000) });
  });

  it('scales with a shorter retention', () => {
    expect(planResume(stopped(5), NOW, 4 * HOUR).lost).toBeDefined();
    expect(planResume(stopped(3.5), NOW, 4 * HOUR).offsets.size).toBe(0);
    expect(planResume(stopped(3), NOW, 4 * HOUR).offsets.size).toBe(1);
  });
});
