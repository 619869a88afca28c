import { describe, expect, it } from 'vitest';
import { MirrorError } from '../../mirror-core/contracts/errors.ts';
import { createLogger, formatLogLine } from '../../mirror-core/observability/logger.ts';

function capture(isTTY = false) {
  const lines: string[] = [];
  return { lines, stream: { isTTY, write: (text: string) => lines.push(text) } };
}

describe('logger', () => {
  it('writes one JSON object a line, with the component of the child', () => {
    const { lines, stream } = capture();
    const { logger } = createLogger({ level: 'info', stream });
    logger.child({ component: 'sync' }).info({ event: 'x', count: 2 }, 'a fact');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ level: 30, component: 'sync', event: 'x', count: 2, msg: 'a fact' });
  });

  it.each([
    [{ password: 'hunter2' }],
    [{ upstream: { password: 'hunter2' } }],
    [{ req: { headers: { authorization: 'hunter2' } } }],
    [{ req: { headers: { cookie: 'hunter2' } } }],
    [{ headers: { 'set-cookie': 'hunter2' } }],
    [{ tokens: { access_token: 'hunter2', refreshToken: 'hunter2' } }],
    [{ response: { body: { refresh_token: 'hunter2' } } }],
  ])('hides secrets: %j', (facts) => {
    const { lines, stream } = capture();
    createLogger({ level: 'info', stream }).logger.info(facts, 'said');
    expect(lines.join()).toContain('[redacted]');
    expect(lines.join()).not.toContain('hunter2');
  });

  it('logs our own errors by code and facts, without a stack; others with theirs', () => {
    const { lines, stream } = capture();
    const { logger } = createLogger({ level: 'info', stream });
    logger.warn(
      { err: new MirrorError('NO_SPACE', 'full', { cause: new Error('ENOSPC'), context: { freeBytes: 1 } }) },
      'failed',
    );
    expect(JSON.parse(lines[0]!)).toMatchObject({
      err: { code: 'NO_SPACE', message: 'full', context: { freeBytes: 1 }, cause: 'ENOSPC' },
    });
    expect(lines[0]).not.toMatch(/"stack"/);
    logger.error({ err: new TypeError('odd') }, 'failed');
    expect(lines[1]).toMatch(/"stack"/);
  });

  it('changes the level of a running logger and of children made before', () => {
    const { lines, stream } = capture();
    const { logger, setLevel } = createLogger({ level: 'warn', stream });
    const grandchild = logger.child({ component: 'a' }).child({ part: 1 });
    grandchild.info('unheard');
    setLevel('debug');
    grandchild.debug('heard');
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['heard']);
  });

  it('speaks in words on a terminal', () => {
    const { lines, stream } = capture(true);
    createLogger({ level: 'info', stream }).logger.child({ component: 'server' }).warn({ port: 8750 }, 'slow');
    expect(lines.join()).toMatch(/^\d\d:\d\d:\d\d warn {2}server: slow port=8750\n$/);
  });

  it('leaves text that is not a log entry as it is', () => {
    expect(formatLogLine('plain', false)).toBe('plain');
    expect(formatLogLine('5', false)).toBe('5');
  });

  it('shows the message of an error, not its stack', () => {
    const line = formatLogLine(
      JSON.stringify({ level: 50, time: 0, msg: 'failed', err: { message: 'why', stack: 'STACK' } }),
      true,
    );
    expect(line).toContain('failed (why)');
    expect(line).not.toContain('STACK');
  });
});
