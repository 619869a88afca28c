import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStream, post, practiceFor, PROJECT, type TestPractice, type TestStream, type WireRecord } from './practice-setup.ts';

const HOUR = 3_600_000;
const clock = Date.UTC(2026, 7, 1, 6);
let rig: TestPractice;
const open: TestStream[] = [];
beforeAll(async () => (rig = await practiceFor({ now: () => clock })));
afterAll(() => {
  for (const stream of open) stream.close();
  return rig.practice.close();
});

const iso = (ms: number) => new Date(ms).toISOString();
const act = async (action: Parameters<TestPractice['practice']['act']>[0]['action'], more: object = {}) =>
  (await rig.practice.act({ action, project: PROJECT, ...more }))[0]!.title;
async function stream(input: Parameters<typeof openStream>[1]): Promise<TestStream> {
  const opened = await openStream(rig, input);
  open.push(opened);
  return opened;
}
function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('nothing arrived');
  return value;
}

describe('practice upstream: stream framing', () => {
  it('sends headers only with the first event, NDJSON without blank lines', async () => {
    const reader = await stream({});
    let hasHeaders = false;
    void reader.response.then(() => (hasHeaders = true));
    await fetch(`${rig.practice.url}/v2/status`);
    expect(hasHeaders).toBe(false);
    const title = await act('edit');
    const response = await reader.response;
    expect(response.headers).toMatchObject({
      'content-type': 'application/x-ndjson; charset=utf-8',
      'cache-control': 'no-cache',
    });
    expect(await reader.raw('\n')).toMatch(/^\{"name":.*\}\n$/);
    expect(typeof title).toBe('string');
  });

  it('frames SSE as event and data lines with nothing else', async () => {
    const reader = await stream({ accept: 'text/event-stream' });
    await act('edit');
    expect(await reader.raw('\n\n')).toMatch(/^event: message\ndata: \{"name":[^\n]*\}\n\n$/);
    expect((await reader.response).headers['content-type']).toBe('text/event-stream; charset=utf-8');
  });

  it('takes a JSON body with GET, cuts to the fields, and adds place and offset to any event member', async () => {
    const reader = await stream({ body: { fields: ['name', 'event.type', 'categories.name'] } });
    const title = await act('create');
    const record = await reader.next();
    expect(Object.keys(record)).toEqual(['name', 'categories', 'event']);
    expect(record).toMatchObject({
      name: title,
      event: { type: 'update', partition: expect.any(Number), offset: expect.any(Number) },
    });
    expect(Object.keys(record.categories[0] ?? {})).toEqual(['name']);
  });

  it('drops the event when none of it is selected', async () => {
    const reader = await stream({ method: 'POST', body: { fields: ['name'] } });
    const title = await act('edit');
    expect(await reader.next()).toEqual({ name: title });
  });

  it('passes only what the filters match', async () => {
    const reader = await stream({
      body: { filters: [{ field: 'event.type', value: 'delete' }], fields: ['event.type', 'name'] },
    });
    await act('edit');
    const gone = await act('delete');
    expect(await reader.next()).toMatchObject({ name: gone.replaceAll(' ', '_'), event: { type: 'delete' } });
  });

  it.each([
    ['an unknown field', { fields: ['nmae'] }],
    ['an object without .*', { fields: ['version'] }],
    ['an unknown filter', { filters: [{ field: 'nmae', value: 'x' }] }],
    ['a filter on an object', { filters: [{ field: 'version', value: 'x' }] }],
    ['since with parts', { since: '2026-01-01T00:00:00Z', parts: [0] }],
    ['since in the future', { since: '2036-01-01T00:00:00Z' }],
    ['a part beyond 9', { parts: [10] }],
    ['one partition in both maps', { parts: [0], offsets: { 0: 1 }, since_per_partition: { 0: '2026-01-01T00:00:00Z' } }],
  ])('answers 422 to %s', async (_name, body) => {
    const answer = await post(`${rig.practice.url}/v2/articles`, body, { authorization: `Bearer ${rig.token}` });
    expect(answer.status).toBe(422);
  });
});

