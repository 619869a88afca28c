/** Snapshots and their chunks, made the way upstream makes them: never all at once, never quite right (contract §7). */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import writeFileAtomic from 'write-file-atomic';
import { buildArchive, groupLines, type ArchiveMember } from './archive.ts';
import { DEFAULT_NAMESPACES, findWiki } from './content/wikis.ts';
import { goStringify, textMember, type Json, type JsonObject } from './go-json.ts';
import type { ObjectStore } from './object-store.ts';
import { keyOf, partitionOf, type PageState } from './page-state.ts';
import { articleRecord } from './record.ts';
import type { World } from './world.ts';

/** Shares between 0 and 1. */
export interface SnapshotFlaws {
  /** Of the pages deleted or moved away within the retention: how many are still in the file. */
  readonly ghostRate: number;
  /** Of all pages: how many are in the file a second time, in an older version. */
  readonly duplicateRate: number;
  /** Of all pages: how many are edited while the export runs and are therefore missing. */
  readonly holeRate: number;
}

export interface SnapshotOptions {
  readonly chunkBytes: number;
  /** Pause after each step of an export, so that a client can meet a set that is half replaced. */
  readonly exportStepMs: number;
  readonly flaws: SnapshotFlaws;
  readonly directory: string | null;
  readonly now: () => number;
  readonly logger: Logger;
}

interface Catalogue {
  readonly snapshots: Record<string, JsonObject>;
  readonly chunks: Record<string, readonly JsonObject[]>;
  /** Metadata of single chunks, replaced one by one while an export runs. */
  readonly single: Record<string, JsonObject>;
}

const FILE = 'practice-snapshots.json';
/** A full archive holds several members, as production's do. */
const CHUNKS_PER_MEMBER = 3;

export function snapshotKey(id: string): string {
  return `snapshots/${id}.tar.gz`;
}
export function chunkKey(id: string, number: number): string {
  return `chunks/${id}/chunk_${number}.tar.gz`;
}

/** Metadata of a file as upstream writes it (article-schema §7). */
export function fileMetadata(
  file: {
    readonly id: string;
    readonly project: string;
    readonly namespaceId: number;
    readonly md5: string;
    readonly bytes: number;
  },
  nowMs: number,
): Record<string, Json> {
  const digits = String(createHash('md5').update(file.md5).digest().readUInt32BE() % 1_000_000).padStart(6, '0');
  return {
    identifier: file.id,
    version: file.md5,
    date_modified: `${new Date(nowMs).toISOString().slice(0, 23)}${digits}Z`,
    is_part_of: { identifier: file.project },
    in_language: { identifier: findWiki(file.project)?.language ?? 'en' },
    namespace: { identifier: file.namespaceId },
    size: { value: Math.round(file.bytes / 1000) / 1000, unit_text: 'MB' },
  };
}

export class Snapshots {
  readonly #world: World;
  readonly #objects: ObjectStore;
  readonly #options: SnapshotOptions;
  #catalogue: Catalogue = { snapshots: {}, chunks: {}, single: {} };
  #queue: Promise<void> = Promise.resolve();
  readonly #abort = new AbortController();

  constructor(world: World, objects: ObjectStore, options: SnapshotOptions) {
    this.#world = world;
    this.#objects = objects;
    this.#options = options;
  }

