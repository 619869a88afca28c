import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { describe, expect, it } from 'vitest';
import { FakeControl, FakeEvents } from '../support/mirror-fakes.ts';
import { readUntil } from '../support/running-server.ts';
import { CONTROL_TOKEN, lakes, serve } from './server-harness.ts';

interface Seen {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: { readonly message?: string };
}

function parse(text: string): Seen[] {
  const seen: Seen[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => seen.push({ id, event, data: JSON.parse(data) as Seen['data'] }),
  });
  parser.feed(text);
  return seen;
}

/** Reads until `count` events have come. */
async function readEvents(response: Response, count: number): Promise<Seen[]> {
  return parse(await readUntil(response, (text) => parse(text).length >= count));
}

async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await turn();
}

describe('GET /api/events', () => {
  it('without an id sends what happens from now on', async () => {
    const control = new FakeControl();
    control.events.emit('before');
    const { operate } = await serve(lakes(), { control });
    const response = await operate('/api/events');
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    await until(() => control.events.listenerCount === 1);
    control.events.emit('after');
    const [first] = await readEvents(response, 1);
    expect(first).toMatchObject({ id: '2', event: undefined, data: { id: 2, message: 'after' } });
    await until(() => control.events.listenerCount === 0);
  });

  it.each([
    ['?after=1', {}],
    ['', { 'last-event-id': '1' }],
    ['?after=0', { 'last-event-id': '1' }],
  ])('replays after an id (%s %j), then goes on without a gap', async (query, headers: Record<string, string>) => {
    const control = new FakeControl();
    for (const message of ['one', 'two', 'three']) control.events.emit(message);
    const { operate } = await serve(lakes(), { control });
    const response = await operate(`/api/events${query}`, { headers });
    control.events.emit('four');
    expect((await readEvents(response, 3)).map(({ data }) => data.message)).toEqual(['two', 'three', 'four']);
  });

  it('says reset when the buffer no longer reaches, and when the id is from before a restart', async () => {
    const control = new FakeControl(new FakeEvents(2));
    for (const message of ['one', 'two', 'three', 'four']) control.events.emit(message);
    const { operate } = await serve(lakes(), { control });
    const gap = await readEvents(await operate('/api/events?after=1'), 3);
    expect(gap.map(({ event, data }) => event ?? data.message)).toEqual(['reset', 'three', 'four']);
    expect(gap[0]?.data).toEqual({ lostBefore: 3, lastId: 4 });
    const [restarted] = await readEvents(await operate('/api/events?after=99'), 1);
    expect(restarted?.event).toBe('reset');
  });

  it('drops a client that does not read, and never waits for it', async () => {
    const control = new FakeControl();
    const { url } = await serve(lakes(), { control });
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.pause();
    socket.on('error', () => undefined); // being cut off is what the test is about
    socket.write(`GET /api/events HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${CONTROL_TOKEN}\r\n\r\n`);
    await until(() => control.events.listenerCount === 1);
    const large = 'x'.repeat(64 * 1024);
    let sent = 0;
    while (control.events.listenerCount === 1) {
      control.events.emit(large);
      sent += 1;
      if (sent % 8 === 0) await turn();
      expect(sent).toBeLessThan(4_000);
    }
    socket.destroy();
    expect(control.events.listenerCount).toBe(0);
  });

  it('ends cleanly when the mirror stops, with open streams and jobs, within about a second', async () => {
    const control = new FakeControl();
    control.ids = ['enwiki_namespace_0'];
    control.verifyWaits = true;
    const { operate, server } = await serve(lakes(), { control });
    const streams = await Promise.all([operate('/api/events'), operate('/api/events?after=0')]);
    const job = await operate('/api/datasets/enwiki_namespace_0/verify', { method: 'POST' });
    const startedMs = performance.now();
    const texts = Promise.all(streams.map((response) => response.text()));
    const jobText = job.text();
    await server.close();
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect((await texts).every((text) => text.startsWith(': connected'))).toBe(true);
    expect(await jobText).toContain('"error"');
    await expect(operate('/api/status')).rejects.toThrow();
  });
});
