import { describe, expect, it } from 'vitest';
import type { SyncState } from '../../mirror-core/contracts/sync-state.ts';
import { painter, wantsColor } from '../../mirror-core/cli/terminal/colors.ts';
import { describeSync, type StateWords } from '../../mirror-core/cli/terminal/describe-sync.ts';
import { progressDisplay, progressLine } from '../../mirror-core/cli/terminal/progress.ts';
import { statusLines } from '../../mirror-core/cli/terminal/status-view.ts';
import { tableLines } from '../../mirror-core/cli/terminal/table.ts';
import { fit, harmless, pad, textWidth } from '../../mirror-core/cli/terminal/text.ts';
import { bytesWords, countOf, durationWords, timeWords } from '../../mirror-core/cli/terminal/units.ts';
import { sampleDataset, sampleStatus } from '../support/status-samples.ts';

describe('describeSync', () => {
  const until = '2026-11-21T18:04:59Z';
  const table: readonly (readonly [SyncState, StateWords])[] = [
    [{ kind: 'idle' }, { label: 'idle', detail: '', tone: 'quiet' }],
    [{ kind: 'planning' }, { label: 'planning', detail: 'asking upstream what there is', tone: 'busy' }],
    [
      { kind: 'bootstrapping', step: 'download', doneBytes: 25, totalBytes: 100, records: 1 },
      { label: 'loading', detail: '25 %', tone: 'busy' },
    ],
    [
      { kind: 'bootstrapping', step: 'verify', doneBytes: 199, totalBytes: 100, records: 1 },
      { label: 'checking', detail: '100 %', tone: 'busy' },
    ],
    [
      { kind: 'bootstrapping', step: 'apply', doneBytes: 2_500_000, totalBytes: 0, records: 1 },
      { label: 'loading', detail: '2.5 MB', tone: 'busy' },
    ],
    [
      { kind: 'bootstrapping', step: 'reconcile', doneBytes: 0, totalBytes: 3, records: 1 },
      { label: 'reconciling', detail: '0 %', tone: 'busy' },
    ],
    [
      { kind: 'catching-up', source: 'realtime', lagMs: 120_000 },
      { label: 'catching up', detail: 'from the stream, 2 min behind', tone: 'busy' },
    ],
    [
      { kind: 'catching-up', source: 'batch', lagMs: null },
      { label: 'catching up', detail: 'from hourly batches', tone: 'busy' },
    ],
    [
      { kind: 'catching-up', source: 'snapshot', lagMs: null },
      { label: 'catching up', detail: 'from a newer snapshot', tone: 'busy' },
    ],
    [
      { kind: 'live', lagMs: 1500 },
      { label: 'live', detail: 'lag 2 s', tone: 'good' },
    ],
    [
      { kind: 'waiting', for: 'schedule', until, reason: null },
      { label: 'up to date', detail: 'until 2026-11-21 18:04 UTC', tone: 'good' },
    ],
    [
      { kind: 'waiting', for: 'disk', until: null, reason: 'needs 5 GB' },
      { label: 'waiting for space', detail: 'needs 5 GB', tone: 'waiting' },
    ],
    [
      { kind: 'waiting', for: 'quota', until, reason: 'used up' },
      { label: 'waiting for quota', detail: 'used up, until 2026-11-21 18:04 UTC', tone: 'waiting' },
    ],
    [
      { kind: 'waiting', for: 'network', until: null, reason: null },
      { label: 'waiting for network', detail: '', tone: 'waiting' },
    ],
    [
      { kind: 'waiting', for: 'retry', until: null, reason: null },
      { label: 'trying again', detail: '', tone: 'waiting' },
    ],
    [
      { kind: 'waiting', for: 'snapshot', until: null, reason: null },
      { label: 'waiting for snapshot', detail: '', tone: 'waiting' },
    ],
    [
      { kind: 'paused', by: 'user' },
      { label: 'paused', detail: '', tone: 'quiet' },
    ],
    [
      { kind: 'paused', by: 'schedule' },
      { label: 'paused', detail: 'by the schedule', tone: 'quiet' },
    ],
    [
      { kind: 'paused', by: 'power' },
      { label: 'paused', detail: 'to save power', tone: 'quiet' },
    ],
    [
      { kind: 'failed', code: 'STORE_IO', message: 'disk broke', retryable: true },
      { label: 'failed', detail: 'disk broke (will be tried again)', tone: 'bad' },
    ],
    [
      { kind: 'failed', code: 'X', message: 'why', retryable: false },
      { label: 'failed', detail: 'why', tone: 'bad' },
    ],
  ];
  it.each(table)('%j', (state, words) => {
    expect(describeSync(state)).toEqual(words);
  });
});

describe('units', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1536, '1.5 kB'],
    [999_999, '1 MB'],
    [2_500_000, '2.5 MB'],
    [123_456_789, '123 MB'],
    [8.2e10, '82 GB'],
    [5e15, '5,000 TB'],
    [-5, '0 B'],
  ])('%d bytes: %s', (bytes, words) => {
    expect(bytesWords(bytes)).toBe(words);
  });
  it.each([
    [0, '0 s'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [3_600_000, '1 h'],
    [4_800_000, '1 h 20 min'],
    [90_000_000, '1 d 1 h'],
    [172_800_000, '2 d'],
  ])('%d ms: %s', (ms, words) => {
    expect(durationWords(ms)).toBe(words);
  });
  it('counts in words', () => {
    expect([countOf(1, 'gap'), countOf(0, 'gap'), countOf(1234, 'entry', 'entries')]).toEqual([
      '1 gap',
      '0 gaps',
      '1,234 entries',
    ]);
    expect(timeWords('never')).toBe('never');
  });
});

