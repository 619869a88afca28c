/** A practice upstream and a mirror in one process, over real HTTP and real LevelDB, and the comparison with upstream's truth. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Value } from 'typebox/value';
import { ConfigSchema, type Config } from '../../mirror-core/contracts/config.ts';
import { parseDatasetId, titleKey, type DatasetId } from '../../mirror-core/contracts/identifiers.ts';
import type { MirrorStatus } from '../../mirror-core/contracts/control-api.ts';
import { openMirror, type OpenMirror } from '../../mirror-core/host/compose.ts';
import { startPractice, type PracticeOptions, type PracticeServer } from '../../mirror-core/practice/server.ts';

export const logger = pino({ level: process.env['TEST_LOG'] ?? 'silent' });

export function dataset(id: string): DatasetId {
  const parts = parseDatasetId(id);
  if (parts === undefined) throw new Error(`${id} is not a dataset`);
  return parts.id;
}

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'wikimirror-test-'));
}

export type ConfigChanges = { readonly [K in 'sync' | 'disk' | 'server']?: Partial<Config[K]> };

export function testConfig(data: string, practiceUrl: string, changes: ConfigChanges = {}): Config {
  const defaults = Value.Default(ConfigSchema, Value.Create(ConfigSchema)) as Config;
  return {
    ...defaults,
    data,
    upstream: {
      ...defaults.upstream,
      kind: 'practice',
      auth: practiceUrl,
      api: practiceUrl,
      realtime: practiceUrl,
      username: 'tester',
      password: 'secret',
    },
    sync: { ...defaults.sync, silenceSeconds: 0.5, snapshotCheckMinutes: 0.02, eraseDelayMinutes: 0, ...changes.sync },
    disk: { ...defaults.disk, reserveBytes: 0, ...changes.disk },
    server: { ...defaults.server, port: 0, ...changes.server },
    log: { level: 'silent' },
  };
}

export interface Rig {
  readonly practice: PracticeServer;
  readonly data: string;
  readonly config: Config;
  mirror: OpenMirror;
  /** Opens the mirror again on the same data, after it was closed. */
  reopen(): Promise<void>;
  close(): Promise<void>;
}

export async function startRig(options: {
  /** The mirror's clock. */
  readonly now?: () => number;
  readonly practice?: Partial<PracticeOptions>;
  readonly config?: ConfigChanges;
}): Promise<Rig> {
  const data = await temporaryDirectory();
  const practice = await startPractice({ directory: null, ...options.practice });
  const config = testConfig(data, practice.url, options.config);
  const rig: Rig = {
    practice,
    data,
    config,
    mirror: await openMirror(config, logger, options.now),
    async reopen() {
      rig.mirror = await openMirror(config, logger, options.now);
    },
    async close() {
      await rig.mirror.close();
      await practice.close();
      await rm(data, { recursive: true, force: true });
    },
  };
  return rig;
}

/** Waits for `condition` by looking every 20 ms, because what it waits for happens in other processes and sockets. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 60_000,
): Promise<T> {
  const until = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < until) {
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`gave up waiting for ${what}`, { cause: last });
}

export async function statusOf(mirror: OpenMirror, id: string): Promise<MirrorStatus['datasets'][number] | undefined> {
  return (await mirror.mirror.status()).datasets.find((status) => status.id === id);
}

/** The record as content: without the stream position, which snapshot and on-demand records do not have. */
function contentOf(json: string): unknown {
  const record = JSON.parse(json) as { event?: Record<string, unknown> };
  if (record.event !== undefined) {
    delete record.event['partition'];
    delete record.event['offset'];
  }
  return record;
}

function hide(record: unknown, visibility: { text: boolean; editor: boolean; comment: boolean }): unknown {
  const copy = structuredClone(record) as Record<string, unknown> & { version?: Record<string, unknown> };
  if (!visibility.text) {
    delete copy['article_body'];
    delete copy['abstract'];
  }
  if (!visibility.editor) delete copy.version?.['editor'];
  if (!visibility.comment) delete copy.version?.['comment'];
  if (!(visibility.text && visibility.editor && visibility.comment)) copy['visibility'] = visibility;
  return copy;
}

/** What differs between the mirror and upstream's truth, title by title; empty when they are equal. */
export async function differences(rig: Pick<Rig, 'practice' | 'mirror'>, id: string): Promise<string[]> {
  const found: string[] = [];
  const reader = await rig.mirror.mirror.reader.dataset(dataset(id));
  if (reader === undefined) return [`${id} is not mirrored`];
  const expected = new Map<string, unknown>();
  for (const row of rig.practice.truth(id)) {
    expected.set(row.title, hide(contentOf(JSON.stringify(row.record)), row.visibility));
  }
  for await (const row of reader.manifest()) {
    if (!expected.has(row.title)) found.push(`${row.title}: the mirror has it, upstream has not`);
  }
  for (const [title, record] of expected) {
    const stored = await reader.read(titleKey(title));
    if (stored === undefined) {
      found.push(`${title}: upstream has it, the mirror has not`);
      continue;
    }
    const held = contentOf(Buffer.from(await reader.readJson(stored)).toString());
    if (!Value.Equal(held, record)) found.push(`${title}: differs (mirror version ${stored.entry.versionId})`);
  }
  return found;
}

export async function equalToTruth(rig: Pick<Rig, 'practice' | 'mirror'>, id: string, timeoutMs = 60_000): Promise<void> {
  let last: string[] = [];
  try {
    await eventually(
      `${id} to equal upstream`,
      async () => {
        last = await differences(rig, id);
        return last.length === 0 ? true : undefined;
      },
      timeoutMs,
    );
  } catch (error) {
    throw new Error(`${id} does not equal upstream: ${last.slice(0, 5).join('; ')} (${last.length} in all)`, { cause: error });
  }
}
