/** Which datasets there are: their stores, their stored settings, and those whose files cannot be opened. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Value } from 'typebox/value';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';
import { isMirrorError, MirrorError } from '../contracts/errors.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import type { DatasetWriter, MirrorStorePort } from '../contracts/store-port.ts';
import { DatasetRecordSchema, type DatasetRecord } from './catalogue.ts';
import type { DatasetSync } from './dataset-sync.ts';

export interface RegistryOptions {
  readonly store: MirrorStorePort;
  readonly createSync: (store: DatasetWriter) => DatasetSync;
  readonly logger: Logger;
  readonly now: () => number;
  readonly onBroken: (id: DatasetId, error: MirrorError) => void;
}

export class DatasetRegistry {
  readonly #options: RegistryOptions;
  readonly #datasets = new Map<DatasetId, DatasetSync>();
  readonly #records = new Map<DatasetId, DatasetRecord>();
  readonly #broken = new Map<DatasetId, MirrorError>();
  /** Asked for twice at once, a dataset is made once: two syncs on one store would be one too many to stop. */
  readonly #creating = new Map<DatasetId, Promise<DatasetSync>>();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Opens everything on disk; a dataset that cannot be opened is set aside, the others are not affected. */
  async openAll(): Promise<void> {
    for (const id of await this.#options.store.list()) {
      const stored = await this.#options.store.catalog.get(`dataset:${id}`);
      const record = Value.Check(DatasetRecordSchema, stored) ? stored : this.newRecord('follow');
      this.#records.set(id, record);
      try {
        const store = await this.#options.store.dataset(id);
        if (store !== undefined) await this.#register(store, record);
      } catch (error) {
        if (!isMirrorError(error)) throw error;
        this.#broken.set(id, error);
        this.#options.logger.error(
          { err: error, event: 'dataset.broken', dataset: id },
          'a dataset cannot be opened; the others go on',
        );
        this.#options.onBroken(id, error);
      }
    }
  }

  all(): readonly DatasetSync[] {
    return [...this.#datasets.values()];
  }

  find(id: DatasetId): DatasetSync | undefined {
    return this.#datasets.get(id);
  }

  /** @throws MirrorError NOT_FOUND, or why the dataset cannot be opened */
  get(id: DatasetId): DatasetSync {
    const sync = this.#datasets.get(id);
    if (sync !== undefined) return sync;
    throw (
      this.#broken.get(id) ??
      new MirrorError('NOT_FOUND', `${id} is not mirrored here. Add it with "wikimirror add ${id}".`, {
        context: { dataset: id },
      })
    );
  }

  record(id: DatasetId): DatasetRecord | undefined {
    return this.#records.get(id);
  }

  broken(): ReadonlyMap<DatasetId, MirrorError> {
    return this.#broken;
  }

  newRecord(mode: DatasetRecord['mode']): DatasetRecord {
    return { mode, isPaused: false, addedAt: new Date(this.#options.now()).toISOString() };
  }

  isFollowed(id: DatasetId): boolean {
    const record = this.#records.get(id);
    return record?.mode === 'follow' && !record.isPaused;
  }

  /** The dataset, made when it does not exist yet. The settings are stored first: an empty dataset without them would be followed. */
  create(id: DatasetId, mode: DatasetRecord['mode']): Promise<DatasetSync> {
    const creating =
      this.#creating.get(id) ??
      this.#make(id, mode).finally(() => {
        this.#creating.delete(id);
      });
    this.#creating.set(id, creating);
    return creating;
  }

  async #make(id: DatasetId, mode: DatasetRecord['mode']): Promise<DatasetSync> {
    const known = this.#datasets.get(id);
    if (known !== undefined) return known;
    const record = this.newRecord(mode);
    await this.save(id, record);
    return this.#register(await this.#options.store.create(id), record);
  }

  async save(id: DatasetId, record: DatasetRecord): Promise<void> {
    await this.#options.store.catalog.put(`dataset:${id}`, record);
    this.#records.set(id, record);
  }

  /** Destroys the dataset with everything that belongs to it. Returns the bytes that became free. */
  async remove(id: DatasetId): Promise<number> {
    if (!this.#broken.has(id)) await this.get(id).stop();
    this.#datasets.delete(id);
    this.#broken.delete(id);
    this.#records.delete(id);
    const { store } = this.#options;
    const freedBytes = await store.drop(id);
    await store.catalog.delete(`dataset:${id}`);
    await rm(join(store.directory, DATA_LAYOUT.downloads, id), { recursive: true, force: true });
    return freedBytes;
  }

  async #register(store: DatasetWriter, record: DatasetRecord): Promise<DatasetSync> {
    const sync = this.#options.createSync(store);
    await sync.prepare();
    this.#datasets.set(store.id, sync);
    if (record.isPaused) await sync.pause('user');
    return sync;
  }
}