describe('text on a terminal', () => {
  it.each([
    ['abc', 3],
    ['日本語', 6],
    ['ｆｕｌｌ', 8],
    ['é', 1],
    ['한국', 4],
    ['عربى', 4],
    ['👩‍👩‍👧', 2],
    ['\u001B[32mgreen\u001B[0m', 5],
    ['', 0],
  ])('%s fills %d columns', (text, width) => {
    expect(textWidth(text)).toBe(width);
  });
  it('pads and cuts by columns, not by characters', () => {
    expect(pad('日', 4)).toBe('日  ');
    expect(pad('日', 4, true)).toBe('  日');
    expect(fit('日本語', 5)).toBe('日本…');
    expect(fit('abc', 3)).toBe('abc');
  });
  it('takes control characters out of what others wrote', () => {
    expect(harmless('a\u001B[2Jb\u0007c\u202Ed')).toBe('ab c d');
  });
  it('aligns columns that hold wide characters and colours', () => {
    const paint = painter(true);
    const lines = tableLines(
      [{ title: 'NAME' }, { title: 'N', isRight: true }],
      [
        ['日本', '1'],
        [paint('abcdef', 'good'), '22'],
      ],
    );
    expect(lines.map(textWidth)).toEqual([10, 10, 10]);
    expect(lines[1]).toBe('日本     1');
  });
});

describe('colour', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('terminal %s, %j: %s', (isTTY, env, expected) => {
    expect(wantsColor(isTTY, env)).toBe(expected);
    expect(painter(false)('x', 'bad')).toBe('x');
  });
});

describe('progress', () => {
  it('shows share, amount, rate and time left', () => {
    const line = progressLine({ label: 'Loading', done: 25e6, total: 100e6, elapsedMs: 5000, unit: 'bytes' }, 120);
    expect(line).toContain('25 %  25 MB of 100 MB  5 MB/s  15 s left');
    expect(line).toContain('██████░');
  });
  it('does without an end, and without a rate', () => {
    expect(progressLine({ label: 'Reading', done: 1e6, total: null, elapsedMs: 0, unit: 'bytes' }, 80)).toBe('Reading  1 MB');
  });
  it('never wraps', () => {
    const line = progressLine({ label: 'x'.repeat(200), done: 1, total: 2, elapsedMs: 1, unit: 'count' }, 40);
    expect(textWidth(line)).toBeLessThan(40);
  });
  it('draws on a terminal only, and not too often', () => {
    const written: string[] = [];
    const write = (text: string): number => written.push(text);
    let time = 0;
    const silent = progressDisplay({ isTTY: false, write }, () => time, 'x', 'count');
    silent.update(1, 2);
    silent.end();
    expect(written).toEqual([]);
    const shown = progressDisplay({ isTTY: true, columns: 80, write }, () => time, 'x', 'count');
    for (time = 0; time < 250; time += 10) shown.update(time, 1000);
    shown.end();
    expect(written).toHaveLength(4);
    expect(written.at(-1)).toBe('\r\u001B[2K');
  });
});

describe('status', () => {
  const plain = painter(false);
  it('is a table under a few lines about upstream, quota and disk', () => {
    const text = statusLines(sampleStatus(), plain).join('\n');
    expect(text).toContain('upstream   https://api.example.org: snapshots, chunks, on-demand, realtime');
    expect(text).toContain('quota      on-demand 3 of 5,000 (2026-11)');
    expect(text).toContain('82 GB free, data in /srv/mirror');
    expect(text).toMatch(/^simplewiki_namespace_0 {2}live +1,234 +2\.5 MB {2}2026-11-21 18:04 UTC {2}lag 2 s$/m);
  });
  it('says what needs attention', () => {
    const gap = {
      id: '1',
      cause: 'batch-missing',
      from: '',
      until: '',
      partitions: null,
      healing: '',
      openedAt: '',
      closedAt: null,
    } as const;
    const dataset = sampleDataset({
      asOf: null,
      mode: 'manual',
      quarantined: 2,
      doubtful: 1,
      gaps: [gap, { ...gap, id: '2', closedAt: 'then' }],
      progress: { doneBytes: 5e6, totalBytes: 1e7, rateBytesPerSecond: 1e6, secondsLeft: 5, records: 9 },
    });
    const text = statusLines(sampleStatus({ datasets: [dataset] }), plain).join('\n');
    expect(text).toContain('5 MB of 10 MB, 1 MB/s, 5 s left; 1 gap; 2 bad lines kept aside; 1 title in doubt; imports only');
  });
  it('never lets practice data look real', () => {
    const upstream = { ...sampleStatus().upstream, isPractice: true };
    expect(statusLines(sampleStatus({ upstream }), plain)[0]).toContain('practice (made-up content, not from Wikimedia)');
  });
  it('shows why upstream cannot be used, and how to choose when nothing is chosen', () => {
    const upstream = { ...sampleStatus().upstream, problem: 'wrong \u001B[2Jpassword' };
    const text = statusLines(sampleStatus({ upstream, datasets: [] }), plain).join('\n');
    expect(text).toContain('https://api.example.org: wrong password');
    expect(text).toContain('wikimirror add');
  });
});
