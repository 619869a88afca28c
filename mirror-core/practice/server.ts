/** The practice upstream: a small made-up Wikimedia that speaks the Enterprise v2 contract as upstream does (design §7). */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import pino from 'pino';
import writeFileAtomic from 'write-file-atomic';
import { MirrorError } from '../contracts/errors.ts';
import { STREAM_RETENTION_MS } from '../contracts/limits.ts';
import { PRACTICE_HEADER, PRACTICE_HEADER_VALUE } from '../contracts/practice.ts';
import { Accounts } from './accounts.ts';
import { Batches } from './batches.ts';
import { PRACTICE_WIKIS, type PracticeWiki } from './content/wikis.ts';
import { answerApi } from './http/api-routes.ts';
import { answerAuth } from './http/auth-routes.ts';
import { answerControl, datasetOf, type PracticeStatus } from './http/control-routes.ts';
import { streamParameters } from './http/parameters.ts';
import { isAllowed, isRoute } from './http/permissions.ts';
import { markResponse, sendError, sendFailure } from './http/respond.ts';
import { answerStore, presign, type Presigner } from './http/store-origin.ts';
import { answerStream } from './http/stream.ts';
import { textMember } from './go-json.ts';
import { Journal } from './journal.ts';
import { ObjectStore, type StoredObject } from './object-store.ts';
import { DEFAULTS, type PracticeOptions } from './options.ts';
import { Snapshots } from './snapshots.ts';
import { World, type ActReport, type ActRequest, type TruthRow } from './world.ts';

export type { PracticeOptions } from './options.ts';
export type { ActReport, ActRequest, PracticeAction, TruthRow } from './world.ts';
export type { PracticeStatus } from './http/control-routes.ts';
export { PRACTICE_KEY_HEADER } from './http/control-routes.ts';

/** Name of the file, in the directory, that holds the control key while the server runs. */
export const PRACTICE_KEY_FILE = 'practice-control-key';

export interface PracticeServer {
  /** The main origin: auth, API and Realtime. */
  readonly url: string;
  /** The origin downloads are redirected to. */
  readonly storeUrl: string;
  /** For the header `x-practice-key` of the `/practice/…` routes; new at each start. */
  readonly controlKey: string;
  /** Makes something happen. @throws MirrorError `NOT_FOUND`, `INVALID_INPUT` */
  act(request: ActRequest): Promise<ActReport[]>;
  /** Changes how much happens by itself. */
  setRate(editsPerSecond: number): void;
  /** Makes a new generation of all snapshots; ends when it is published. */
  exportSnapshots(): Promise<void>;
  /** Every live title of a dataset as it is now. @throws MirrorError `NOT_FOUND` */
  truth(datasetId: string): Iterable<TruthRow>;
  status(): PracticeStatus;
  close(): Promise<void>;
}

function chosenWikis(ids: readonly string[] | undefined): readonly PracticeWiki[] {
  const unknown = ids?.find((id) => !PRACTICE_WIKIS.some((wiki) => wiki.id === id));
  if (unknown !== undefined) {
    throw new MirrorError(
      'UNKNOWN_PROJECT',
      `There is no practice wiki ${unknown}; there are ${PRACTICE_WIKIS.map((wiki) => wiki.id).join(', ')}.`,
    );
  }
  return PRACTICE_WIKIS.filter((wiki) => ids === undefined || ids.includes(wiki.id));
}

