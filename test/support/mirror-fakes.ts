/** Small in-memory stand-ins for the mirror's ports, to drive the server over real HTTP without a store. */
import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import { FULLY_VISIBLE, type Codec, type Visibility } from '../../mirror-core/contracts/article.ts';
import type {
  CatalogueProject,
  DatasetStatus,
  ImportResult,
  MirrorEvent,
  MirrorStatus,
} from '../../mirror-core/contracts/control-api.ts';
import type {
  EventLogPort,
  ImportRequest,
  MirrorControl,
  MirrorReader,
  ProjectInMirror,
} from '../../mirror-core/contracts/control-port.ts';
import { MirrorError } from '../../mirror-core/contracts/errors.ts';
import {
  parseDatasetId,
  parseProjectId,
  titleKey,
  type DatasetId,
  type ProjectId,
  type TitleKey,
} from '../../mirror-core/contracts/identifiers.ts';
import type {
  DatasetReader,
  ManifestRow,
  QuarantineRow,
  StoredRecord,
  VerifyReport,
} from '../../mirror-core/contracts/store-port.ts';

export function projectId(text: string): ProjectId {
  const id = parseProjectId(text);
  if (id === undefined) throw new Error(`not a project: ${text}`);
  return id;
}

export function compress(codec: Codec, raw: Uint8Array): Uint8Array {
  if (codec === 'zstd') return zlib.zstdCompressSync(raw);
  return codec === 'br' ? zlib.brotliCompressSync(raw, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }) : raw;
}

function decompress(codec: Codec, stored: Uint8Array): Uint8Array {
  if (codec === 'zstd') return zlib.zstdDecompressSync(stored);
  return codec === 'br' ? zlib.brotliDecompressSync(stored) : stored;
}

/** The record without what is hidden, the slow and obvious way. */
function redacted(json: Uint8Array, visibility: Visibility): Uint8Array {
  const record = JSON.parse(Buffer.from(json).toString()) as Record<string, unknown>;
  if (!visibility.text) {
    delete record['article_body'];
    delete record['abstract'];
  }
  return Buffer.from(JSON.stringify(record));
}

export interface FakeRecord {
  readonly raw: Uint8Array | string;
  readonly codec?: Codec;
  readonly visibility?: Visibility;
  readonly redirects?: readonly string[];
  readonly versionId?: number;
}

export class FakeDataset implements DatasetReader {
  readonly id: DatasetId;
  readonly project: ProjectId;
  readonly namespaceId: number;
  readonly records = new Map<TitleKey, StoredRecord>();
  readonly manifestRows: ManifestRow[] = [];
  readonly quarantineRows: QuarantineRow[] = [];
  /** Titles asked for, in order. */
  readonly asked: string[] = [];
  /** How often a record was decompressed. */
  opened = 0;
  failure: Error | undefined;
  readonly #redirects = new Map<string, TitleKey[]>();

  constructor(id: string) {
    const parts = parseDatasetId(id);
    if (parts === undefined) throw new Error(`not a dataset: ${id}`);
    this.id = parts.id;
    this.project = parts.project;
    this.namespaceId = parts.namespaceId;
  }

  put(name: string, { raw, codec = 'zstd', visibility = FULLY_VISIBLE, redirects = [], versionId = 1 }: FakeRecord): this {
    const bytes = typeof raw === 'string' ? Buffer.from(raw) : raw;
    const stored = compress(codec, bytes);
    const title = titleKey(name);
    const time = { seconds: 1_700_000_000, nanos: 0 };
    this.records.set(title, {
      codec,
      stored,
      mustRedact: !(visibility.text && visibility.editor && visibility.comment),
      entry: {
        kind: 'live',
        seq: this.records.size + 1,
        pageId: 1,
        versionId,
        namespaceId: this.namespaceId,
        eventTime: time,
        publishedTime: time,
        deletedTime: undefined,
        visibility,
        isRedacted: false,
        isSuspect: false,
        generation: 1,
        rawBytes: bytes.length,
        storedBytes: stored.length,
        sha256: createHash('sha256').update(bytes).digest(),
        mirroredAtMs: 0,
      },
    });
    for (const redirect of redirects) {
      const key = titleKey(redirect);
      this.#redirects.set(key, [...(this.#redirects.get(key) ?? []), title]);
    }
    return this;
  }

