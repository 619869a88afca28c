/** The mirror: every dataset's sync, the stream they share, and the one door through which the server and the command line act on them. */
import { join } from 'node:path';
import PQueue from 'p-queue';
import type { Logger } from 'pino';
import type { Codec } from '../contracts/article.ts';
import type { CatalogueProject, DatasetStatus, ImportResult, MirrorStatus } from '../contracts/control-api.ts';
import type { ImportRequest, MirrorControl, MirrorReader } from '../contracts/control-port.ts';
import { DATA_LAYOUT } from '../contracts/data-layout.ts';
import { isMirrorError, messageOf, MirrorError } from '../contracts/errors.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import type { DatasetWriter, MirrorStorePort, VerifyReport } from '../contracts/store-port.ts';
import type { Capabilities, UpstreamPort } from '../contracts/upstream-port.ts';
import { parseUpstreamTime } from '../contracts/upstream-time.ts';
import { sizeBytesOf } from '../contracts/wme.ts';
import { Catalogue } from './catalogue.ts';
import { DatasetRegistry } from './dataset-registry.ts';
import { DatasetSync } from './dataset-sync.ts';
import { DiskWatch } from './disk-watch.ts';
import { EventLog } from './event-log.ts';
import { importRecords } from './import-records.ts';
import { Maintenance } from './maintenance.ts';
import { createReader } from './mirror-reader.ts';
import { brokenStatus, datasetStatus } from './mirror-status.ts';
import { quarantineEvent } from './quarantine.ts';
import { RealtimeService } from './realtime/realtime-service.ts';
import type { SyncSettings } from './settings.ts';
import { StreamReport } from './stream-report.ts';

const CONCURRENT_LOADS = 2;
const FRESHNESS_EVERY_MS = 1000;
const CAPABILITIES_AGE_MS = 12 * 3_600_000;
/** A snapshot's records take about their compressed size in the store, and one downloaded file lies beside them. */
const SPACE_RATIO = 1.3;

