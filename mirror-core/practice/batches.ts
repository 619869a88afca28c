/** Hourly batches, made from the log when asked for (contract §9). */
import { NAMESPACE_IDS, parseDatasetId } from '../contracts/identifiers.ts';
import { buildArchive, type Archive } from './archive.ts';
import { DEFAULT_NAMESPACES } from './content/wikis.ts';
import { goStringify, type JsonObject } from './go-json.ts';
import { keyOf, type LogEntry } from './page-state.ts';
import { entryRecord } from './record.ts';
import { fileMetadata } from './snapshots.ts';
import type { StoredObject } from './object-store.ts';
import type { World } from './world.ts';

const HOUR_MS = 3_600_000;
/** Archives kept ready; made again from the log when they were dropped. */
const KEEP = 64;

export interface Batch {
  readonly metadata: JsonObject;
  readonly object: StoredObject;
}

export interface BatchOptions {
  /** How long after the hour its export runs; what is published until then is in the file too. */
  readonly delayMs: number;
  readonly retentionMs: number;
  readonly now: () => number;
}

/** The start of an hour from the two parts of its path, or `undefined` when they are not spelled so. */
export function hourOf(date: string, hour: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(date) || !/^([01]\d|2[0-3])$/.test(hour)) return undefined;
  const ms = Date.parse(`${date}T${hour}:00:00Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Where the object store has a batch. */
export function batchKey(hourMs: number, id: string): string {
  const time = new Date(hourMs).toISOString();
  return `batches/${time.slice(0, 10)}/${time.slice(11, 13)}/${id}.tar.gz`;
}

export class Batches {
  readonly #world: World;
  readonly #options: BatchOptions;
  readonly #ready = new Map<string, Promise<Batch | undefined>>();

  constructor(world: World, options: BatchOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** All batches of an hour; empty when it has none (yet, or any more). */
  async list(hourMs: number): Promise<Batch[]> {
    const found: Batch[] = [];
    for (const wiki of this.#world.wikis) {
      for (const namespaceId of DEFAULT_NAMESPACES) {
        const batch = await this.batch(hourMs, wiki.id, namespaceId);
        if (batch !== undefined) found.push(batch);
      }
    }
    return found;
  }

  /** The batch of an hour by its identifier, such as `practiceenwiki_namespace_0`. */
  async find(hourMs: number, id: string): Promise<Batch | undefined> {
    const dataset = parseDatasetId(id);
    if (dataset === undefined || !NAMESPACE_IDS.some((namespace) => namespace === dataset.namespaceId)) return undefined;
    return this.batch(hourMs, dataset.project, dataset.namespaceId);
  }

  /** The file behind a key of `batchKey`. */
  async findObject(key: string): Promise<StoredObject | undefined> {
    const [, date = '', hour = '', file = ''] = key.split('/');
    const hourMs = hourOf(date, hour);
    return hourMs === undefined ? undefined : (await this.find(hourMs, file.replace(/\.tar\.gz$/, '')))?.object;
  }

  async batch(hourMs: number, project: string, namespaceId: number): Promise<Batch | undefined> {
    const { delayMs, retentionMs, now } = this.#options;
    const exportedMs = hourMs + HOUR_MS + delayMs;
    if (now() < exportedMs || hourMs < now() - retentionMs) return undefined;
    const key = `${hourMs}/${project}/${namespaceId}`;
    let batch = this.#ready.get(key);
    if (batch === undefined) {
      batch = this.#build(hourMs, exportedMs, project, namespaceId);
      this.#ready.set(key, batch);
      const [oldest] = this.#ready.keys();
      if (this.#ready.size > KEEP && oldest !== undefined) this.#ready.delete(oldest);
    }
    return batch;
  }

  async #build(hourMs: number, exportedMs: number, project: string, namespaceId: number): Promise<Batch | undefined> {
    const logged = this.#world
      .eventsBetween(project, namespaceId, hourMs, exportedMs)
      .filter((entry) => entry.type !== 'visibility-change');
    // Every other hour compaction has run before the export, which leaves only the newest record of each title.
    const entries = (hourMs / HOUR_MS) % 2 === 0 ? newestOf(logged) : logged;
    if (entries.length === 0) return undefined;
    const id = `${project}_namespace_${namespaceId}`;
    const lines = entries.map((entry) => goStringify(entryRecord(entry)));
    const archive: Archive = await buildArchive([{ name: `${id}_0.ndjson`, mode: 0o766, mtimeMs: exportedMs, lines }]);
    return {
      metadata: fileMetadata({ id, project, namespaceId, md5: archive.md5, bytes: archive.bytes.length }, exportedMs),
      object: { bytes: archive.bytes, etag: `"${archive.md5}"`, lastModifiedMs: exportedMs },
    };
  }
}

function newestOf(entries: readonly LogEntry[]): LogEntry[] {
  return [...new Map(entries.map((entry) => [keyOf(entry.page.title), entry])).values()];
}