  entry(title: TitleKey): ReturnType<DatasetReader['entry']> {
    return Promise.resolve(this.records.get(title)?.entry);
  }

  read(title: TitleKey): Promise<StoredRecord | undefined> {
    this.asked.push(title);
    if (this.failure !== undefined) return Promise.reject(this.failure);
    return Promise.resolve(this.records.get(title));
  }

  readJson(record: StoredRecord): Promise<Uint8Array> {
    this.opened += 1;
    const json = decompress(record.codec, record.stored);
    return Promise.resolve(record.mustRedact ? redacted(json, record.entry.visibility) : json);
  }

  titlesOfPage(): Promise<readonly TitleKey[]> {
    return Promise.resolve([]);
  }

  redirectTargets(title: TitleKey): Promise<readonly TitleKey[]> {
    return Promise.resolve(this.#redirects.get(title) ?? []);
  }

  titlesOfEntity(): Promise<readonly TitleKey[]> {
    return Promise.resolve([]);
  }

  async *manifest(options: { readonly tombstones?: boolean } = {}): AsyncIterable<ManifestRow> {
    for (const row of this.manifestRows) {
      await Promise.resolve();
      if (row.state === 'live' || options.tombstones === true) yield row;
    }
  }

  quarantine(): Promise<readonly QuarantineRow[]> {
    return Promise.resolve(this.quarantineRows);
  }

  stats(): ReturnType<DatasetReader['stats']> {
    const live = this.records.size;
    return {
      live,
      tombstones: 0,
      rawBytes: 0,
      storedBytes: 0,
      garbageBytes: 0,
      quarantined: 0,
      doubtful: 0,
      licenses: {},
      lastSeq: live,
    };
  }

  verify(): Promise<VerifyReport> {
    return Promise.resolve({ dataset: this.id, checked: this.records.size, problems: 0, examples: [] });
  }
}

export class FakeReader implements MirrorReader {
  readonly datasets = new Map<DatasetId, FakeDataset>();
  readonly #projects: ProjectInMirror[] = [];
  projectObjects: { identifier: string; name: string; code: string; url: string; in_language: { identifier: string } }[] = [];
  languageObjects: { identifier: string; name: string; direction: string }[] = [];
  lag: { lagMs: number | null; asOf: string | null } = { lagMs: 1234.4, asOf: '2026-03-01T02:14:07Z' };
  isPractice = false;

  /** Adds a mirrored project; look-up order is the order of adding. */
  add(project: string, language: string | undefined, ...datasets: FakeDataset[]): this {
    for (const dataset of datasets) this.datasets.set(dataset.id, dataset);
    const code = /wik[a-z]+$/.exec(project)?.[0] ?? 'wiki';
    this.#projects.push({ project: projectId(project), language, url: undefined, code, datasets: datasets.map(({ id }) => id) });
    return this;
  }

  projects(): readonly ProjectInMirror[] {
    return this.#projects;
  }

  dataset(id: DatasetId): Promise<DatasetReader | undefined> {
    return Promise.resolve(this.datasets.get(id));
  }

  projectList(): FakeReader['projectObjects'] {
    return this.projectObjects;
  }

  languageList(): FakeReader['languageObjects'] {
    return this.languageObjects;
  }

  freshness(): { lagMs: number | null; asOf: string | null } {
    return this.lag;
  }
}

/** An event log that holds the last `capacity` events. */
export class FakeEvents implements EventLogPort {
  lastId = 0;
  readonly #capacity: number;
  readonly #held: MirrorEvent[] = [];
  readonly #listeners = new Set<(event: MirrorEvent) => void>();

