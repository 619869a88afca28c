import { describe, expect, it } from 'vitest';
import { quotaFinding } from '../../mirror-core/host/account.ts';

const month = '2026-11';

describe("the doctor's look at the quota", () => {
  it('is calm while something is left, and when there is no cap', () => {
    const finding = quotaFinding([
      { kind: 'snapshot', used: 29, limit: 30, month },
      { kind: 'chunk', used: 9_000, limit: null, month },
    ]);
    expect(finding).toEqual({
      level: 'ok',
      subject: 'quota',
      message: 'snapshot: 29 of 30 used in 2026-11; chunk: 9000 of unlimited used in 2026-11',
    });
  });

  it('warns when one is used up, and says what then', () => {
    const finding = quotaFinding([
      { kind: 'snapshot', used: 0, limit: 30, month },
      { kind: 'chunk', used: 3, limit: 3, month },
    ]);
    expect(finding).toMatchObject({ level: 'warning', message: expect.stringContaining('chunk: 3 of 3') as unknown });
    expect(finding.advice).toMatch(/next month/);
  });
});
