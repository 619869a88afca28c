/** The mirror opened in this process: what commands use when no daemon runs. */
import type { DatasetStatus, ImportResult, MirrorEvent, MirrorStatus, CatalogueProject } from '../contracts/control-api.ts';
import { MirrorError } from '../contracts/errors.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import type { DatasetReader, ManifestRow, QuarantineRow } from '../contracts/store-port.ts';
import type { LocalDoors } from './host-port.ts';
import type { ImportOptions, LookupRequest, MirrorAccess, VerifyOptions, VerifyOutcome } from './mirror-access.ts';

export class LocalMirror implements MirrorAccess {
  readonly where: string;
  readonly #mirror: LocalDoors;

  constructor(mirror: LocalDoors, directory: string) {
    this.where = directory;
    this.#mirror = mirror;
  }

  status(): Promise<MirrorStatus> {
    return this.#mirror.control.status();
  }

  projects(search?: string): Promise<readonly CatalogueProject[]> {
    return this.#mirror.control.projects(search);
  }

  add(ids: readonly DatasetId[]): Promise<readonly DatasetStatus[]> {
    return this.#mirror.control.add(ids);
  }

  remove(id: DatasetId): Promise<{ readonly freedBytes: number }> {
    return this.#mirror.control.remove(id);
  }

  async act(id: DatasetId, action: 'pause' | 'resume' | 'sync'): Promise<DatasetStatus> {
    if (action === 'pause') return this.#mirror.control.pause(id);
    if (action === 'resume') return this.#mirror.control.resume(id);
    throw new MirrorError(
      'DAEMON_REQUIRED',
      `no Wikimirror is running on ${this.where}, so nothing can be brought up to date; start it with npm start or wikimirror serve`,
    );
  }

  async *manifest(id: DatasetId, tombstones: boolean): AsyncGenerator<ManifestRow> {
    yield* (await this.#reader(id)).manifest({ tombstones });
  }

  async quarantine(id: DatasetId): Promise<readonly QuarantineRow[]> {
    return (await this.#reader(id)).quarantine();
  }

  verify(id: DatasetId, options: VerifyOptions): Promise<VerifyOutcome> {
    return this.#mirror.control.verify(id, options);
  }

  import(options: ImportOptions): Promise<ImportResult> {
    const { source, sourceName, signal, completeSnapshotOf } = options;
    return this.#mirror.control.importRecords({
      source,
      sourceName,
      signal,
      ...(completeSnapshotOf === undefined ? {} : { completeSnapshotOf }),
      onProgress: ({ readBytes, records }) => options.onProgress(readBytes, records),
    });
  }

  async lookup({ title, project, fields }: LookupRequest): Promise<readonly unknown[]> {
    const found = await this.#mirror.lookup(title, { project, fields });
    if (found.length > 0) return found.map((record): unknown => JSON.parse(Buffer.from(record).toString('utf8')));
    throw new MirrorError(
      'NOT_FOUND',
      `no mirrored project${project === undefined ? '' : ` ${project}`} has an article called "${title}"`,
    );
  }

  async *events(signal: AbortSignal): AsyncGenerator<MirrorEvent> {
    const queue: MirrorEvent[] = [];
    let wake = Promise.withResolvers<undefined>();
    const stop = (): void => wake.resolve(undefined);
    const unsubscribe = this.#mirror.control.events.subscribe((event) => {
      queue.push(event);
      wake.resolve(undefined);
    });
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        await wake.promise;
        wake = Promise.withResolvers<undefined>();
        yield* queue.splice(0);
      }
    } finally {
      unsubscribe();
      signal.removeEventListener('abort', stop);
    }
  }

  async #reader(id: DatasetId): Promise<DatasetReader> {
    const reader = await this.#mirror.reader.dataset(id);
    if (reader !== undefined) return reader;
    throw new MirrorError('NOT_FOUND', `${id} is not mirrored in ${this.where}; wikimirror status lists what is`);
  }
}
