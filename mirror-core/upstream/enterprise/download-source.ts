/** The network side of a download: HEAD for the facts, GET for the bytes, redirects by hand (contract §7.3). */
import { MirrorError } from '../../contracts/errors.ts';
import type { DownloadTarget, QuotaKind } from '../../contracts/upstream-port.ts';
import { parseChunkNumber } from '../../contracts/identifiers.ts';
import type { Call, EnterpriseApi, Reconcile } from './api.ts';
import { shownUrl, type HttpResponse } from './http.ts';
import { batchPath } from './metadata.ts';
import { checkedRedirect, type ResolveHost } from './redirect-guard.ts';
import { isHtml, parseHttpDateMs, statusError, webPageError } from './responses.ts';

/** A presigned address is good for 60 seconds (contract §7.3); less, for the way and for clocks that differ. */
const LOCATION_LIFE_MS = 45_000;
const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** What HEAD tells about a file. */
export interface FileFacts {
  readonly sizeBytes: number;
  /** Quoted, as sent; `undefined` when there is none or a weak one, which proves nothing about bytes. */
  readonly etag: string | undefined;
  readonly lastModifiedMs: number | undefined;
}

export interface SourceParts {
  readonly api: EnterpriseApi;
  readonly reconcile: Reconcile;
  readonly resolve: ResolveHost;
  readonly now: () => number;
}

/** One file upstream. Lives as long as one download, and remembers where a redirect led. */
export class DownloadSource {
  readonly #parts: SourceParts;
  readonly #path: string;
  readonly #counts: QuotaKind | undefined;
  #location: { readonly url: URL; readonly atMs: number } | undefined;

  constructor(parts: SourceParts, target: DownloadTarget) {
    this.#parts = parts;
    this.#path = downloadPath(target);
    this.#counts = target.kind === 'batch' ? undefined : target.kind;
  }

  /** The file's address without host or query: stable, and free of secrets. */
  get path(): string {
    return this.#path;
  }

  get route(): string {
    return this.#parts.api.routeOf(this.#call('GET'));
  }

  /**
   * Size, version mark and time. Free of charge.
   * @throws MirrorError NOT_FOUND, FORBIDDEN, UPSTREAM_*
   */
  async head(signal: AbortSignal): Promise<FileFacts> {
    const call = this.#call('HEAD');
    const response = await this.#parts.api.send(call, signal);
    if (response.status !== 200) throw await this.#parts.api.refusal(call, response, signal);
    await response.discard();
    const route = this.#parts.api.routeOf(call);
    if (isHtml(response)) throw webPageError(response, route);
    const length = response.header('content-length') ?? '';
    if (!/^\d{1,15}$/.test(length)) throw new MirrorError('UPSTREAM_PROTOCOL', `${route} did not tell the file's size.`);
    return {
      sizeBytes: Number(length),
      etag: strongEtag(response),
      lastModifiedMs: parseHttpDateMs(response.header('last-modified')),
    };
  }

  /**
   * The bytes from `offset` on: status 200, 206, 412 or 416, not read yet. One request is counted, unless the address of a redirect
   * younger than a minute can be used once more.
   * @throws MirrorError QUOTA_EXHAUSTED, NOT_FOUND, SNAPSHOT_CHANGED, UPSTREAM_*
   */
  async open(offset: number, etag: string | undefined, signal: AbortSignal): Promise<HttpResponse> {
    const headers: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-`, 'if-range': etag ?? '' };
    const remembered = this.#location;
    if (remembered !== undefined && this.#parts.now() - remembered.atMs < LOCATION_LIFE_MS) {
      const again = await this.#follow(remembered.url, headers, signal);
      // 403: it has expired after all. Every other answer is the store's word on the file.
      if (again.status !== 403) return await this.#judgeStore(again);
      await again.discard();
    }
    this.#location = undefined;
    const call = { ...this.#call('GET'), headers, ...(this.#counts === undefined ? {} : { counts: this.#counts }) };
    const response = await this.#parts.api.send(call, signal);
    if (REDIRECTS.has(response.status)) {
      const target = await this.#redirectOf(response);
      this.#location = { url: target, atMs: this.#parts.now() };
      return await this.#judgeStore(await this.#follow(target, headers, signal));
    }
    if (isFileAnswer(response)) return await this.#withoutWebPage(response);
    throw await this.#parts.api.refusal(call, response, signal, this.#parts.reconcile);
  }

  #call(method: 'GET' | 'HEAD'): Call & { readonly method: 'GET' | 'HEAD' } {
    return { origin: 'api', method, path: this.#path, accept: '*/*' };
  }

  async #redirectOf(response: HttpResponse): Promise<URL> {
    const location = response.header('location');
    await response.discard();
    return await checkedRedirect(response.url, location, this.#apiUrl(), this.#parts.resolve);
  }

  #apiUrl(): URL {
    return this.#parts.api.urlOf(this.#call('GET'));
  }

  /** Follows to the bytes. Every hop is checked; only the last answer is returned. */
  async #follow(first: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HttpResponse> {
    let url = first;
    for (let hops = 1; hops <= MAX_REDIRECTS; hops += 1) {
      const response = await this.#parts.api.getElsewhere(url, { ...headers, accept: '*/*' }, signal);
      if (!REDIRECTS.has(response.status)) return response;
      url = await this.#redirectOf(response);
    }
    throw new MirrorError('UPSTREAM_PROTOCOL', `${this.route} sent us on more than ${MAX_REDIRECTS} times.`);
  }

  /** The object store's refusals: it says 403 or 404 for a file that has gone since HEAD (contract §7.3). */
  async #judgeStore(response: HttpResponse): Promise<HttpResponse> {
    if (isFileAnswer(response)) return await this.#withoutWebPage(response);
    if (response.status === 403 || response.status === 404) {
      await response.discard();
      throw new MirrorError(
        'SNAPSHOT_CHANGED',
        `${this.route}: the file has gone from ${shownUrl(response.url)} (${response.status}). A new generation is probably being written; it is tried again later.`,
        { context: { status: response.status } },
      );
    }
    throw await statusError(response, `GET ${shownUrl(response.url)}`, this.#parts.now());
  }

  async #withoutWebPage(response: HttpResponse): Promise<HttpResponse> {
    if (!isHtml(response)) return response;
    await response.discard();
    throw webPageError(response, this.route);
  }
}

/** The bytes, or the two answers that say the file is no longer the one we know. */
function isFileAnswer(response: HttpResponse): boolean {
  return [200, 206, 412, 416].includes(response.status);
}

export function strongEtag(response: HttpResponse): string | undefined {
  const etag = response.header('etag');
  return etag !== undefined && /^"[^"]*"$/.test(etag) ? etag : undefined;
}

function downloadPath(target: DownloadTarget): string {
  switch (target.kind) {
    case 'snapshot':
      return `/v2/snapshots/${encodeURIComponent(target.dataset)}/download`;
    case 'chunk':
      if (parseChunkNumber(target.chunk) === undefined) {
        throw new MirrorError(
          'INVALID_INPUT',
          `"${target.chunk}" is not the name of a chunk. Expected ${target.dataset}_chunk_0 or the like.`,
        );
      }
      return `/v2/snapshots/${encodeURIComponent(target.dataset)}/chunks/${encodeURIComponent(target.chunk)}/download`;
    case 'batch':
      return `${batchPath(target.dataset, target.hour)}/download`;
  }
}
