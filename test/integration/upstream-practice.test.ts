import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { PARTITION_COUNT, PART_COUNT } from '../../mirror-core/contracts/limits.ts';
import { parseDatasetId } from '../../mirror-core/contracts/identifiers.ts';
import { timeFromMs } from '../../mirror-core/contracts/upstream-time.ts';
import { startPractice, type PracticeServer } from '../../mirror-core/practice/server.ts';
import type { EnterpriseClient } from '../../mirror-core/upstream/enterprise/client.ts';
import { setUp } from './upstream-setup.ts';

const { id: dataset, project } = parseDatasetId('practiceenwiki_namespace_0')!;
const everyPart = Array.from({ length: PART_COUNT }, (_, part) => part);

/** One with everything and one free account with a single snapshot a month: starting them takes longer than asking them. */
let paid: PracticeServer;
let free: PracticeServer;
/** How far the paid one's clock is ahead of ours. */
let aheadMs = 0;

beforeAll(async () => {
  const small = { directory: null, wikis: ['practiceenwiki'], historyActs: 5 };
  paid = await startPractice({ ...small, now: () => Date.now() + aheadMs });
  free = await startPractice({ ...small, account: 'free', quotas: { onDemand: 50_000, snapshot: 1, chunk: 1_500 } });
});

afterAll(async () => {
  await Promise.all([paid.close(), free.close()]);
});

async function clientOf({ url }: PracticeServer): Promise<{ client: EnterpriseClient; directory: string; log: () => string }> {
  const { again, directory, log } = await setUp();
  return { directory, log, client: again({ authUrl: url, apiUrl: url, realtimeUrl: url, now: Date.now }) };
}

function since(ms: number): ReadonlyMap<number, ReturnType<typeof timeFromMs>> {
  return new Map(Array.from({ length: PARTITION_COUNT }, (_, partition) => [partition, timeFromMs(ms)] as const));
}

describe('against the practice upstream', () => {
  it('learns what each kind of account may do', async () => {
    const poor = await clientOf(free);
    expect(await poor.client.capabilities()).toMatchObject({
      snapshots: true,
      chunks: true,
      onDemand: true,
      batches: false,
      realtime: false,
      isPractice: true,
      learnedFrom: 'get-user',
    });
    expect(poor.client.quota().map((use) => use.limit)).toEqual([50_000, 1, 1_500]);
    const rich = await clientOf(paid);
    expect(await rich.client.capabilities()).toMatchObject({ batches: true, realtime: true });
    expect(rich.client.quota().map((use) => use.limit)).toEqual([null, null, null]);
  });

  it('reads every list', async () => {
    const { client } = await clientOf(paid);
    const lists = await Promise.all([
      client.codes(),
      client.languages(),
      client.projects(),
      client.namespaces(),
      client.snapshots(),
    ]);
    expect(lists.map((list) => list.length > 0)).toEqual([true, true, true, true, true]);
    expect(await client.snapshot(parseDatasetId('xxwiki_namespace_0')!.id)).toBeUndefined();
  });

  it('downloads every chunk through the redirect, counts one request each, and logs no presigned address', async () => {
    const { client, directory, log } = await clientOf(free);
    const chunks = (await client.chunks(dataset)) ?? [];
    expect(chunks.length).toBeGreaterThan(0);
    for (const chunk of chunks) {
      const path = join(directory, `${chunk.identifier}.tar.gz`);
      const file = await client.download({
        target: { kind: 'chunk', dataset, chunk: chunk.identifier },
        path,
        md5: chunk.version,
        signal: new AbortController().signal,
      });
      expect(
        createHash('md5')
          .update(await readFile(path))
          .digest('hex'),
      ).toBe(chunk.version);
      expect(file.sizeBytes).toBe((await stat(path)).size);
    }
    expect(client.quota().find((use) => use.kind === 'chunk')?.used).toBe(chunks.length);
    await client.capabilities({ refresh: true });
    expect(client.quota().find((use) => use.kind === 'chunk')?.used).toBe(chunks.length);
    expect(log()).not.toMatch(/sub=|signature/i);
  });

  it('is refused when the quota is used up, with the figures', async () => {
    const { client, directory } = await clientOf(free);
    const snapshot = await client.snapshot(dataset);
    const request = {
      target: { kind: 'snapshot', dataset },
      md5: snapshot?.version,
      signal: new AbortController().signal,
    } as const;
    await client.download({ ...request, path: join(directory, 'a.tar.gz') });
    await expect(client.download({ ...request, path: join(directory, 'b.tar.gz') })).rejects.toMatchObject({
      code: 'QUOTA_EXHAUSTED',
      message: expect.stringContaining('1 of 1'),
    });
  });

  it('looks articles up, and says undefined for what is not there', async () => {
    const { client } = await clientOf(paid);
    const [row] = paid.truth(dataset);
    const record = await client.lookup(project, row!.title);
    expect(JSON.parse(Buffer.from(record ?? []).toString())).toMatchObject({ is_part_of: { identifier: project } });
    expect(await client.lookup(project, 'There is no such title here')).toBeUndefined();
  });

  it('follows the stream from a time on, and ends when told to', async () => {
    const { client } = await clientOf(paid);
    const stop = new AbortController();
    const startMs = Date.now() - 1_000;
    await paid.act({ action: 'create', project, count: 3 });
    const names: string[] = [];
    const reading = (async (): Promise<void> => {
      const request = {
        parts: everyPart,
        offsets: new Map(),
        sincePerPartition: since(startMs),
        signal: stop.signal,
        silenceMs: 20_000,
      };
      for await (const record of client.stream(request)) {
        const event = JSON.parse(Buffer.from(record).toString()) as { name: string };
        names.push(event.name);
        if (names.length === 3) stop.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    expect(new Set(names).size).toBe(3);
  });

  it('works on when upstream no longer takes its access token', async () => {
    const { client, log } = await clientOf(paid);
    await client.codes();
    aheadMs = 25 * 3_600_000;
    onTestFinished(() => {
      aheadMs = 0;
    });
    expect((await client.codes()).length).toBeGreaterThan(0);
    expect(log()).toContain('auth.refreshed');
  });
});