describe('practice upstream: stream positions', () => {
  it('starts at an offset, inclusive, when its part is named; drops offsets silently when not', async () => {
    const title = await act('create', { title: 'Place to start' });
    const found = await stream({
      query: `?since=${encodeURIComponent(iso(clock - HOUR))}`,
      body: { filters: [{ field: 'name', value: title }] },
    });
    const { partition, offset } = (await found.next()).event;
    const part = Math.floor(partition / 5);
    const named = await stream({ body: { parts: [part], offsets: { [partition]: offset } } });
    expect(await named.next()).toMatchObject({ name: title, event: { partition, offset } });
    const unnamed = await stream({ body: { offsets: { [partition]: offset } } });
    await act('edit', { title });
    const first = await unnamed.next();
    expect(first.event.offset).toBeGreaterThan(offset);
    expect(first.name).toBe(title);
  });

  it('starts partitions without a position live, and those outside of the parts never', async () => {
    const title = await act('create', { title: 'Elsewhere' });
    const found = await stream({
      query: `?since=${encodeURIComponent(iso(clock - HOUR))}`,
      body: { filters: [{ field: 'name', value: title }] },
    });
    const { partition } = (await found.next()).event;
    const part = Math.floor(partition / 5);
    const other = part * 5 + ((partition + 1) % 5);
    const live = await stream({ body: { parts: [part], offsets: { [other]: 0 }, filters: [{ field: 'name', value: title }] } });
    const outside = await stream({ body: { parts: [(part + 1) % 10] } });
    let isTold = false;
    void outside.response.then(
      () => (isTold = true),
      () => undefined,
    );
    await act('edit', { title });
    const event = await live.next();
    expect(event.version.identifier).toBe((await rig.articles('/v2/articles/Elsewhere'))[0]?.version.identifier);
    expect(isTold).toBe(false);
  });

  it('starts at the newest, silently, beyond the end and before what is retained', async () => {
    const title = await act('create', { title: 'Out of range' });
    const found = await stream({
      query: `?since=${encodeURIComponent(iso(clock - HOUR))}`,
      body: { filters: [{ field: 'name', value: title }] },
    });
    const { partition, offset } = (await found.next()).event;
    const parts = [Math.floor(partition / 5)];
    for (const wrong of [offset + 1_000_000, -1]) {
      const reader = await stream({
        body: { parts, offsets: { [partition]: wrong }, filters: [{ field: 'name', value: title }] },
      });
      await act('edit', { title });
      const version = (await rig.articles('/v2/articles/Out_of_range'))[0]?.version.identifier;
      expect((await reader.next()).version.identifier).toBe(version);
    }
  });

  it('goes back to the earliest for a time before the retention, and by partition to a time', async () => {
    const reader = await stream({ query: `?since=${encodeURIComponent(iso(clock - 1000 * HOUR))}` });
    const { event } = await reader.next();
    const part = Math.floor(event.partition / 5);
    const times = { [event.partition]: event.date_published.replace(/(\.\d{3})\d*Z$/, '$1Z') };
    const again = await stream({ body: { parts: [part], since_per_partition: times } });
    expect((await again.next()).event.offset).toBe(event.offset);
  });
});

describe('practice upstream: throttle', () => {
  it('keeps a connection to one part at a tenth of the rate', async () => {
    const slow = await practiceFor({ streamThrottle: 200 });
    try {
      const title = 'Throttled';
      await slow.practice.act({ action: 'create', project: PROJECT, title });
      const found = await openStream(slow, {
        body: { since: iso(Date.now() - HOUR), filters: [{ field: 'name', value: title }] },
      });
      const { partition, offset } = (await found.next()).event;
      await slow.practice.act({ action: 'edit', project: PROJECT, title, count: 3 });
      const one = await openStream(slow, { body: { parts: [Math.floor(partition / 5)], offsets: { [partition]: offset } } });
      const began = performance.now();
      await one.take(4);
      // 20 events a second: three pauses of 50 ms lie between four events; a busy machine only makes it longer.
      expect(performance.now() - began).toBeGreaterThan(130);
    } finally {
      await slow.practice.close();
    }
  });
});

describe('practice upstream: retention', () => {
  it('forgets events after it: a time before goes to the earliest left, an offset before silently to the newest', async () => {
    let later = Date.UTC(2026, 9, 1);
    const short = await practiceFor({ now: () => later, retentionMs: HOUR, tokenLifetimeMs: 100 * HOUR });
    const filters = [{ field: 'name', value: 'Kept' }];
    const edit = () => short.practice.act({ action: 'edit', project: PROJECT, title: 'Kept' });
    const [start, versions] = [iso(later), [] as number[]];
    const current = async () => given((await short.articles('/v2/articles/Kept'))[0]).version.identifier;
    try {
      await short.practice.act({ action: 'create', project: PROJECT, title: 'Kept' });
      const { partition, offset } = (await (await openStream(short, { body: { since: start, filters } })).next()).event;
      later += 2 * HOUR;
      await edit();
      versions.push(await current());
      const byTime = await openStream(short, { body: { since: start, filters } });
      expect((await byTime.next()).version.identifier).toBe(versions[0]);
      const byOffset = await openStream(short, {
        body: { parts: [Math.floor(partition / 5)], offsets: { [partition]: offset }, filters },
      });
      await edit();
      versions.push(await current());
      expect((await byOffset.next()).version.identifier).toBe(versions[1]);
    } finally {
      await short.practice.close();
    }
  });
});

