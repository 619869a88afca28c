import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { onTestFinished, describe, expect, it, vi } from 'vitest';
import { FakeControl } from '../support/mirror-fakes.ts';
import { readUntil } from '../support/running-server.ts';
import { lakes, serve } from './server-harness.ts';

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await turn();
}

function takeTheClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

describe('time limits', () => {
  it('lets an answer go on for as long as it takes once the request has arrived', async () => {
    takeTheClock();
    const control = new FakeControl();
    const { operate } = await serve(lakes(), { control });
    const response = await operate('/api/events');
    await until(() => control.events.listenerCount === 1);
    await vi.advanceTimersByTimeAsync(2 * 60_000);
    expect(control.events.listenerCount).toBe(1);
    control.events.emit('two minutes later');
    expect(await readUntil(response, (text) => text.includes('later'))).toContain('two minutes later');
  });

  it('drops a client whose body does not arrive', async () => {
    takeTheClock();
    const { url } = await serve();
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.resume().on('error', () => undefined); // being cut off is what the test is about
    socket.write(`POST /v2/codes HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 100\r\n\r\n{`);
    const waiting = vi.getTimerCount();
    await until(() => vi.getTimerCount() > waiting);
    await vi.advanceTimersByTimeAsync(31_000);
    await until(() => socket.destroyed);
    expect(socket.bytesRead).toBe(0);
  });
});

describe('a job under way when the mirror stops', () => {
  it('says that it was stopped, and that it can be repeated', async () => {
    const { operate, control, server } = await serve();
    control.ids = ['enwiki_namespace_0'];
    control.verifyWaits = true;
    const response = await operate('/api/datasets/enwiki_namespace_0/verify', { method: 'POST' });
    const text = response.text();
    await server.close();
    const lines = (await text).trim().split('\n');
    const last = JSON.parse(lines.at(-1) ?? '') as { error: { code: string; message: string } };
    expect(last.error.code).toBe('DAEMON_UNREACHABLE');
    expect(last.error.message).toMatch(/stopped.*repeat/);
  });
});