  async load(): Promise<void> {
    if (this.#options.directory === null) return;
    const text = await readFile(join(this.#options.directory, FILE), 'utf8');
    this.#catalogue = JSON.parse(text) as Catalogue;
  }

  /** Whether every file that is promised is there in the version promised: not so after a stop in the middle of an export. */
  get isWhole(): boolean {
    return Object.entries(this.#catalogue.chunks).every(([id, chunks]) =>
      chunks.every((chunk, number) => this.#objects.get(chunkKey(id, number))?.etag === `"${textMember(chunk, 'version')}"`),
    );
  }

  /** Files of 0.000 MB are left out of the list. */
  list(): JsonObject[] {
    return Object.values(this.#catalogue.snapshots).filter((snapshot) => sizeOf(snapshot) > 0);
  }
  snapshot(id: string): JsonObject | undefined {
    return this.#catalogue.snapshots[id];
  }
  chunks(id: string): readonly JsonObject[] | undefined {
    return this.#catalogue.chunks[id];
  }
  chunk(id: string, number: number): JsonObject | undefined {
    return this.#catalogue.single[`${id}_chunk_${number}`];
  }

  /** Makes a new generation of every snapshot. Runs one after another; ends early, without an error, when the server closes. */
  async exportAll(stepMs = this.#options.exportStepMs): Promise<void> {
    const run = this.#queue.then(() => this.#exportAll(stepMs));
    // The queue goes on after a failure; whoever asked for this run hears of it.
    this.#queue = run.catch((error: unknown) => {
      this.#options.logger.error({ event: 'practice.export.failed', err: error }, 'practice export failed');
    });
    await run;
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#queue;
  }

  async #exportAll(stepMs: number): Promise<void> {
    for (const wiki of this.#world.wikis) {
      for (const namespaceId of DEFAULT_NAMESPACES) {
        if (this.#abort.signal.aborted) return;
        await this.#export(wiki.id, namespaceId, stepMs);
      }
    }
    this.#options.logger.info({ event: 'practice.export.done', snapshots: this.list().length }, 'practice snapshots exported');
  }

  async #step(stepMs: number): Promise<void> {
    if (stepMs > 0 && !this.#abort.signal.aborted) {
      // Closing the server cuts the pause short; the export then ends at its next look at the signal.
      await sleep(stepMs, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    } else await nextTurn();
  }

  async #export(project: string, namespaceId: number, stepMs: number): Promise<void> {
    const { now } = this.#options;
    const id = `${project}_namespace_${namespaceId}`;
    const startedMs = now();
    // The pages as of now; states are immutable, so this copy stays as it is while the wiki goes on.
    const pages = [...this.#world.state.pagesOf(project).values()].filter((page) => page.namespaceId === namespaceId);
    const ghosts = this.#ghosts(project, namespaceId);
    for (const chunk of this.#catalogue.chunks[id] ?? []) await this.#removeChunk(id, chunk, stepMs);
    const lines = await this.#lines(pages, ghosts, stepMs > 0);
    const groups = groupLines(lines, this.#options.chunkBytes);
    const chunks: JsonObject[] = [];
    const memberTimes: number[] = [];
    for (const [number, group] of groups.entries()) {
      if (this.#abort.signal.aborted) return;
      memberTimes.push(now());
      const archive = await buildArchive([{ name: `chunk_${number}.ndjson`, mode: 0o644, mtimeMs: now(), lines: group }]);
      const identifier = `${id}_chunk_${number}`;
      const meta = fileMetadata({ id: identifier, project, namespaceId, md5: archive.md5, bytes: archive.bytes.length }, now());
      await this.#objects.put(chunkKey(id, number), {
        bytes: archive.bytes,
        etag: `"${archive.md5}"`,
        lastModifiedMs: seconds(now()),
      });
      this.#catalogue.single[identifier] = meta;
      chunks.push(meta);
      await this.#step(stepMs);
    }
    const archive = await buildArchive(fullMembers(id, groups, memberTimes, startedMs));
    // The file is there before its metadata says so, and a multipart upload is dated by its beginning.
    const etag = `"${createHash('md5').update(`parts/${archive.md5}`).digest('hex')}-2"`;
    await this.#objects.put(snapshotKey(id), { bytes: archive.bytes, etag, lastModifiedMs: seconds(startedMs) });
    await this.#step(stepMs);
    const identifiers = chunks.map((chunk) => textMember(chunk, 'identifier')).reverse();
    this.#catalogue.chunks[id] = chunks;
    this.#catalogue.snapshots[id] = {
      ...fileMetadata({ id, project, namespaceId, md5: archive.md5, bytes: archive.bytes.length }, now()),
      chunks: identifiers,
    };
    await this.#save();
  }

  async #removeChunk(id: string, chunk: JsonObject, stepMs: number): Promise<void> {
    const identifier = textMember(chunk, 'identifier');
    await this.#objects.delete(chunkKey(id, Number(identifier.slice(identifier.lastIndexOf('_') + 1))));
    Reflect.deleteProperty(this.#catalogue.single, identifier);
    await this.#step(stepMs);
  }

  async #save(): Promise<void> {
    if (this.#options.directory === null) return;
    await writeFileAtomic(join(this.#options.directory, FILE), JSON.stringify(this.#catalogue));
  }

  /** Pages that are gone, whose old records have not been compacted away yet. */
  #ghosts(project: string, namespaceId: number): PageState[] {
    const random = this.#world.randomFor(`ghosts/${project}/${namespaceId}`);
    const gone = this.#world
      .eventsBetween(project, namespaceId, 0, Number.MAX_SAFE_INTEGER)
      .filter((entry) => entry.type === 'delete' && this.#world.state.page(project, keyOf(entry.page.title)) === undefined)
      .map((entry) => [keyOf(entry.page.title), entry.page] as const);
    return [...new Map(gone).values()].filter(() => random.chance(this.#options.flaws.ghostRate));
  }

  /** Partition by partition, no order within; with the flaws of an export that reads while the wiki goes on. */
  async #lines(pages: readonly PageState[], ghosts: readonly PageState[], isSlow: boolean): Promise<string[]> {
    const { flaws } = this.#options;
    const [first] = pages;
    const random = this.#world.randomFor(`flaws/${first?.project ?? ''}/${first?.namespaceId ?? 0}`);
    const order = [...pages, ...ghosts].sort((a, b) => partitionOf(a.project, a.title) - partitionOf(b.project, b.title));
    const lines: string[] = [];
    for (const page of order) {
      if (this.#abort.signal.aborted) return lines;
      const isLive = this.#world.state.page(page.project, keyOf(page.title)) === page;
      // Only a page that exists can be edited; a hole is the old record compacted away and the new one past the start.
      if (isLive && random.chance(flaws.holeRate)) {
        this.#world.act({ action: 'edit', project: page.project, title: page.title });
        continue;
      }
      const wasEdited = !isLive && !ghosts.includes(page);
      if (wasEdited && random.chance(0.5)) continue;
      if (random.chance(flaws.duplicateRate) && page.previousRevision !== undefined)
        lines.push(goStringify(articleRecord(earlier(page))));
      lines.push(goStringify(articleRecord(page)));
      if (isSlow || lines.length % 16 === 0) await nextTurn();
    }
    return lines;
  }
}

/** The version before, as the log still has it. */
function earlier(page: PageState): PageState {
  const hourBefore = (time: string) => `${new Date(Date.parse(time) - 3_600_000).toISOString().slice(0, 23)}001Z`;
  return {
    ...page,
    revision: page.previousRevision ?? page.revision,
    previousRevision: undefined,
    previousCharacters: undefined,
    history: page.history.slice(1),
    event: {
      identifier: page.event.identifier.replace(/^.{8}/, '0ea71e40'),
      dateCreated: hourBefore(page.event.dateCreated),
      datePublished: hourBefore(page.event.datePublished),
    },
  };
}

function fullMembers(id: string, groups: readonly string[][], times: readonly number[], startedMs: number): ArchiveMember[] {
  const members: ArchiveMember[] = [];
  for (let index = 0; index < groups.length; index += CHUNKS_PER_MEMBER) {
    members.push({
      name: `${id}_${members.length}.ndjson`,
      mode: 0o766,
      mtimeMs: times[index] ?? startedMs,
      lines: groups.slice(index, index + CHUNKS_PER_MEMBER).flat(),
    });
  }
  return members.length > 0 ? members : [{ name: `${id}_0.ndjson`, mode: 0o766, mtimeMs: startedMs, lines: [] }];
}

function sizeOf(snapshot: JsonObject): number {
  const { size } = snapshot;
  return typeof size === 'object' && size !== null && 'value' in size ? Number(size.value) : 0;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
