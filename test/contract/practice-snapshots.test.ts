import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DATASET,
  download,
  FLAWLESS,
  practiceFor,
  PROJECT,
  recordsOf,
  unpack,
  type TestPractice,
  type WireInfo,
  type WireRecord,
} from './practice-setup.ts';

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const FULL = `/v2/snapshots/${DATASET}/download`;

describe('practice upstream: snapshots', () => {
  let clock = Date.UTC(2026, 5, 1, 12, 30, 15);
  let rig: TestPractice;
  let snapshot: WireInfo;
  beforeAll(async () => {
    rig = await practiceFor({ chunkBytes: 300_000, now: () => clock });
    snapshot = await rig.info(`/v2/snapshots/${DATASET}`);
  });
  afterAll(() => rig.practice.close());

  it('describes a snapshot with the MD5 of its file, its size in MB and its chunks unsorted', async () => {
    const bytes = await download(rig, FULL);
    expect(snapshot).toMatchObject({
      identifier: DATASET,
      version: md5(bytes),
      date_modified: expect.stringMatching(/^2026-06-01T12:30:15\.\d{9}Z$/),
      is_part_of: { identifier: PROJECT },
      in_language: { identifier: 'ar' },
      namespace: { identifier: 0 },
      size: { value: Math.round(bytes.length / 1000) / 1000, unit_text: 'MB' },
    });
    expect(snapshot.chunks.length).toBeGreaterThan(3);
    expect(snapshot.chunks).not.toEqual([...snapshot.chunks].sort());
    expect(await rig.list('/v2/snapshots')).toContainEqual(snapshot);
  });

  it('lists chunks as an array and takes every spelling of a chunk identifier', async () => {
    const chunks = await rig.list(`/v2/snapshots/${DATASET}/chunks`);
    expect(chunks.map((chunk) => chunk.identifier).sort()).toEqual([...snapshot.chunks].sort());
    for (const spelling of ['2', 'chunk_2', `${DATASET}_chunk_2`]) {
      const chunk = await rig.info(`/v2/snapshots/${DATASET}/chunks/${spelling}`);
      expect(chunk).toEqual(chunks.find((candidate) => candidate.identifier.endsWith('_chunk_2')));
      expect(md5(await download(rig, `/v2/snapshots/${DATASET}/chunks/${spelling}/download`))).toBe(chunk.version);
    }
    expect((await rig.call(`/v2/snapshots/${DATASET}/chunks/99`)).status).toBe(404);
    expect((await rig.call('/v2/snapshots/nowiki_namespace_0/chunks')).status).toBe(404);
  });

  it('holds the same records in chunks and in several members, each title once, equal to the truth', async () => {
    const full = await download(rig, FULL);
    const members = await unpack(full);
    expect(members.length).toBeGreaterThan(1);
    members.forEach((member, index) => {
      expect(member).toMatchObject({
        name: `${DATASET}_${index}.ndjson`,
        mode: 0o766,
        mtime: new Date(Date.UTC(2026, 5, 1, 12, 30, 15)),
      });
      expect(member.text).not.toContain('\n\n');
      expect(member.text.endsWith('\n')).toBe(true);
    });
    const chunked: WireRecord[] = [];
    for (const id of snapshot.chunks) {
      const archive = await download(rig, `/v2/snapshots/${DATASET}/chunks/${id}/download`);
      expect(await unpack(archive)).toMatchObject([{ name: expect.stringMatching(/^chunk_\d+\.ndjson$/), mode: 0o644 }]);
      chunked.push(...(await recordsOf(archive)));
    }
    const byName = (records: readonly { readonly name?: unknown }[]) => new Map(records.map((record) => [record.name, record]));
    const truth = [...rig.practice.truth(DATASET)].map((row) => row.record);
    expect(chunked).toHaveLength(truth.length);
    expect(byName(chunked)).toEqual(byName(await recordsOf(full)));
    expect(byName(chunked)).toEqual(byName(truth));
  });

  it('answers HEAD with the headers of the file and does not redirect it', async () => {
    const head = await rig.call(FULL, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(Object.fromEntries(head.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'content-type': 'binary/octet-stream',
      'content-length': String((await download(rig, FULL)).length),
      etag: expect.stringMatching(/^"[0-9a-f]{32}-2"$/),
      'last-modified': 'Mon, 01 Jun 2026 12:30:15 UTC',
    });
    const chunk = await rig.info(`/v2/snapshots/${DATASET}/chunks/0`);
    expect((await rig.call(`/v2/snapshots/${DATASET}/chunks/0/download`, { method: 'HEAD' })).headers.get('etag')).toBe(
      `"${chunk.version}"`,
    );
    const missing = await rig.call('/v2/snapshots/nowiki_namespace_0/download', { method: 'HEAD' });
    expect([missing.status, await missing.text()]).toEqual([404, '']);
  });

  it('redirects GET to another origin whether or not the file exists, and tells there in XML that it does not', async () => {
    const redirect = await rig.call('/v2/snapshots/nowiki_namespace_0/download');
    const location = redirect.headers.get('location') ?? '';
    expect([redirect.status, new URL(location).origin]).toEqual([307, rig.practice.storeUrl]);
    const missing = await fetch(location);
    expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'application/xml']);
  });

  it('refuses at the store an Authorization header, a tampered address and one older than 60 seconds', async () => {
    const location = (await rig.call(FULL)).headers.get('location') ?? '';
    expect((await fetch(location, { headers: { authorization: `Bearer ${rig.token}` } })).status).toBe(400);
    expect((await fetch(location.replace(/snapshots/, 'chunks'))).status).toBe(403);
    clock += 60_000;
    expect((await fetch(location)).status).toBe(200);
    clock += 1;
    const late = await fetch(location);
    expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')]);
  });

  it('honours ranges and conditions at the store', async () => {
    const bytes = await download(rig, FULL);
    const location = (await rig.call(FULL)).headers.get('location') ?? '';
    const ask = async (headers: Record<string, string>) => {
      const answer = await fetch(location, { headers });
      return { status: answer.status, range: answer.headers.get('content-range'), body: Buffer.from(await answer.arrayBuffer()) };
    };
    const etag = (await fetch(location, { method: 'HEAD' })).headers.get('etag') ?? '';
    const size = bytes.length;
    expect(await ask({ range: 'bytes=5-9' })).toEqual({ status: 206, range: `bytes 5-9/${size}`, body: bytes.subarray(5, 10) });
    expect(await ask({ range: 'bytes=-4' })).toMatchObject({ status: 206, body: bytes.subarray(-4) });
    expect(await ask({ range: `bytes=7-${size + 50}` })).toMatchObject({ status: 206, range: `bytes 7-${size - 1}/${size}` });
    expect(await ask({ range: 'bytes=5-9', 'if-range': etag })).toMatchObject({ status: 206 });
    expect(await ask({ range: 'bytes=5-9', 'if-range': '"other"' })).toMatchObject({ status: 200, body: bytes });
    expect(await ask({ 'if-match': '"other"' })).toMatchObject({ status: 412 });
    expect(await ask({ 'if-none-match': etag })).toMatchObject({ status: 304 });
    const beyond = await ask({ range: `bytes=${size}-` });
    expect(beyond).toMatchObject({ status: 416, range: `bytes */${size}` });
    expect(beyond.body.toString()).toContain('<Code>InvalidRange</Code>');
  });
});

