/** Metadata lists and objects (contract §4, §7.2, §9). Members we do not know stay in the objects as received. */
import type { Logger } from 'pino';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { MirrorError } from '../../contracts/errors.ts';
import type { DatasetId } from '../../contracts/identifiers.ts';
import type { BatchHour } from '../../contracts/upstream-port.ts';
import { CodeSchema, LanguageSchema, NamespaceSchema, ProjectSchema, SnapshotSchema } from '../../contracts/wme.ts';
import type { Code, Language, Namespace, Project, SnapshotInfo } from '../../contracts/wme.ts';
import type { EnterpriseApi } from './api.ts';

export class Metadata {
  readonly #api: EnterpriseApi;
  readonly #logger: Logger;

  constructor(api: EnterpriseApi, logger: Logger) {
    this.#api = api;
    this.#logger = logger;
  }

  codes(signal: AbortSignal | undefined): Promise<readonly Code[]> {
    return this.#list('/v2/codes', CodeSchema, signal);
  }

  languages(signal: AbortSignal | undefined): Promise<readonly Language[]> {
    return this.#list('/v2/languages', LanguageSchema, signal);
  }

  projects(signal: AbortSignal | undefined): Promise<readonly Project[]> {
    return this.#list('/v2/projects', ProjectSchema, signal);
  }

  namespaces(signal: AbortSignal | undefined): Promise<readonly Namespace[]> {
    return this.#list('/v2/namespaces', NamespaceSchema, signal);
  }

  snapshots(signal: AbortSignal | undefined): Promise<readonly SnapshotInfo[]> {
    return this.#list('/v2/snapshots', SnapshotSchema, signal);
  }

  snapshot(dataset: DatasetId, signal: AbortSignal | undefined): Promise<SnapshotInfo | undefined> {
    return this.#one(`/v2/snapshots/${encodeURIComponent(dataset)}`, signal);
  }

  /** Strict: a chunk left out here would silently lack its articles. */
  async chunks(dataset: DatasetId, signal: AbortSignal | undefined): Promise<readonly SnapshotInfo[] | undefined> {
    const path = `/v2/snapshots/${encodeURIComponent(dataset)}/chunks`;
    const items = await this.#items(path, signal);
    return items?.map((item) => this.#valid(path, SnapshotSchema, item));
  }

  batch(dataset: DatasetId, { date, hour }: BatchHour, signal: AbortSignal | undefined): Promise<SnapshotInfo | undefined> {
    return this.#one(batchPath(dataset, { date, hour }), signal);
  }

  /** An entry that cannot be understood is left out with a warning: one odd project must not take the catalogue away. */
  async #list<S extends TSchema>(path: string, schema: S, signal: AbortSignal | undefined): Promise<readonly Static<S>[]> {
    const items = await this.#items(path, signal);
    if (items === undefined)
      throw new MirrorError('NOT_FOUND', `${this.#routeOf(path)}: upstream has no such list (404). Check WME_API_URL.`);
    const valid = items.map(withoutNulls).filter((item): item is Static<S> => Value.Check(schema, item));
    if (valid.length === 0 && items.length > 0) {
      throw new MirrorError(
        'UPSTREAM_PROTOCOL',
        `${this.#routeOf(path)}: none of the ${items.length} entries has the form documented.`,
      );
    }
    if (valid.length < items.length) {
      this.#logger.warn(
        { event: 'metadata.skipped', route: path, skipped: items.length - valid.length },
        'left out entries of a list that could not be understood',
      );
    }
    return valid;
  }

  async #one(path: string, signal: AbortSignal | undefined): Promise<SnapshotInfo | undefined> {
    const items = await this.#items(path, signal);
    if (items === undefined) return undefined;
    if (items.length !== 1) {
      throw new MirrorError('UPSTREAM_PROTOCOL', `${this.#routeOf(path)} answered ${items.length} objects instead of one.`);
    }
    return this.#valid(path, SnapshotSchema, items[0]);
  }

  #valid<S extends TSchema>(path: string, schema: S, item: unknown): Static<S> {
    const candidate = withoutNulls(item);
    if (Value.Check(schema, candidate)) return candidate;
    const [problem] = Value.Errors(schema, candidate);
    throw new MirrorError(
      'UPSTREAM_PROTOCOL',
      `${this.#routeOf(path)} answered something other than documented${problem === undefined ? '' : `: ${problem.instancePath} ${problem.message}`}.`,
    );
  }

  async #items(path: string, signal: AbortSignal | undefined): Promise<readonly unknown[] | undefined> {
    const body = await this.#api.read({ origin: 'api', method: 'GET', path }, signal);
    return body === undefined ? undefined : parseItems(body.toString('utf8'), this.#routeOf(path));
  }

  #routeOf(path: string): string {
    return this.#api.routeOf({ origin: 'api', method: 'GET', path });
  }
}

export function batchPath(dataset: DatasetId, { date, hour }: BatchHour): string {
  return `/v2/batches/${encodeURIComponent(date)}/${encodeURIComponent(hour)}/${encodeURIComponent(dataset)}`;
}

/**
 * The objects of a JSON array, of a single JSON object, or of NDJSON, whatever the content type says: upstream gives an empty body for
 * an empty NDJSON list, and a single chunk may come without brackets (contract §1.4, §7.2).
 * @throws MirrorError UPSTREAM_PROTOCOL
 */
export function parseItems(text: string, route: string): readonly unknown[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  try {
    if (trimmed.startsWith('{') && trimmed.includes('\n')) return parseObjectOrLines(trimmed);
    const parsed: unknown = JSON.parse(trimmed);
    return Array.isArray(parsed) ? parsed : [parsed];
  } catch (error) {
    throw new MirrorError('UPSTREAM_PROTOCOL', `${route} answered something that is not JSON.`, { cause: error });
  }
}

/** Several lines that begin with an object: NDJSON, unless it is one object printed over several lines. */
function parseObjectOrLines(text: string): readonly unknown[] {
  try {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line): unknown => JSON.parse(line));
  } catch {
    // Not NDJSON; if it is not one object either, this throws for the caller to report.
    return [JSON.parse(text)];
  }
}

/** Go writes absent lists and objects as `null` in places; for us both mean "not there". */
function withoutNulls(item: unknown): unknown {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null));
}
