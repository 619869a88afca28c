import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MAX_RECORD_BYTES } from '../../mirror-core/contracts/limits.ts';
import type { StreamRequest } from '../../mirror-core/contracts/upstream-port.ts';
import { parseUpstreamTime, type UpstreamTime } from '../../mirror-core/contracts/upstream-time.ts';
import { sendJson } from '../support/scripted-upstream.ts';
import { setUp, type Setup } from './upstream-setup.ts';

const PATH = '/v2/articles';

function request(overrides: Partial<StreamRequest> = {}): StreamRequest {
  return {
    parts: [0],
    offsets: new Map([0, 1, 2, 3, 4].map((partition) => [partition, 100 + partition])),
    sincePerPartition: new Map(),
    signal: new AbortController().signal,
    ...overrides,
  };
}

async function collect(records: AsyncIterable<Uint8Array>): Promise<string[]> {
  const texts: string[] = [];
  for await (const record of records) texts.push(Buffer.from(record).toString('utf8'));
  return texts;
}

function ndjson(response: ServerResponse): ServerResponse {
  return response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8' });
}

/** A client whose stream answers as `send` says. */
async function streaming(send: (response: ServerResponse) => void): Promise<Setup> {
  const setup = await setUp();
  setup.upstream.on('POST', PATH, (_, response) => send(response));
  return setup;
}