describe('practice upstream: exports', () => {
  it('can answer downloads itself, with JSON errors', async () => {
    const rig = await practiceFor({ directDownloads: true });
    try {
      const part = await rig.call(FULL, { headers: { range: 'bytes=0-1' } });
      expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, Buffer.from([0x1f, 0x8b])]);
      const beyond = await rig.call(FULL, { headers: { range: 'bytes=999999999-' } });
      expect([beyond.status, await beyond.json()]).toEqual([416, { status: 416, message: expect.any(String) }]);
      expect((await rig.call('/v2/snapshots/nowiki_namespace_0/download')).status).toBe(404);
    } finally {
      await rig.practice.close();
    }
  });

  it('replaces a chunk set piece by piece: old chunks vanish first, the lists and the snapshot change last', async () => {
    const rig = await practiceFor({ chunkBytes: 400_000, exportStepMs: 1 });
    try {
      const before = await rig.info(`/v2/snapshots/${DATASET}`);
      const last = before.chunks.length - 1;
      await rig.practice.act({ action: 'edit', count: 5 });
      const running = rig.practice.exportSnapshots();
      const statusOf = async (chunk: number) => (await rig.call(`/v2/snapshots/${DATASET}/chunks/${chunk}`)).status;
      while ((await statusOf(0)) === 200) await new Promise((resolve) => setImmediate(resolve));
      // Now the first chunk is gone while list and snapshot still promise it.
      expect(rig.practice.status().isExporting).toBe(true);
      expect(await rig.info(`/v2/snapshots/${DATASET}`)).toEqual(before);
      expect(await rig.list(`/v2/snapshots/${DATASET}/chunks`)).toHaveLength(last + 1);
      await running;
      const after = await rig.info(`/v2/snapshots/${DATASET}`);
      expect(after.version).not.toBe(before.version);
      expect(await statusOf(0)).toBe(200);
    } finally {
      await rig.practice.close();
    }
  });

  it('makes new generations on a schedule when told to', async () => {
    const rig = await practiceFor({ snapshotEveryMs: 5 });
    try {
      const before = await rig.info(`/v2/snapshots/${DATASET}`);
      let after = before;
      while (after['date_modified'] === before['date_modified']) after = await rig.info(`/v2/snapshots/${DATASET}`);
      expect(after.identifier).toBe(DATASET);
    } finally {
      await rig.practice.close();
    }
  });

  it('leaves ghosts, duplicates and holes at the rates it was given', async () => {
    const rig = await practiceFor({ flaws: { ...FLAWLESS, ghostRate: 1 } });
    try {
      const [deleted] = await rig.practice.act({ action: 'delete', project: PROJECT });
      await rig.practice.exportSnapshots();
      const names = (await recordsOf(await download(rig, FULL))).map((record) => record.name);
      expect(names).toContain(deleted?.title);
      expect([...rig.practice.truth(DATASET)].map((row) => row.record['name'])).not.toContain(deleted?.title);
    } finally {
      await rig.practice.close();
    }
    const flawed = await practiceFor({ flaws: { ghostRate: 0, duplicateRate: 0.3, holeRate: 0.2 } });
    try {
      const records = await recordsOf(await download(flawed, FULL));
      const versions = new Map<string, Set<number>>();
      for (const record of records)
        versions.set(record.name, (versions.get(record.name) ?? new Set<number>()).add(record.version.identifier));
      const doubled = [...versions.values()].filter((seen) => seen.size === 2).length;
      expect(doubled).toBe(records.length - versions.size);
      expect(doubled).toBeGreaterThan(0);
      const truth = [...flawed.practice.truth(DATASET)];
      const missing = truth.filter((row) => !versions.has(row.title.replaceAll('_', ' ')));
      expect(missing.length).toBeGreaterThan(0);
      // Each hole was made by an edit during the export: the stream has what the file lacks.
      expect(flawed.practice.status().events).toBeGreaterThanOrEqual(missing.length);
    } finally {
      await flawed.practice.close();
    }
  });
});