  constructor(capacity = 100) {
    this.#capacity = capacity;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  emit(message: string): void {
    this.lastId += 1;
    const event = { id: this.lastId, at: '2026-03-01T00:00:00Z', type: 'test', dataset: null, message };
    this.#held.push(event);
    if (this.#held.length > this.#capacity) this.#held.shift();
    for (const listener of this.#listeners) listener(event);
  }

  since(afterId: number): ReturnType<EventLogPort['since']> {
    const oldest = this.#held[0]?.id ?? this.lastId + 1;
    return { events: this.#held.filter(({ id }) => id > afterId), lostBefore: oldest > afterId + 1 ? oldest : null };
  }

  subscribe(listener: (event: MirrorEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export function datasetStatus(id: string): DatasetStatus {
  const parts = parseDatasetId(id);
  if (parts === undefined) throw new Error(`not a dataset: ${id}`);
  return {
    id,
    project: parts.project,
    projectName: null,
    namespace: parts.namespaceId,
    language: 'en',
    mode: 'follow',
    state: { kind: 'live', lagMs: 12.5 },
    asOf: '2026-03-01T02:14:07Z',
    snapshotVersion: null,
    snapshotDate: null,
    articles: 3,
    tombstones: 0,
    rawBytes: 100,
    storedBytes: 50,
    garbageBytes: 0,
    quarantined: 0,
    doubtful: 0,
    licenses: { 'CC-BY-SA-4.0': 3 },
    gaps: [],
    progress: null,
  };
}

/** Records what it is asked to do, and does the least that the port promises. */
export class FakeControl implements MirrorControl {
  readonly events: FakeEvents;
  readonly calls: string[] = [];
  ids: string[] = [];
  failure: Error | undefined;
  imported: Buffer | undefined;
  lastImport: ImportRequest | undefined;
  /** Set to hold `verify` until its signal is aborted. */
  verifyWaits = false;
  catalogue: CatalogueProject[] = [];

  constructor(events = new FakeEvents()) {
    this.events = events;
  }

  status(): Promise<MirrorStatus> {
    this.#called('status');
    return Promise.resolve({
      version: '0.1.0',
      startedAt: '2026-03-01T00:00:00Z',
      upstream: { address: 'http://127.0.0.1:1', capabilities: null, isPractice: false, problem: null },
      stream: { state: 'off', eventsApplied: 0, lastEventAt: null, reconnects: 0, problem: null },
      quota: [{ kind: 'snapshot', used: 2, limit: null, month: '2026-03' }],
      disk: { freeBytes: 10, dataDirectory: 'data' },
      datasets: this.ids.map(datasetStatus),
    });
  }

  dataset(id: DatasetId): Promise<DatasetStatus> {
    return this.#one('dataset', id);
  }

  projects(search?: string): Promise<readonly CatalogueProject[]> {
    this.#called(`projects ${search ?? ''}`);
    return Promise.resolve(this.catalogue);
  }

  add(ids: readonly DatasetId[]): Promise<readonly DatasetStatus[]> {
    this.#called(`add ${ids.join(' ')}`);
    this.ids.push(...ids);
    return Promise.resolve(ids.map(datasetStatus));
  }

  async remove(id: DatasetId): Promise<{ readonly freedBytes: number }> {
    await this.#one('remove', id);
    this.ids = this.ids.filter((known) => known !== id);
    return { freedBytes: 50 };
  }

  pause(id: DatasetId): Promise<DatasetStatus> {
    return this.#one('pause', id);
  }

  resume(id: DatasetId): Promise<DatasetStatus> {
    return this.#one('resume', id);
  }

  sync(id: DatasetId): Promise<DatasetStatus> {
    return this.#one('sync', id);
  }

  async verify(id: DatasetId, options: Parameters<MirrorControl['verify']>[1]): Promise<VerifyReport> {
    await this.#one('verify', id);
    options.onProgress?.(1, 3);
    if (this.verifyWaits) {
      await new Promise((_resolve, reject) => {
        options.signal.addEventListener('abort', () => {
          this.calls.push('verify aborted');
          reject(new DOMException('stopped', 'AbortError'));
        });
      });
    }
    return { dataset: id, checked: 3, problems: 0, examples: [] };
  }

  async importRecords(request: ImportRequest): Promise<ImportResult> {
    this.lastImport = request;
    this.#called('import');
    const pieces: Uint8Array[] = [];
    for await (const piece of request.source) {
      pieces.push(piece);
      request.onProgress?.({ readBytes: Buffer.concat(pieces).length, records: 0 });
    }
    this.imported = Buffer.concat(pieces);
    return { records: 1, applied: 1, unchanged: 0, quarantined: 0, datasets: [] };
  }

  #called(call: string): void {
    this.calls.push(call);
    if (this.failure !== undefined) throw this.failure;
  }

  #one(verb: string, id: DatasetId): Promise<DatasetStatus> {
    this.#called(`${verb} ${id}`);
    if (!this.ids.includes(id)) return Promise.reject(new MirrorError('NOT_FOUND', `${id} is not mirrored`));
    return Promise.resolve(datasetStatus(id));
  }
}
