import { describe, expect, it } from 'vitest';
import { checkClock, checkFileSystem, checkNode, checkSpace } from '../../mirror-core/cli/doctor/checks.ts';

describe('what the doctor makes of facts', () => {
  it.each([
    ['24.0.0', 'ok'],
    ['26.1.0', 'ok'],
    ['22.19.0', 'problem'],
  ])('Node %s: %s', (version, level) => {
    expect(checkNode(version).level).toBe(level);
  });
  it.each([
    [Date.UTC(2026, 10, 21), 'ok'],
    [0, 'problem'],
  ])('clock at %d: %s', (nowMs, level) => {
    expect(checkClock(nowMs).level).toBe(level);
  });
  it.each([
    [5e9, 'ok'],
    [3e9, 'warning'],
    [2e9, 'problem'],
    [0, 'problem'],
  ])('%d bytes free with a reserve of 2 GB: %s', (free, level) => {
    const finding = checkSpace(free, 2e9, '/srv');
    expect(finding.level).toBe(level);
    expect(finding.advice === undefined).toBe(level === 'ok');
  });
  it.each([
    [0xef53, 'ok'],
    [0x6969, 'warning'],
    [0xff534d42, 'warning'],
  ])('file system %d: %s', (type, level) => {
    expect(checkFileSystem(type, '/srv').level).toBe(level);
  });
});