describe('practice upstream: batches', () => {
  const HOUR = 3_600_000;
  let clock = Date.UTC(2026, 6, 7, 8, 10);
  let rig: TestPractice;
  beforeAll(async () => (rig = await practiceFor({ now: () => clock, tokenLifetimeMs: 100 * HOUR })));
  afterAll(() => rig.practice.close());

  it('appears after its hour, overlaps into the next, holds deletes and no visibility-changes', async () => {
    await rig.practice.act({ action: 'edit', project: PROJECT });
    await rig.practice.act({ action: 'hide', project: PROJECT });
    const [gone] = await rig.practice.act({ action: 'delete', project: PROJECT });
    expect((await rig.call('/v2/batches/2026-07-07/08')).status).toBe(404);
    clock = Date.UTC(2026, 6, 7, 9, 0, 30);
    const [late] = await rig.practice.act({ action: 'create', project: PROJECT });
    clock += HOUR;
    const path = `/v2/batches/2026-07-07/08/${DATASET}`;
    const [batch] = await rig.list('/v2/batches/2026-07-07/08');
    expect(await rig.info(path)).toEqual(batch);
    expect(batch).toMatchObject({ identifier: DATASET, version: md5(await download(rig, `${path}/download`)) });
    expect(batch).not.toHaveProperty('chunks');
    const records = await recordsOf(await download(rig, `${path}/download`));
    expect(records.map((record) => record.event.type).sort()).toEqual(['delete', 'update', 'update']);
    expect(records.find((record) => record.event.type === 'delete')?.name).toBe(gone?.title.replaceAll(' ', '_'));
    expect(records.map((record) => record.name)).toContain(late?.title);
    expect(records.some((record) => 'offset' in record.event || 'partition' in record.event)).toBe(false);
    expect((await rig.call(`${path}/download`, { method: 'HEAD' })).headers.get('etag')).toBe(`"${batch?.version ?? ''}"`);
  });

  it('has none for quiet hours, odd spellings, and hours beyond the retention', async () => {
    for (const path of ['2026-07-07/07', '2026-07-07/8', '2026-07-07/24', '2026-13-01/00']) {
      expect((await rig.call(`/v2/batches/${path}`)).status).toBe(404);
    }
    clock += 48 * HOUR;
    expect((await rig.call('/v2/batches/2026-07-07/08')).status).toBe(404);
  });
});
