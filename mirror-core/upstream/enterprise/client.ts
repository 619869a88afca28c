/** The client of Wikimedia Enterprise and of whatever speaks its API, another mirror included. Puts the parts together. */
import type { Logger } from 'pino';
import { MirrorError } from '../../contracts/errors.ts';
import type { DatasetId, ProjectId } from '../../contracts/identifiers.ts';
import type { KeyValuePort } from '../../contracts/store-port.ts';
import type {
  BatchHour,
  Capabilities,
  DownloadedFile,
  DownloadRequest,
  QuotaKind,
  QuotaUse,
  StreamRequest,
  UpstreamPort,
} from '../../contracts/upstream-port.ts';
import type { Code, Language, Namespace, Project, SnapshotInfo } from '../../contracts/wme.ts';
import { sleepForReal, type Sleep } from './abort.ts';
import { EnterpriseApi, type Origins } from './api.ts';
import { CapabilityProbe } from './capabilities.ts';
import { Downloader, freeBytesAt } from './download.ts';
import { DEFAULT_TIMEOUTS, HttpClient, shownUrl, type HttpTimeouts } from './http.ts';
import { lookupArticle } from './lookup.ts';
import { Metadata } from './metadata.ts';
import { QuotaLedger } from './quota-ledger.ts';
import { openStream } from './realtime.ts';
import { resolveByDns } from './redirect-guard.ts';
import { createRetryRunner } from './retry-runner.ts';
import { Session } from './session.ts';

export interface EnterpriseOptions {
  /** Base addresses, with or without a trailing slash or the version (`/v1`, `/v2`). */
  readonly authUrl: string;
  readonly apiUrl: string;
  readonly realtimeUrl: string;
  /** May be empty when the token file holds a refresh token. */
  readonly username: string;
  readonly password: string;
  /** The operator's mail address or page, for the User-Agent; may be empty. */
  readonly contact: string;
  readonly version: string;
  /** Where the tokens are kept, readable by the owner alone. */
  readonly tokenFile: string;
  /** Holds the counts of requests spent, by account. */
  readonly ledger: KeyValuePort;
  /** Requests a month; 0: by the account, else the documented free figures for free accounts and no cap for paid ones. */
  readonly quota: Readonly<Record<QuotaKind, number>>;
  readonly logger: Logger;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** From 0 up to 1, for the jitter of waits. */
  readonly random?: () => number;
  readonly sleep?: Sleep;
  /** Free bytes where `path` lies. */
  readonly freeBytes?: (path: string) => Promise<number>;
  /** Bytes a download must leave free; 0 when absent. */
  readonly reserveBytes?: number;
  readonly timeouts?: Partial<HttpTimeouts>;
}

export interface EnterpriseClient extends UpstreamPort {
  /**
   * Logs in with these credentials, stores the tokens, and forgets what was known about an earlier account.
   * @throws MirrorError AUTH_FAILED, UPSTREAM_*
   */
  login(username: string, password: string): Promise<void>;
  /** Revokes and deletes the tokens and forgets the credentials. Local traces go even when upstream cannot be told. */
  logout(): Promise<void>;
  /** Ends every connection at once; what runs rejects with AbortError. */
  close(): Promise<void>;
}