async function listen(listener: RequestListener, host: string, port: number): Promise<{ server: Server; url: string }> {
  const server = createServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'EADDRINUSE' ? 'PORT_IN_USE' : 'INTERNAL';
      reject(
        new MirrorError(code, `The practice upstream cannot listen on ${host}:${port}: ${error.message}.`, { cause: error }),
      );
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return { server, url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}` };
}

/**
 * Starts a practice upstream; it is ready, snapshots and all, when the promise resolves.
 * @throws MirrorError `UNKNOWN_PROJECT`, `PORT_IN_USE`, `DATA_MISMATCH` when the directory was made with other options
 */
export async function startPractice(options: PracticeOptions): Promise<PracticeServer> {
  const practice = new Practice(options);
  await practice.start();
  return practice;
}

class Practice implements PracticeServer {
  readonly controlKey = randomBytes(24).toString('base64url');
  readonly key = this.controlKey;
  url = '';
  storeUrl = '';
  readonly #options: PracticeOptions;
  readonly #now: () => number;
  readonly #logger: NonNullable<PracticeOptions['logger']>;
  readonly #account: NonNullable<PracticeOptions['account']>;
  readonly #retentionMs: number;
  readonly #world: World;
  readonly #journal: Journal | null;
  readonly #objects: ObjectStore;
  readonly #snapshots: Snapshots;
  readonly #batches: Batches;
  readonly #accounts: Accounts;
  readonly #signer: Presigner;
  readonly #closing = new AbortController();
  readonly #servers: Server[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #rateTimer: NodeJS.Timeout | undefined;
  #editsPerSecond = 0;
  #streams = 0;
  #subscriptions = 0;
  #exports = 0;

  constructor(options: PracticeOptions) {
    const { directory } = options;
    const seed = options.seed ?? DEFAULTS.seed;
    const wikis = chosenWikis(options.wikis);
    const now = options.now ?? Date.now;
    const logger = options.logger ?? pino({ level: 'silent' });
    this.#options = options;
    this.#now = now;
    this.#logger = logger;
    this.#account = options.account ?? 'realtime';
    this.#retentionMs = options.retentionMs ?? STREAM_RETENTION_MS;
    this.#journal = directory === null ? null : new Journal(directory, { format: 1, seed, wikis: wikis.map((wiki) => wiki.id) });
    this.#world = new World({ seed, wikis, now, logger, persist: (operations) => this.#journal?.append(operations) });
    this.#objects = new ObjectStore(directory);
    this.#snapshots = new Snapshots(this.#world, this.#objects, {
      chunkBytes: options.chunkBytes ?? DEFAULTS.chunkBytes,
      exportStepMs: options.exportStepMs ?? 0,
      flaws: { ...DEFAULTS.flaws, ...options.flaws },
      directory,
      now,
      logger,
    });
    this.#batches = new Batches(this.#world, {
      delayMs: options.batchDelayMs ?? DEFAULTS.batchDelayMs,
      retentionMs: this.#retentionMs,
      now,
    });
    this.#accounts = new Accounts({
      account: this.#account,
      credentials: options.credentials,
      quotas: options.quotas ?? {},
      tokenLifetimeMs: options.tokenLifetimeMs ?? DEFAULTS.tokenLifetimeMs,
      directory,
      now,
    });
    this.#signer = { secret: randomBytes(32), now };
  }

  async start(): Promise<void> {
    const { directory } = this.#options;
    const isKnown = this.#journal?.exists ?? false;
    if (directory !== null) await mkdir(directory, { recursive: true });
    if (isKnown && this.#journal !== null) {
      for await (const operations of this.#journal.read()) this.#world.restore(operations);
      this.#world.trim(this.#retentionMs);
      await Promise.all([this.#objects.load(), this.#snapshots.load(), this.#accounts.load()]);
      this.#journal.rewrite(this.#world.state.operations());
      if (!this.#snapshots.isWhole) await this.#snapshots.exportAll(0);
    } else {
      this.#world.begin(this.#options.historyActs ?? DEFAULTS.historyActs);
      await this.#accounts.save();
      // The journal comes last and makes the directory count as begun.
      await this.#snapshots.exportAll(0);
      this.#journal?.rewrite(this.#world.state.operations());
    }
    const host = this.#options.host ?? DEFAULTS.host;
    const store = await listen((request, response) => this.#answerStore(request, response), host, 0);
    this.#servers.push(store.server);
    this.storeUrl = store.url;
    const main = await listen((request, response) => void this.#answer(request, response), host, this.#options.port ?? 0).catch(
      async (error: unknown) => {
        await this.close();
        throw error;
      },
    );
    this.#servers.push(main.server);
    this.url = main.url;
    if (directory !== null) await writeFileAtomic(join(directory, PRACTICE_KEY_FILE), this.controlKey, { mode: 0o600 });
    this.#every(Math.min(60_000, this.#retentionMs), () => this.#tidy());
    if ((this.#options.snapshotEveryMs ?? 0) > 0)
      this.#every(this.#options.snapshotEveryMs ?? 0, () => void this.#exportOnSchedule());
    this.setRate(this.#options.editsPerSecond ?? 0);
    this.#logger.info({ event: 'practice.started', url: this.url }, 'practice upstream started');
  }

  #every(ms: number, task: () => void): void {
    this.#timers.add(setInterval(task, ms).unref());
  }

  #tidy(): void {
    this.#world.trim(this.#retentionMs);
    if (this.#journal?.isLong === true) this.#journal.rewrite(this.#world.state.operations());
  }

  async #exportOnSchedule(): Promise<void> {
    try {
      await this.exportSnapshots();
    } catch (error) {
      this.#logger.error({ event: 'practice.export.failed', err: error }, 'scheduled practice export failed');
    }
  }

  setRate(editsPerSecond: number): void {
    clearInterval(this.#rateTimer);
    this.#editsPerSecond = editsPerSecond;
    if (editsPerSecond > 0) this.#rateTimer = setInterval(() => this.#live(), 1000 / editsPerSecond).unref();
  }

  /** One thing that happens by itself. A wiki with nothing left to change, or a full disk, must not end the server. */
  #live(): void {
    try {
      this.#world.act({ action: 'random' });
    } catch (error) {
      this.#logger.warn({ event: 'practice.act.failed', err: error }, 'nothing could be changed');
    }
  }

  async act(request: ActRequest): Promise<ActReport[]> {
    const reports: ActReport[] = [];
    for (let index = 0; index < (request.count ?? 1); index += 1) {
      reports.push(...this.#world.act({ ...request, count: 1 }));
      // Many at once must not keep streams and downloads waiting.
      if (index % 20 === 19) await nextTurn();
    }
    return reports;
  }

  async exportSnapshots(): Promise<void> {
    this.#exports += 1;
    try {
      await this.#snapshots.exportAll();
    } finally {
      this.#exports -= 1;
    }
  }

  truth(datasetId: string): Iterable<TruthRow> {
    const { project, namespaceId } = datasetOf(datasetId);
    if (!this.#world.wikis.some((wiki) => wiki.id === project))
      throw new MirrorError('NOT_FOUND', `There is no practice wiki ${project}.`);
    return this.#world.truth(project, namespaceId);
  }

  status(): PracticeStatus {
    const { state, wikis } = this.#world;
    return {
      url: this.url,
      storeUrl: this.storeUrl,
      account: this.#account,
      editsPerSecond: this.#editsPerSecond,
      acts: state.acts,
      events: state.log.count,
      streams: this.#streams,
      subscriptions: this.#subscriptions,
      isExporting: this.#exports > 0,
      wikis: wikis.map(({ id, name }) => ({
        project: id,
        name,
        pages: state.pagesOf(id).size,
        deleted: state.archivedOf(id).size,
      })),
      snapshots: this.#snapshots.list().map((snapshot) => textMember(snapshot, 'identifier')),
    };
  }

  #find(key: string): Promise<StoredObject | undefined> {
    return key.startsWith('batches/') ? this.#batches.findObject(key) : Promise.resolve(this.#objects.get(key));
  }

  #answerStore(request: IncomingMessage, response: ServerResponse): void {
    answerStore(request, response, (key) => this.#find(key), this.#signer).catch((error: unknown) =>
      this.#fail(request, response, error),
    );
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (!(error instanceof MirrorError))
      this.#logger.error({ event: 'practice.request.failed', err: error }, 'practice request failed');
    sendFailure(request, response, error);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#fail(request, response, error);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.method ?? 'GET';
    const target = request.url ?? '/';
    const mark = target.indexOf('?');
    const path = mark === -1 ? target : target.slice(0, mark);
    const query = new URLSearchParams(mark === -1 ? '' : target.slice(mark));
    if (path.startsWith('/practice/')) {
      response.setHeader(PRACTICE_HEADER, PRACTICE_HEADER_VALUE);
      return answerControl(request, response, path, this);
    }
    markResponse(request, response);
    if (method === 'OPTIONS') {
      answerPreflight(response);
      return;
    }
    if (path.startsWith('/v1/')) return answerAuth(request, response, path, this.#accounts, this.#account);
    if (method === 'GET' && ['/v2/status', '/healthz'].includes(path)) return void response.writeHead(200).end();
    if (path.endsWith('/') && !path.startsWith('/v2/articles/') && isRoute(path.slice(0, -1))) {
      return void response
        .writeHead(method === 'GET' ? 301 : 307, { Location: path.slice(0, -1) + target.slice(path.length) })
        .end();
    }
    const { subject } = await this.#accounts.authenticate(request.headers.authorization);
    if (!isAllowed(this.#account, method, path)) {
      sendError(request, response, 403);
      return;
    }
    if (path === '/v2/articles') return this.#stream(request, response, query);
    return answerApi(
      {
        world: this.#world,
        snapshots: this.#snapshots,
        batches: this.#batches,
        find: (key) => this.#find(key),
        accounts: this.#accounts,
        directDownloads: this.#options.directDownloads ?? false,
        now: this.#now,
        presign: (key, sub) => presign(this.#signer, this.storeUrl, key, sub),
      },
      { request, response, rest: path.slice('/v2/'.length), query, subject },
    );
  }

  async #stream(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const parameters = await streamParameters(request, query, this.#now());
    // Positions are taken from what is retained now, not from what the last tidying left.
    this.#world.trim(this.#retentionMs);
    this.#streams += 1;
    this.#subscriptions += 1;
    try {
      await answerStream(request, response, this.#world.state.log, parameters, {
        throttle: this.#options.streamThrottle ?? 0,
        signal: this.#closing.signal,
      });
    } finally {
      this.#streams -= 1;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#rateTimer);
    for (const timer of this.#timers) clearInterval(timer);
    await this.#snapshots.close();
    await Promise.all(
      this.#servers.map(
        (server) =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            server.closeAllConnections();
          }),
      ),
    );
    await this.#accounts.save();
    this.#journal?.close();
  }
}

function answerPreflight(response: ServerResponse): void {
  response.writeHead(204, {
    'Access-Control-Allow-Methods': 'GET, POST, OPTIONS, HEAD',
    'Access-Control-Allow-Headers': '*',
    'Content-Length': 0,
  });
  response.end();
}
