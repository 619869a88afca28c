import { describe, expect, it } from 'vitest';
import { MirrorError, type ErrorCode } from '../../mirror-core/contracts/errors.ts';
import { EventLog } from '../../mirror-core/sync/event-log.ts';
import { ProgressMeter } from '../../mirror-core/sync/progress.ts';
import { compareProjects } from '../../mirror-core/sync/project-order.ts';
import { answerToFailure } from '../../mirror-core/sync/recovery.ts';
import { readChecksum, readFileName } from '../../mirror-core/sync/sideload/file-names.ts';
import { Wake } from '../../mirror-core/sync/wake.ts';
import { batchHour, dueAt, firstHour } from '../../mirror-core/sync/batches.ts';

describe('recovery from failures', () => {
  const answer = (code: ErrorCode, failures = 0, retryAfterMs?: number): ReturnType<typeof answerToFailure> =>
    answerToFailure(new MirrorError(code, 'x', retryAfterMs === undefined ? {} : { retryAfterMs }), failures, 0, 1);

  it.each<[ErrorCode, string]>([
    ['NO_SPACE', 'disk'],
    ['QUOTA_EXHAUSTED', 'quota'],
    ['SNAPSHOT_CHANGED', 'snapshot'],
    ['CHECKSUM_MISMATCH', 'snapshot'],
    ['UPSTREAM_UNREACHABLE', 'network'],
    ['UPSTREAM_RATE_LIMITED', 'network'],
  ])('%s waits for %s', (code, reason) => {
    expect(answer(code).input).toMatchObject({ type: 'wait', for: reason, reason: 'x' });
  });

  it.each<ErrorCode>(['AUTH_FAILED', 'FORBIDDEN', 'NOT_FOUND', 'STORE_CORRUPT', 'ARCHIVE_DAMAGED'])(
    '%s is shown as failed and looked at again after an hour',
    (code) => {
      expect(answer(code)).toMatchObject({ input: { type: 'fail', code }, waitMs: 3_600_000 });
    },
  );

  it('backs off up to five minutes and obeys the server’s wish to wait longer', () => {
    expect(answer('UPSTREAM_ERROR', 0).waitMs).toBe(1000);
    expect(answer('UPSTREAM_ERROR', 3).waitMs).toBe(8000);
    expect(answer('UPSTREAM_ERROR', 30).waitMs).toBe(300_000);
    expect(answer('UPSTREAM_ERROR', 0, 77_000).waitMs).toBe(77_000);
    expect(answerToFailure(new Error('odd'), 0, 0, 0)).toMatchObject({ input: { type: 'fail', code: 'INTERNAL' } });
  });
});

describe('the event log', () => {
  it('replays after an id, and says when the buffer no longer reaches', () => {
    const log = new EventLog(() => 0, 3);
    for (const name of ['a', 'b', 'c', 'd']) log.add(name, null, name);
    expect(log.since(2)).toMatchObject({ events: [{ type: 'c' }, { type: 'd' }], lostBefore: null });
    expect(log.since(1).lostBefore).toBeNull();
    expect(log.since(0)).toMatchObject({ events: [{ id: 2 }, { id: 3 }, { id: 4 }], lostBefore: 2 });
    expect(log.since(99).lostBefore).toBe(2);
    expect(new EventLog(() => 0).since(5)).toEqual({ events: [], lostBefore: 1 });
  });

  it('tells listeners until they leave', () => {
    const log = new EventLog(() => 0);
    const heard: number[] = [];
    const leave = log.subscribe((event) => heard.push(event.id));
    log.add('a', null, 'a');
    leave();
    log.add('b', null, 'b');
    expect(heard).toEqual([1]);
  });
});

describe('progress', () => {
  it('gives rate and time left over the last seconds only', () => {
    let now = 0;
    const meter = new ProgressMeter(() => now);
    meter.report(0, 1000, 0);
    expect(meter.figures).toMatchObject({ rateBytesPerSecond: 0, secondsLeft: null });
    now = 1000;
    meter.report(100, 1000, 4);
    expect(meter.figures).toEqual({ doneBytes: 100, totalBytes: 1000, rateBytesPerSecond: 100, secondsLeft: 9, records: 4 });
    now = 60_000;
    meter.report(100, 1000, 4);
    now = 61_000;
    meter.report(150, 1000, 6);
    expect(meter.figures.rateBytesPerSecond).toBe(50);
  });
});

describe('waiting', () => {
  it('ends early when woken, also when woken before it began, and with the signal', async () => {
    const wake = new Wake();
    const abort = new AbortController();
    wake.now();
    await wake.wait(1e9, abort.signal);
    const waiting = wake.wait(1e9, abort.signal);
    wake.now();
    await waiting;
    const aborted = wake.wait(1e9, abort.signal);
    abort.abort();
    await expect(aborted).rejects.toThrow(/abort/i);
  });
});

describe('the order of projects in look-ups (contract §5.2)', () => {
  it('is upstream’s, then by identifier', () => {
    expect(['zhwiki', 'afwiki', 'dewiki', 'enwiki', 'cebwiki'].sort(compareProjects)).toEqual([
      'enwiki',
      'cebwiki',
      'dewiki',
      'afwiki',
      'zhwiki',
    ]);
  });
});

describe('batches by the hour (contract §9)', () => {
  it('are named in UTC, read from the hour before the export, and expected after the hour has ended', () => {
    const time = Date.UTC(2026, 2, 1, 23, 30);
    expect(batchHour(time)).toEqual({ date: '2026-03-01', hour: '23' });
    expect(new Date(firstHour({ seconds: time / 1000, nanos: 0 })).toISOString()).toBe('2026-03-01T22:00:00.000Z');
    expect(dueAt(Date.UTC(2026, 2, 1, 23))).toBeGreaterThan(Date.UTC(2026, 2, 2, 0));
  });
});

describe('names of dropped files', () => {
  it.each([
    [
      'enwiki_namespace_0.tar.gz',
      { kind: 'snapshot', dataset: 'enwiki_namespace_0', checksumFiles: ['enwiki_namespace_0.tar.gz.md5'] },
    ],
    [
      'simplewiki-NS0-20250320-ENTERPRISE-HTML.json.tar.gz',
      {
        kind: 'snapshot',
        dataset: 'simplewiki_namespace_0',
        checksumFiles: [
          'simplewiki-NS0-20250320-ENTERPRISE-HTML.json.tar.gz.md5',
          'simplewiki-NS0-20250320-ENTERPRISE-STATS.json',
        ],
      },
    ],
    ['enwiki_namespace_0_chunk_3.tar.gz', { kind: 'records', checksumFiles: ['enwiki_namespace_0_chunk_3.tar.gz.md5'] }],
    ['some articles.ndjson', { kind: 'records', checksumFiles: ['some articles.ndjson.md5'] }],
    ['enwiki_namespace_0.tar.gz.part', undefined],
    ['.hidden.ndjson', undefined],
    ['enwiki_namespace_0.tar.gz.md5', undefined],
    ['simplewiki-NS0-20250320-ENTERPRISE-STATS.json', undefined],
  ])('%s', (name, expected) => {
    expect(readFileName(name)).toEqual(expected);
  });

  it('reads checksums as md5sum and as the public dumps write them', () => {
    const md5 = '0f343b0931126a20f133d67c2b018a3b';
    expect(readChecksum(`${md5.toUpperCase()}  file.tar.gz\n`)).toBe(md5);
    expect(readChecksum(`{"wiki":"simplewiki","md5sum":"${md5}"}`)).toBe(md5);
    expect(readChecksum('nothing here')).toBeUndefined();
  });
});