/** @throws MirrorError CONFIG_INVALID for an address that is none */
export function createEnterpriseClient(options: EnterpriseOptions): EnterpriseClient {
  const { logger } = options;
  const now = options.now ?? Date.now;
  const origins: Origins = {
    auth: baseUrl(options.authUrl, 'WME_AUTH_URL'),
    api: baseUrl(options.apiUrl, 'WME_API_URL'),
    realtime: baseUrl(options.realtimeUrl, 'WME_REALTIME_URL'),
  };
  const http = new HttpClient({
    userAgent: userAgent(options.version, options.contact),
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
  });
  const { closing } = http;
  const retry = createRetryRunner({
    closing,
    random: options.random ?? Math.random,
    sleep: options.sleep ?? sleepForReal,
    logger,
  });
  const { username, password, tokenFile } = options;
  const session = new Session({ http, retry, authUrl: origins.auth, username, password, tokenFile, logger, now });
  const ledger = new QuotaLedger({ store: options.ledger, configured: options.quota, now, logger });
  const api = new EnterpriseApi({ http, session, ledger, retry, origins, now, logger });
  const probe = new CapabilityProbe({ api, http, session, ledger, retry, logger, now });
  const metadata = new Metadata(api, logger);
  const downloader = new Downloader({
    api,
    closing,
    reconcile: probe.reconcile,
    resolve: resolveByDns,
    retry,
    logger,
    now,
    // The caps come from the account; without them a paid account would be held to the free figures.
    prepare: (signal) => probe.get({ signal }),
    freeBytes: options.freeBytes ?? freeBytesAt,
    reserveBytes: options.reserveBytes ?? 0,
  });

  return {
    address: shownUrl(origins.api).replace(/\/$/, ''),
    capabilities: (request: { readonly refresh?: boolean; readonly signal?: AbortSignal } = {}): Promise<Capabilities> =>
      probe.get(request),
    codes: (signal?: AbortSignal): Promise<readonly Code[]> => metadata.codes(signal),
    languages: (signal?: AbortSignal): Promise<readonly Language[]> => metadata.languages(signal),
    projects: (signal?: AbortSignal): Promise<readonly Project[]> => metadata.projects(signal),
    namespaces: (signal?: AbortSignal): Promise<readonly Namespace[]> => metadata.namespaces(signal),
    snapshots: (signal?: AbortSignal): Promise<readonly SnapshotInfo[]> => metadata.snapshots(signal),
    snapshot: (dataset: DatasetId, signal?: AbortSignal): Promise<SnapshotInfo | undefined> => metadata.snapshot(dataset, signal),
    chunks: (dataset: DatasetId, signal?: AbortSignal): Promise<readonly SnapshotInfo[] | undefined> =>
      metadata.chunks(dataset, signal),
    batch: (dataset: DatasetId, hour: BatchHour, signal?: AbortSignal): Promise<SnapshotInfo | undefined> =>
      metadata.batch(dataset, hour, signal),
    download: (request: DownloadRequest): Promise<DownloadedFile> => downloader.download(request),
    stream: (request: StreamRequest): AsyncIterable<Uint8Array> => openStream({ api, closing, logger, now }, request),
    lookup: async (project: ProjectId, name: string, signal?: AbortSignal): Promise<Uint8Array | undefined> => {
      await probe.get({ signal });
      return await lookupArticle(api, project, name, signal, probe.reconcile);
    },
    /** Complete once {@link UpstreamPort.capabilities} was answered; before that the ledger has not been read. */
    quota: (): readonly QuotaUse[] => ledger.uses(),
    canSpend: (kind: QuotaKind): boolean => ledger.canSpend(kind),
    login: async (name: string, secret: string): Promise<void> => {
      await session.login(name, secret);
      probe.forget();
    },
    logout: async (): Promise<void> => {
      probe.forget();
      await session.logout();
    },
    close: (): Promise<void> => http.close(),
  };
}

function baseUrl(text: string, name: string): URL {
  const url = URL.parse(
    text
      .trim()
      .replace(/\/+$/, '')
      .replace(/\/v[12]$/, ''),
  );
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new MirrorError(
      'CONFIG_INVALID',
      `${name} is not a web address. Expected something like https://api.enterprise.wikimedia.com.`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new MirrorError(
      'CONFIG_INVALID',
      `${name} contains a user name or password. Put them into WME_USERNAME and WME_PASSWORD.`,
    );
  }
  return url;
}

/** `Wikimirror/0.1.0 (ops@example.org) node/24.21.0`: who we are and whom to write to. Header text is plain ASCII. */
function userAgent(version: string, contact: string): string {
  const plain = contact.replace(/[^\x20-\x7e]+|[()\\]/g, ' ').trim();
  return `Wikimirror/${version} (${plain === '' ? 'no contact given' : plain}) node/${process.versions.node}`;
}