export interface MirrorOptions {
  readonly store: MirrorStorePort;
  readonly upstream: UpstreamPort;
  readonly codec: Codec;
  readonly settings: () => SyncSettings;
  readonly logger: Logger;
  readonly version: string;
  readonly isPractice: boolean;
  readonly now: () => number;
  readonly random: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export class Mirror implements MirrorControl {
  readonly events: EventLog;
  readonly reader: MirrorReader;
  readonly #options: MirrorOptions;
  readonly #catalogue: Catalogue;
  readonly #realtime: RealtimeService;
  readonly #stream = new StreamReport();
  readonly #disk: DiskWatch;
  readonly #maintenance: Maintenance;
  readonly #loads = new PQueue({ concurrency: CONCURRENT_LOADS });
  readonly #registry: DatasetRegistry;
  readonly #abort = new AbortController();
  readonly #startedAt: string;
  #freshnessTimer: NodeJS.Timeout | undefined;
  #upstreamProblem: string | null = null;
  #capabilities: Capabilities | null = null;
  #lookups = { day: '', spent: 0 };
  #background: Promise<void> = Promise.resolve();

  private constructor(options: MirrorOptions) {
    this.#options = options;
    const { now, logger, upstream, store } = options;
    this.events = new EventLog(now);
    this.#startedAt = new Date(now()).toISOString();
    this.#catalogue = new Catalogue({ storage: store.catalog, upstream, logger, now });
    this.#disk = new DiskWatch(store.directory, () => options.settings().reserveBytes);
    this.#registry = new DatasetRegistry({
      store,
      logger,
      now,
      createSync: (dataset) => this.#createSync(dataset),
      onBroken: (id, error) => this.events.add('dataset.broken', id, error.message),
    });
    this.#maintenance = new Maintenance({
      settings: options.settings,
      logger,
      now,
      stores: () => this.#registry.all().map((sync) => sync.store),
    });
    this.#realtime = new RealtimeService(
      {
        upstream,
        settings: () => ({ ...options.settings(), codec: options.codec }),
        logger,
        now,
        sleep: options.sleep,
        random: options.random,
      },
      {
        onLost: async (member, from, until, cause) => {
          await this.#registry.find(member.store.id)?.lost({ cause, from, until });
        },
        onMemberFailed: (member, error) => this.#registry.find(member.store.id)?.streamFailed(error),
        onBadRecord: (raw, reason) => this.#keepBadEvent(raw, reason),
        onStream: (state, problem) => {
          if (this.#stream.move(state, problem))
            this.events.add('stream.state', null, problem === null ? `stream ${state}` : `stream ${state}: ${problem}`);
        },
        onApplied: (count, newest) => this.#stream.applied(count, newest),
        onProgress: () => undefined,
        onCaughtUp: (id) => this.#registry.find(id)?.caughtUp(),
        onUnknownEvent: (id, keys) =>
          this.events.add(
            'stream.unknown-event',
            id,
            `An event of unknown type "${keys.eventType}" for "${keys.name}" was not applied.`,
          ),
      },
    );
    this.reader = createReader({
      catalogue: this.#catalogue,
      isPractice: () => options.isPractice,
      datasetIds: () => this.#registry.all().map((sync) => sync.id),
      dataset: (id) => this.#registry.find(id)?.store,
      freshness: (id) => this.#registry.find(id)?.freshness() ?? { asOfMs: null, lagMs: null },
    });
  }

  /** Opens what is on disk; nothing is asked of upstream before `start`. */
  static async open(options: MirrorOptions): Promise<Mirror> {
    const mirror = new Mirror(options);
    await mirror.#catalogue.load();
    await mirror.#registry.openAll();
    return mirror;
  }

  /** Begins syncing every dataset that is not paused, and adds those of the configuration. Returns at once. */
  async start(configured: readonly DatasetId[] = []): Promise<void> {
    await this.follow(configured);
    this.#freshnessTimer = setInterval(() => {
      for (const sync of this.#registry.all()) sync.refreshFreshness();
    }, FRESHNESS_EVERY_MS);
    this.#maintenance.start();
    this.#background = this.#begin();
  }

  async #begin(): Promise<void> {
    // Asked anew after each wait: datasets are paused and removed meanwhile.
    const following = (): readonly DatasetSync[] => this.#registry.all().filter((sync) => this.#registry.isFollowed(sync.id));
    try {
      const capabilities = await this.#learnCapabilities(this.#abort.signal);
      await this.#refreshCatalogue();
      // All at once, so that the one connection starts where the furthest behind of them is.
      if (capabilities.realtime) await this.#realtime.attach(following().map((sync) => sync.store));
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#upstreamProblem = messageOf(error);
      this.#options.logger.warn(
        { err: error, event: 'upstream.unavailable' },
        'upstream cannot be used now; what is mirrored is served',
      );
    }
    // Each dataset goes on trying by itself and shows what it waits for.
    for (const sync of following()) if (!this.#abort.signal.aborted) sync.start();
  }

  async #refreshCatalogue(): Promise<void> {
    await this.#catalogue.refresh({ signal: this.#abort.signal });
    this.#upstreamProblem = null;
  }

  /** What the account may do, asked again now and then: plans change, and so do counters of the quota. */
  async #learnCapabilities(signal: AbortSignal): Promise<Capabilities> {
    const known = this.#capabilities;
    const refresh = known !== null && this.#options.now() - known.learnedAtMs > CAPABILITIES_AGE_MS;
    try {
      this.#capabilities = await this.#options.upstream.capabilities({ signal, refresh });
      return this.#capabilities;
    } catch (error) {
      if (known === null || !isMirrorError(error) || !error.retryable) throw error;
      return known;
    }
  }

  #createSync(store: DatasetWriter): DatasetSync {
    const { upstream, codec, logger, now, random, settings } = this.#options;
    return new DatasetSync({
      store,
      upstream,
      capabilities: (signal) => this.#learnCapabilities(signal),
      realtime: this.#realtime,
      loads: this.#loads,
      codec,
      downloads: join(this.#options.store.directory, DATA_LAYOUT.downloads),
      settings,
      logger: logger.child({ component: 'sync' }),
      now,
      random,
      ensureSpace: (bytes) => this.#disk.ensure(bytes),
      spendLookup: () => this.#spendLookup(),
      onState: (id, from, to) => {
        this.#upstreamProblem = to.kind === 'waiting' && to.for === 'network' ? to.reason : null;
        this.events.add('dataset.state', id, `${id}: ${from.kind} → ${to.kind}`, { from: from.kind, state: { ...to } });
      },
      onProgress: (id, figures) => this.events.add('dataset.progress', id, `${id}: ${figures.records} records`, { ...figures }),
      onNotice: (type, id, message) => {
        logger.info({ event: type, dataset: id }, message);
        this.events.add(type, id, message);
      },
    });
  }

  #spendLookup(): boolean {
    const day = new Date(this.#options.now()).toISOString().slice(0, 10);
    if (this.#lookups.day !== day) this.#lookups = { day, spent: 0 };
    if (this.#lookups.spent >= this.#options.settings().settlePerDay) return false;
    this.#lookups.spent += 1;
    return true;
  }

  #keepBadEvent(raw: Uint8Array, reason: string): void {
    const [first] = this.#registry.all();
    if (first !== undefined) quarantineEvent(first.store, raw, reason);
    this.#options.logger.warn(
      { event: 'stream.bad-record', bytes: raw.byteLength, reason },
      'an event could not be read and was set aside',
    );
    this.events.add(
      'stream.bad-record',
      null,
      `An event of ${raw.byteLength} bytes could not be read (${reason}); it is kept in the quarantine.`,
    );
  }

  async status(): Promise<MirrorStatus> {
    const { upstream, version, isPractice, store } = this.#options;
    const datasets: DatasetStatus[] = [];
    for (const sync of this.#registry.all()) datasets.push(await this.#status(sync));
    for (const [id, error] of this.#registry.broken()) datasets.push(brokenStatus(id, error, this.#catalogue));
    return {
      version,
      startedAt: this.#startedAt,
      upstream: {
        address: upstream.address,
        capabilities: this.#capabilities === null ? null : { ...this.#capabilities },
        isPractice,
        problem: this.#upstreamProblem,
      },
      stream: this.#stream.snapshot(),
      quota: upstream.quota().map((use) => ({ ...use })),
      disk: { freeBytes: await this.#disk.freeBytes(), dataDirectory: store.directory },
      datasets: datasets.sort((a, b) => (a.id < b.id ? -1 : 1)),
    };
  }

  #status(sync: DatasetSync): Promise<DatasetStatus> {
    return datasetStatus(sync, this.#registry.record(sync.id) ?? this.#registry.newRecord('follow'), this.#catalogue);
  }

  async dataset(id: DatasetId): Promise<DatasetStatus> {
    return this.#status(this.#registry.get(id));
  }

  async projects(search = ''): Promise<readonly CatalogueProject[]> {
    try {
      await this.#refreshCatalogue();
    } catch (error) {
      if (this.#catalogue.projects.length === 0) throw error;
      this.#upstreamProblem = messageOf(error);
    }
    return this.#catalogue.search(search, (id) => this.#registry.record(id as DatasetId) !== undefined);
  }

  async add(ids: readonly DatasetId[]): Promise<readonly DatasetStatus[]> {
    const fresh = ids.filter((id) => this.#registry.record(id)?.mode !== 'follow');
    let neededBytes = 0;
    for (const id of fresh) {
      const snapshot = await this.#options.upstream.snapshot(id, this.#abort.signal);
      if (snapshot === undefined) {
        await this.#refreshCatalogue();
        throw this.#catalogue.unknown(id);
      }
      neededBytes += Math.round((sizeBytesOf(snapshot) ?? 0) * SPACE_RATIO);
    }
    await this.#disk.ensure(neededBytes);
    await this.follow(fresh);
    return Promise.all(ids.map((id) => this.dataset(id)));
  }

  /** Mirrors these datasets without asking upstream first; the state of each tells what becomes of it. */
  async follow(ids: readonly DatasetId[]): Promise<void> {
    for (const id of ids) {
      const known = this.#registry.find(id);
      if (this.#registry.broken().has(id) || this.#registry.record(id)?.mode === 'follow') continue;
      const sync = known ?? (await this.#registry.create(id, 'follow'));
      if (known !== undefined) await this.#registry.save(id, this.#registry.newRecord('follow'));
      this.events.add('dataset.added', id, `${id} is mirrored from now on.`);
      if (this.#freshnessTimer !== undefined) sync.start();
    }
  }

  async remove(id: DatasetId): Promise<{ readonly freedBytes: number }> {
    const freedBytes = await this.#registry.remove(id);
    this.events.add('dataset.removed', id, `${id} was removed; ${freedBytes} bytes are free again.`, { freedBytes });
    return { freedBytes };
  }

  async pause(id: DatasetId): Promise<DatasetStatus> {
    const sync = this.#registry.get(id);
    const record = this.#registry.record(id);
    if (record !== undefined) await this.#registry.save(id, { ...record, isPaused: true });
    await sync.pause('user');
    return this.#status(sync);
  }

  async resume(id: DatasetId): Promise<DatasetStatus> {
    const sync = this.#registry.get(id);
    const record = this.#registry.record(id);
    if (record !== undefined) await this.#registry.save(id, { ...record, isPaused: false });
    // Only what is paused can go on; what is filled by imports alone must not begin to follow upstream by it.
    if (sync.state.kind === 'paused') sync.resume(record?.mode === 'follow');
    return this.#status(sync);
  }

  async sync(id: DatasetId): Promise<DatasetStatus> {
    const sync = this.#registry.get(id);
    if (this.#registry.record(id)?.mode === 'manual') {
      throw new MirrorError('CONFLICT', `${id} is filled by imports only. "wikimirror add ${id}" makes it follow upstream.`, {
        context: { dataset: id },
      });
    }
    if (this.#registry.record(id)?.isPaused === true) {
      throw new MirrorError('CONFLICT', `${id} is paused. "wikimirror resume ${id}" lets it go on.`, {
        context: { dataset: id },
      });
    }
    sync.syncNow();
    return this.#status(sync);
  }

  async verify(id: DatasetId, options: Parameters<MirrorControl['verify']>[1]): Promise<VerifyReport> {
    return this.#registry.get(id).store.verify(options);
  }

  async importRecords(request: ImportRequest): Promise<ImportResult> {
    const begin: (() => Promise<void>)[] = [];
    const result = await importRecords(
      {
        codec: this.#options.codec,
        now: this.#options.now,
        ensureSpace: (bytes) => this.#disk.ensure(bytes),
        open: async (id) =>
          (this.#registry.broken().has(id)
            ? this.#registry.get(id)
            : (this.#registry.find(id) ?? (await this.#registry.create(id, 'manual')))
          ).store,
        onComplete: (store, snapshot) => {
          const since = snapshot.since === null ? undefined : parseUpstreamTime(snapshot.since);
          if (since === undefined || this.#realtime.freshness(store.id) === undefined) return {};
          const catchUp = this.#realtime.prepareCatchUp(store, since);
          begin.push(catchUp.begin);
          return catchUp.checkpoint;
        },
      },
      request,
    );
    for (const start of begin) await start();
    for (const id of result.datasets) await this.#registry.find(id as DatasetId)?.imported();
    this.events.add(
      'import.finished',
      null,
      `${request.sourceName}: ${result.applied} records applied, ${result.unchanged} known, ${result.quarantined} set aside.`,
    );
    return result;
  }

  /** Ends all work, commits positions and closes the store. Quick also in the middle of a load: what is not applied yet is resumed later. */
  async close(): Promise<void> {
    this.#abort.abort();
    clearInterval(this.#freshnessTimer);
    await this.#maintenance.stop();
    await this.#background;
    await this.#realtime.close();
    const stopped = await Promise.allSettled(this.#registry.all().map((sync) => sync.stop()));
    await this.#options.store.close();
    for (const end of stopped) if (end.status === 'rejected') throw end.reason;
  }
}