describe('practice upstream: what events look like', () => {
  /** Records of what `deed` did, whatever order the partitions come in. */
  async function recordsOf(count: number, deed: () => Promise<unknown>): Promise<WireRecord[]> {
    const reader = await stream({});
    await deed();
    const records = await reader.take(count);
    reader.close();
    return records;
  }

  async function recordOf(deed: () => Promise<unknown>): Promise<WireRecord> {
    return given((await recordsOf(1, deed))[0]);
  }
  async function pairOf(deed: () => Promise<unknown>): Promise<readonly [WireRecord, WireRecord]> {
    const records = await recordsOf(2, deed);
    return [given(records[0]), given(records[1])];
  }

  it('publishes a move as an update and a delete that share page and event identifier', async () => {
    const title = await act('create', { title: 'Old home of it' });
    const records = await recordsOf(2, () => act('move', { title, target: 'New home of it' }));
    const gone = given(records.find((record) => record.event.type === 'delete'));
    const come = given(records.find((record) => record.event.type === 'update'));
    expect(come).toMatchObject({
      name: 'New home of it',
      identifier: gone.identifier,
      event: { identifier: gone.event.identifier },
    });
    expect(gone).toMatchObject({ name: 'Old_home_of_it', version: { identifier: come.version.identifier }, url: come.url });
    expect(gone.event.partition).not.toBe(come.event.partition);
    expect(gone).not.toHaveProperty('previous_version');
  });

  it('cuts delete and visibility payloads down, with underscores, a decoded address and the performer', async () => {
    const title = await act('create', { title: 'Größe+1 & more' });
    const hidden = await recordOf(() => act('hide', { title, visibility: { text: true, editor: false, comment: false } }));
    expect(Object.keys(hidden)).toEqual([
      'name',
      'identifier',
      'date_modified',
      'version',
      'previous_version',
      'url',
      'namespace',
      'in_language',
      'is_part_of',
      'visibility',
      'event',
    ]);
    expect(hidden).toMatchObject({
      name: 'Größe+1_&_more',
      visibility: { text: true, editor: false, comment: false },
      previous_version: {},
    });
    expect(Object.keys(hidden.version)).toEqual(['identifier', 'size']);
    expect(hidden.url).toBe('https://ar.practicewiki.example/wiki/Größe 1_&_more');
    const gone = await recordOf(() => act('delete', { title }));
    expect(gone.version.editor?.name).toBe('Practice Steward');
    expect(gone).not.toHaveProperty('visibility');
    const back = await recordOf(() => act('undelete', { title }));
    expect(back).toMatchObject({ name: title, event: { type: 'update' }, version: { identifier: gone.version.identifier } });
    expect(back.url).toBe('https://ar.practicewiki.example/wiki/Gr%C3%B6%C3%9Fe%2B1_%26_more');
  });

  it('lets On-demand ignore what was hidden', async () => {
    const title = await act('create', { title: 'Shown all the same' });
    await act('hide', { title, visibility: { text: false, editor: false, comment: false } });
    const record = given((await rig.articles('/v2/articles/Shown_all_the_same'))[0]);
    expect(record).not.toHaveProperty('visibility');
    expect(record.article_body.html).toContain('<!DOCTYPE html>');
  });

  it('sends two events with the same newest version after two quick edits', async () => {
    const [first, second] = await pairOf(() => act('double-edit'));
    expect(first.version.identifier).toBe(second.version.identifier);
    expect(first.event.identifier).not.toBe(second.event.identifier);
  });

  it('lets a delete overtake an older update, told apart by their creation', async () => {
    const title = await act('create', { title: 'Overtaken' });
    const [gone, late] = await pairOf(() => act('overtake', { title }));
    expect([gone.event.type, late.event.type]).toEqual(['delete', 'update']);
    expect(late.event.date_created < gone.event.date_created).toBe(true);
    expect(late.event.date_published > gone.event.date_published).toBe(true);
    expect((await rig.call('/v2/articles/Overtaken')).status).toBe(404);
  });

  it('keeps one title in one partition, in order, with growing offsets and event times', async () => {
    const title = await act('create', { title: 'Always the same place' });
    const records = await recordsOf(12, () => rig.practice.act({ action: 'edit', project: PROJECT, title, count: 12 }));
    expect(new Set(records.map((record) => record.event.partition)).size).toBe(1);
    for (const [index, record] of records.entries()) {
      const before = records[index - 1];
      if (before === undefined) continue;
      expect(record.event.offset).toBeGreaterThan(before.event.offset);
      expect(record.event.date_created > before.event.date_created).toBe(true);
      expect(record.version.identifier).toBeGreaterThan(before.version.identifier);
    }
  });
});
