import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startPractice } from '../../mirror-core/practice/server.ts';
import { DATASET, openStream, post, practiceFor, PROJECT, type TestPractice, type WireRecord } from './practice-setup.ts';

const HOUR = 3_600_000;

describe('practice upstream: restart', () => {
  let directory: string;
  let clock: number;
  const start = () => practiceFor({ directory, historyActs: 10, now: () => clock, tokenLifetimeMs: 100 * HOUR });
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'practice-'));
    clock = Date.UTC(2026, 8, 9, 10);
  });
  afterEach(() => rm(directory, { recursive: true }));

  const truthOf = (rig: TestPractice) => [...rig.practice.truth(DATASET)].sort((a, b) => (a.title < b.title ? -1 : 1));
  const allEvents = async (rig: TestPractice) => {
    const stream = await openStream(rig, { body: { since: '2026-01-01T00:00:00Z' } });
    const events = await stream.take(rig.practice.status().events);
    stream.close();
    return events.map((record) => JSON.stringify(record)).sort();
  };

  it('goes on with the same pages, events, snapshots and tokens', async () => {
    const first = await start();
    await first.practice.act({ action: 'random', count: 40 });
    const before = {
      truth: truthOf(first),
      events: await allEvents(first),
      snapshots: await first.list('/v2/snapshots'),
      user: await (await post(`${first.practice.url}/v1/get-user`, {}, { authorization: `Bearer ${first.token}` })).json(),
    };
    await first.practice.close();
    const second = await start();
    try {
      expect(truthOf(second)).toEqual(before.truth);
      expect(await allEvents(second)).toEqual(before.events);
      expect(await second.list('/v2/snapshots')).toEqual(before.snapshots);
      const old = { authorization: `Bearer ${first.token}` };
      expect((await fetch(`${second.practice.url}/v2/codes`, { headers: old })).status).toBe(200);
      expect(await (await post(`${second.practice.url}/v1/get-user`, {}, old)).json()).toEqual(before.user);
      const head = await second.call(`/v2/snapshots/${DATASET}/download`, { method: 'HEAD' });
      expect(head.status).toBe(200);
    } finally {
      await second.practice.close();
    }
  });

  it('resumes a stream by the offset after the last event seen', async () => {
    const first = await start();
    await first.practice.act({ action: 'create', project: PROJECT, title: 'Followed' });
    const watch = (rig: TestPractice, body: object) =>
      openStream(rig, { body: { ...body, filters: [{ field: 'name', value: 'Followed' }] } });
    const seen = await (await watch(first, { since: '2026-01-01T00:00:00Z' })).next();
    await first.practice.act({ action: 'edit', project: PROJECT, title: 'Followed' });
    await first.practice.close();
    const second = await start();
    try {
      await second.practice.act({ action: 'edit', project: PROJECT, title: 'Followed' });
      const { partition, offset } = seen.event;
      const stream = await watch(second, { parts: [Math.floor(partition / 5)], offsets: { [partition]: offset + 1 } });
      const [missed, fresh] = (await stream.take(2)) as [WireRecord, WireRecord];
      stream.close();
      expect(missed.version.identifier).toBeGreaterThan(seen.version.identifier);
      expect(fresh.version.identifier).toBeGreaterThan(missed.version.identifier);
      expect(fresh.event.offset).toBeGreaterThan(missed.event.offset);
    } finally {
      await second.practice.close();
    }
  });

  it('never gives an offset out twice, though everything before was forgotten', async () => {
    const first = await start();
    await first.practice.act({ action: 'create', project: PROJECT, title: 'Long ago' });
    const filters = [{ field: 'name', value: 'Long ago' }];
    const seen = await (await openStream(first, { body: { since: '2026-01-01T00:00:00Z', filters } })).next();
    await first.practice.close();
    clock += 72 * HOUR;
    const second = await start();
    try {
      expect(second.practice.status().events).toBe(0);
      const stream = await openStream(second, { body: { filters } });
      await second.practice.act({ action: 'edit', project: PROJECT, title: 'Long ago' });
      expect((await stream.next()).event.offset).toBeGreaterThan(seen.event.offset);
      stream.close();
    } finally {
      await second.practice.close();
    }
  });

  it('leaves out an act that was cut off while it was being written', async () => {
    const first = await start();
    const events = first.practice.status().events;
    await first.practice.close();
    await appendFile(join(directory, 'practice-journal.ndjson'), '[{"op":"event","entry":{"partit');
    const second = await start();
    expect(second.practice.status().events).toBe(events);
    await second.practice.act({ action: 'edit' });
    await second.practice.close();
    const third = await start();
    expect(third.practice.status().events).toBe(events + 1);
    await third.practice.close();
  });

  it('makes its snapshots anew when it was stopped in the middle of an export', async () => {
    const first = await start();
    await first.practice.close();
    await rm(join(directory, 'objects', 'chunks', DATASET, 'chunk_0.tar.gz.meta.json'));
    const second = await start();
    try {
      for (const chunk of await second.list(`/v2/snapshots/${DATASET}/chunks`)) {
        const head = await second.call(`/v2/snapshots/${DATASET}/chunks/${chunk.identifier}/download`, { method: 'HEAD' });
        expect([head.status, head.headers.get('etag')]).toEqual([200, `"${chunk.version}"`]);
      }
    } finally {
      await second.practice.close();
    }
  });

  it('refuses a directory made with other options, and a port that is taken', async () => {
    const first = await start();
    const port = Number(new URL(first.practice.url).port);
    await expect(startPractice({ directory: null, wikis: [PROJECT], port })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    await first.practice.close();
    await expect(startPractice({ directory, wikis: [PROJECT], seed: 99 })).rejects.toMatchObject({ code: 'DATA_MISMATCH' });
    await expect(startPractice({ directory: null, wikis: ['enwiki'] })).rejects.toMatchObject({ code: 'UNKNOWN_PROJECT' });
  });

  it('keeps no password and no refresh token in the directory', async () => {
    const rig = await start();
    const tokens = (await (await post(`${rig.practice.url}/v1/login`, { username: 'x', password: 'hunter2' })).json()) as {
      refresh_token: string;
    };
    await rig.practice.close();
    const kept = await readFile(join(directory, 'practice-accounts.json'), 'utf8');
    expect(kept).not.toContain(tokens.refresh_token);
    expect(kept).not.toContain('hunter2');
  });
});
