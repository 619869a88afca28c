/** What the store's tests share: stores in temporary directories and records to put in them. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import type { Codec, Visibility } from '../../mirror-core/contracts/article.ts';
import { parseDatasetId, titleKey, type DatasetId, type TitleKey } from '../../mirror-core/contracts/identifiers.ts';
import type { Change, ChangeSource, DatasetReader, DatasetWriter } from '../../mirror-core/contracts/store-port.ts';
import { parseUpstreamTime, type UpstreamTime } from '../../mirror-core/contracts/upstream-time.ts';
import { encodeRecord } from '../../mirror-core/records/encode.ts';
import { MirrorStore, type MirrorStoreOptions } from '../../mirror-core/store/mirror-store.ts';

export const DATASET: DatasetId = parseDatasetId('testwiki_namespace_0')!.id;
export const silent = pino({ level: 'silent' });

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'wikimirror-store-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export function openStore(directory: string, options: Partial<MirrorStoreOptions> = {}): Promise<MirrorStore> {
  return MirrorStore.open({
    directory,
    upstreamAddress: 'https://upstream.example',
    isPractice: false,
    logger: silent,
    ...options,
  });
}

export interface Opened {
  readonly directory: string;
  readonly store: MirrorStore;
  readonly dataset: DatasetWriter;
}

/** A new store with one empty dataset; closed and removed when the test ends. */
export async function newDataset(options: Partial<MirrorStoreOptions> = {}): Promise<Opened> {
  const directory = await temporaryDirectory();
  const store = await openStore(directory, options);
  onTestFinished(() => store.close());
  return { directory, store, dataset: await store.create(DATASET) };
}

/** `second` seconds into an arbitrary day. */
export function at(second: number, nanos = 0): UpstreamTime {
  return { seconds: parseUpstreamTime('2026-03-01T00:00:00Z')!.seconds + second, nanos };
}

export interface Article {
  readonly name: string;
  readonly page?: number;
  readonly version?: number;
  /** Seconds, as for `at`. */
  readonly time?: number;
  readonly text?: string;
  readonly redirects?: readonly string[];
  readonly entity?: string;
  readonly licenses?: readonly string[];
  readonly visibility?: Visibility;
  readonly published?: number;
}

export function articleJson(article: Article): Buffer {
  const { name, page = 1, version = 10, time = 0, text = 'text', redirects = [], entity, licenses = ['CC-BY-SA-4.0'] } = article;
  const iso = (second: number): string => new Date(at(second).seconds * 1000).toISOString();
  return Buffer.from(
    JSON.stringify({
      name,
      identifier: page,
      version: { identifier: version, comment: 'a comment', editor: { name: 'An editor' } },
      namespace: { identifier: 0 },
      in_language: { identifier: 'en' },
      ...(entity === undefined ? {} : { main_entity: { identifier: entity } }),
      is_part_of: { identifier: 'testwiki' },
      redirects: redirects.map((redirect) => ({ name: redirect })),
      article_body: { html: text },
      license: licenses.map((identifier) => ({ identifier })),
      ...(article.visibility === undefined ? {} : { visibility: article.visibility }),
      event: {
        type: 'update',
        date_created: iso(time),
        ...(article.published === undefined ? {} : { date_published: iso(article.published) }),
      },
    }),
  );
}

export function record(
  article: Article,
  options: { readonly source?: ChangeSource; readonly generation?: number; readonly codec?: Codec } = {},
): Change {
  const { source = 'realtime', generation, codec = 'br' } = options;
  const encoded = encodeRecord(articleJson(article), codec);
  return { kind: 'record', record: encoded, source, ...(generation === undefined ? {} : { generation }) };
}

export function removal(
  name: string,
  second: number,
  options: { readonly page?: number; readonly version?: number } = {},
): Change {
  return {
    kind: 'delete',
    title: titleKey(name),
    pageId: options.page ?? 1,
    versionId: options.version ?? 11,
    eventTime: at(second),
    publishedTime: undefined,
    position: { partition: 3, offset: 1000 + second },
    source: 'realtime',
  };
}

export function marking(name: string, version: number, second: number, visibility: Partial<Visibility>): Change {
  return {
    kind: 'visibility',
    title: titleKey(name),
    pageId: 1,
    versionId: version,
    eventTime: at(second),
    publishedTime: undefined,
    visibility: { text: true, editor: true, comment: true, ...visibility },
    position: { partition: 3, offset: 1000 + second },
    source: 'realtime',
  };
}

export async function apply(dataset: DatasetWriter, ...changes: Change[]): Promise<readonly string[]> {
  const outcomes = await dataset.stage(changes);
  await dataset.commit();
  return outcomes;
}

export function key(name: string): TitleKey {
  return titleKey(name);
}

/** The record under `name` as it would be shown, parsed. */
export async function shown(dataset: DatasetReader, name: string): Promise<Record<string, unknown> | undefined> {
  const stored = await dataset.read(key(name));
  if (stored === undefined) return undefined;
  return JSON.parse(Buffer.from(await dataset.readJson(stored)).toString('utf8')) as Record<string, unknown>;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function problemsOf(dataset: DatasetReader): Promise<readonly string[]> {
  const report = await dataset.verify({});
  return report.examples.map(({ title, problem }) => `${title ?? '-'}: ${problem}`);
}

/** Names of the files below `directory` that contain `marker`. */
export async function filesWith(directory: string, marker: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if ((await readFile(path)).includes(marker)) found.push(path);
  }
  return found;
}