describe('a stream request', () => {
  it('always names its parts with the positions, keys as text and times as RFC 3339', async () => {
    const { client, upstream } = await streaming((response) => void ndjson(response).end());
    const time: UpstreamTime = parseUpstreamTime('2026-03-10T11:00:00.000000123Z')!;
    await collect(
      client.stream(
        request({
          parts: [1, 0],
          offsets: new Map([[0, 7]]),
          sincePerPartition: new Map([[9, time]]),
          fields: ['name', 'event.*'],
          filters: [{ field: 'event.type', value: 'delete' }],
        }),
      ),
    );
    const asked = upstream.asked.find((entry) => entry.path === PATH);
    expect(asked?.json).toEqual({
      parts: [0, 1],
      offsets: { '0': 7 },
      since_per_partition: { '9': '2026-03-10T11:00:00.000000123Z' },
      fields: ['name', 'event.*'],
      filters: [{ field: 'event.type', value: 'delete' }],
    });
    expect(asked?.headers.accept).toBe('application/x-ndjson');
    expect(asked?.headers['content-type']).toBe('application/json');
  });

  it.each([
    ['a position outside its parts', { offsets: new Map([[5, 1]]) }],
    ['two positions for one partition', { sincePerPartition: new Map([[0, { seconds: 1, nanos: 0 }]]) }],
    ['no parts', { parts: [], offsets: new Map() }],
    ['a part that does not exist', { parts: [10], offsets: new Map() }],
  ])('is refused with %s', async (_, overrides) => {
    const { client, upstream } = await setUp();
    await expect(collect(client.stream(request(overrides)))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    expect(upstream.count('POST', PATH)).toBe(0);
  });

  it('warns of partitions that start live', async () => {
    const { client, log } = await streaming((response) => void ndjson(response).end());
    await collect(client.stream(request({ offsets: new Map([[0, 1]]) })));
    expect(log()).toContain('"partitions":[1,2,3,4]');
  });
});

describe('a stream', () => {
  it('yields records as they are, whatever the cuts, and ends when upstream closes', async () => {
    const text = '{"name":"Zürich"}\r\n\n{"name":"東京"}\n{"name":"last"}';
    const { client } = await streaming((response) => {
      ndjson(response);
      const bytes = Buffer.from(text);
      let at = 0;
      const step = (): void => {
        if (at >= bytes.length) response.end();
        else response.write(bytes.subarray(at, (at += 3)), step);
      };
      step();
    });
    expect(await collect(client.stream(request()))).toEqual(['{"name":"Zürich"}', '{"name":"東京"}', '{"name":"last"}']);
  });

  it('leaves out a record that was cut off at the end', async () => {
    const { client, log } = await streaming((response) => void ndjson(response).end('{"a":1}\n{"b":'));
    expect(await collect(client.stream(request()))).toEqual(['{"a":1}']);
    expect(log()).toContain('stream.cut-record');
  });

  it('reads server-sent events when that is the answer', async () => {
    const { client } = await streaming((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
      const bytes = Buffer.from(
        'event: message\ndata: {"name":"Zürich"}\n\n: quiet\n\nevent: message\ndata: {"n":2}\n\ndata: {"cut"',
      );
      response.write(bytes.subarray(0, 32));
      response.end(bytes.subarray(32));
    });
    expect(await collect(client.stream(request()))).toEqual(['{"name":"Zürich"}', '{"n":2}']);
  });

  it('passes a record of the largest size allowed and refuses a longer one', async () => {
    const largest = Buffer.alloc(MAX_RECORD_BYTES, 0x61);
    const { client } = await streaming((response) => {
      ndjson(response);
      response.write(largest);
      response.write('\n');
      response.write(largest);
      response.end('a\n');
    });
    const lengths: number[] = [];
    const reading = (async (): Promise<void> => {
      for await (const record of client.stream(request())) lengths.push(record.length);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'LINE_TOO_LONG', message: expect.stringContaining('partition') });
    expect(lengths).toEqual([MAX_RECORD_BYTES]);
  });

  it.each([
    ['finished', '\n\n'],
    ['endless', 'a'.repeat(2_000_000)],
  ])('refuses a server-sent event that is too long, %s', async (_, rest) => {
    const { client } = await streaming((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: {"ok":1}\n\ndata: ${'a'.repeat(MAX_RECORD_BYTES + 1)}`);
      response.write(rest);
    });
    const lengths: number[] = [];
    const reading = (async (): Promise<void> => {
      for await (const record of client.stream(request())) lengths.push(record.length);
    })();
    await expect(reading).rejects.toMatchObject({ code: 'LINE_TOO_LONG' });
    expect(lengths).toEqual([8]);
  });

  it('gives up a connection that is silent, also before its headers, as something to try again', async () => {
    const late = await streaming(() => undefined);
    await expect(collect(late.client.stream(request({ silenceMs: 60 })))).rejects.toMatchObject({
      code: 'UPSTREAM_UNREACHABLE',
      retryable: true,
      message: expect.stringContaining('60 ms'),
    });
    const quiet = await streaming((response) => void ndjson(response).write('{"a":1}\n'));
    const seen: string[] = [];
    const reading = (async (): Promise<void> => {
      for await (const record of quiet.client.stream(request({ silenceMs: 60 }))) seen.push(Buffer.from(record).toString());
    })();
    await expect(reading).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE' });
    expect(seen).toEqual(['{"a":1}']);
  });

  it('does not take a slow consumer for a silent line, and makes upstream wait for it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const piece = Buffer.from(`{"text":"${'x'.repeat(64 * 1024)}"}\n`);
    const pieces = 1_000;
    let sent = 0;
    const { client } = await streaming((response) => {
      ndjson(response);
      const pump = (): void => {
        while (sent < pieces) {
          sent += 1;
          if (!response.write(piece)) {
            response.once('drain', pump);
            return;
          }
        }
        response.end();
      };
      pump();
    });
    let received = 0;
    let sentDuringPause = 0;
    for await (const record of client.stream(request({ silenceMs: 100 }))) {
      received += record.length;
      if (sentDuringPause === 0) {
        // Far longer than the silence allowed: the watchdog must know that it is the consumer who waits.
        vi.advanceTimersByTime(3_600_000);
        // Time for upstream to send all it can; without backpressure that would be everything.
        for (let turn = 0; turn < 5_000; turn += 1) await new Promise(setImmediate);
        sentDuringPause = sent;
      }
    }
    expect(received).toBe((piece.length - 1) * pieces);
    expect(sentDuringPause).toBeLessThan(pieces / 2);
  });

  it('ends at once by abort, by closing the client, and when the consumer leaves', async () => {
    const setup = await streaming((response) => void ndjson(response).write('{"a":1}\n'));
    const { client, upstream } = setup;
    const stop = new AbortController();
    const aborted = (async (): Promise<void> => {
      for await (const record of client.stream(request({ signal: stop.signal }))) if (record.length > 0) stop.abort();
    })();
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
    for await (const record of client.stream(request())) {
      expect(record.length).toBe(7);
      break;
    }
    const closed = (async (): Promise<void> => {
      for await (const record of client.stream(request())) if (record.length > 0) void client.close();
    })();
    await expect(closed).rejects.toMatchObject({ name: 'AbortError' });
    await expect.poll(() => upstream.sockets).toBe(0);
  });

  it('says that a broken connection may be tried again', async () => {
    const { client } = await streaming((response) => void ndjson(response).write('{"a":1}\n', () => response.destroy()));
    await expect(collect(client.stream(request()))).rejects.toMatchObject({ code: 'UPSTREAM_UNREACHABLE', retryable: true });
  });

  it('can be open ten times at once', async () => {
    const open: ServerResponse[] = [];
    const { client } = await streaming((response) => {
      open.push(response);
      if (open.length === 10) for (const each of open) ndjson(each).end('{"a":1}\n');
    });
    const all = Array.from({ length: 10 }, (_, part) =>
      collect(client.stream(request({ parts: [part], offsets: new Map([[part * 5, 1]]) }))),
    );
    expect((await Promise.all(all)).flat()).toHaveLength(10);
  });

  it('renews the token on 401 and reports a refusal in upstream’s words', async () => {
    const { client, upstream } = await setUp();
    upstream.on('POST', PATH, (asked, response) => {
      if (asked.headers.authorization === 'Bearer access-1') sendJson(response, 401, { status: 401, message: 'expired' });
      else sendJson(response, 422, { status: 422, message: 'since is in the future' });
    });
    await expect(collect(client.stream(request()))).rejects.toMatchObject({
      code: 'UPSTREAM_ERROR',
      retryable: false,
      message: expect.stringContaining('since is in the future'),
    });
    upstream.on('POST', PATH, (_, response) => sendJson(response, 403, { status: 403, message: 'Forbidden' }));
    await expect(collect(client.stream(request()))).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
