/** The `/v2` routes (contract §4, §5, §7, §9), after permission was given. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MirrorError } from '../../contracts/errors.ts';
import { parseChunkNumber } from '../../contracts/identifiers.ts';
import type { Accounts, Counter } from '../accounts.ts';
import { batchKey, hourOf, type Batches } from '../batches.ts';
import { nameIn } from '../content/facts.ts';
import { CODES, NAMESPACES } from '../content/wikis.ts';
import { articleRecord } from '../record.ts';
import { keyOf } from '../page-state.ts';
import { textMember, type JsonObject } from '../go-json.ts';
import type { StoredObject } from '../object-store.ts';
import { chunkKey, snapshotKey, type Snapshots } from '../snapshots.ts';
import type { World } from '../world.ts';
import { sendHead, sendObjectBytes } from './download.ts';
import { listParameters, type Parameters } from './parameters.ts';
import { sendError, sendList, sendObject } from './respond.ts';
import { matchesFlat, matchesStrictly, selectFlat, selectNested } from './select.ts';

export interface ApiDependencies {
  readonly world: World;
  readonly snapshots: Snapshots;
  readonly batches: Batches;
  /** A file by its key in the object store. */
  readonly find: (key: string) => Promise<StoredObject | undefined>;
  readonly accounts: Accounts;
  readonly directDownloads: boolean;
  readonly now: () => number;
  /** A presigned address on the second origin. */
  readonly presign: (key: string, subject: string) => string;
}

export interface ApiRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** As sent, without the query and without `/v2/`. */
  readonly rest: string;
  readonly query: URLSearchParams;
  /** `sub` of the account. */
  readonly subject: string;
}

const DEFAULT_LIMIT = 3;
const MAX_LIMIT = 10;

function notFound(): MirrorError {
  return new MirrorError('NOT_FOUND', 'Not Found');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new MirrorError('NOT_FOUND', 'Not Found', { cause: error });
  }
}

/** Answers one request of the main API. */
export async function answerApi(dependencies: ApiDependencies, api: ApiRequest): Promise<void> {
  const slash = api.rest.indexOf('/');
  const family = slash === -1 ? api.rest : api.rest.slice(0, slash);
  const below = slash === -1 ? undefined : api.rest.slice(slash + 1);
  switch (family) {
    case 'articles':
      return answerOnDemand(dependencies, api, decode(below ?? ''));
    case 'codes':
    case 'languages':
    case 'projects':
    case 'namespaces':
      return answerMetadata(dependencies, api, family, below);
    case 'snapshots':
      return answerSnapshots(dependencies, api, (below ?? '').split('/').map(decode));
    case 'batches':
      return answerBatches(dependencies, api, (below ?? '').split('/').map(decode));
    default:
      throw notFound();
  }
}

/** As it stands in a path: the identifier of a namespace is a number. */
function identifierOf(record: JsonObject): string {
  const { identifier } = record;
  return typeof identifier === 'number' ? String(identifier) : textMember(record, 'identifier');
}

/** A list, or one of it, by the engine of the metadata endpoints. */
async function answerRecords(
  dependencies: ApiDependencies,
  { request, response, query }: ApiRequest,
  records: readonly JsonObject[],
  identifier: string | undefined,
): Promise<void> {
  const { fields, filters } = await listParameters(request, query, dependencies.now());
  if (identifier === undefined) {
    sendList(
      request,
      response,
      records.filter((record) => matchesFlat(record, filters)).map((record) => selectFlat(record, fields)),
    );
    return;
  }
  const found = records.find((record) => identifierOf(record) === identifier);
  if (found === undefined) throw notFound();
  sendObject(request, response, selectFlat(found, fields));
}

function answerMetadata(
  dependencies: ApiDependencies,
  api: ApiRequest,
  family: string,
  identifier: string | undefined,
): Promise<void> {
  const wanted = identifier === undefined ? undefined : decode(identifier);
  if (family === 'codes')
    return answerRecords(
      dependencies,
      api,
      CODES.map((code) => ({ ...code })),
      wanted,
    );
  if (family === 'namespaces')
    return answerRecords(
      dependencies,
      api,
      NAMESPACES.map((namespace) => ({ ...namespace })),
      wanted,
    );
  const { wikis } = dependencies.world;
  if (family === 'languages') {
    const languages = wikis.map(({ language, direction }) => ({
      identifier: language,
      name: nameIn('en', 'language', language),
      alternate_name: nameIn(language, 'language', language),
      direction,
    }));
    return answerRecords(dependencies, api, languages, wanted);
  }
  const projects = wikis.map(({ id, name, url, language }) => ({
    name,
    identifier: id,
    url,
    code: 'wiki',
    in_language: { identifier: language },
  }));
  return answerRecords(dependencies, api, projects, wanted);
}

/** The projects On-demand looks in: the first filter of each of the two names narrows them before any lookup (contract §5.2). */
function candidates(world: World, parameters: Parameters): string[] {
  const project = parameters.filters.find((filter) => filter.field === 'is_part_of.identifier')?.value;
  const language = parameters.filters.find((filter) => filter.field === 'in_language.identifier')?.value;
  return world.wikis
    .filter((wiki) => (project === undefined || wiki.id === project) && (language === undefined || wiki.language === language))
    .map((wiki) => wiki.id);
}

async function answerOnDemand(
  dependencies: ApiDependencies,
  { request, response, query }: ApiRequest,
  name: string,
): Promise<void> {
  // Every request counts, also one that ends in 404.
  await dependencies.accounts.count('onDemand');
  const parameters = await listParameters(request, query, dependencies.now());
  if (parameters.limit !== undefined && parameters.limit > MAX_LIMIT)
    throw new MirrorError('INVALID_INPUT', `limit must be at most ${MAX_LIMIT}`);
  const limit = parameters.limit === undefined || parameters.limit <= 0 ? DEFAULT_LIMIT : parameters.limit;
  const found: JsonObject[] = [];
  for (const project of candidates(dependencies.world, parameters)) {
    const page = name === '' ? undefined : dependencies.world.state.page(project, keyOf(name));
    if (page === undefined) continue;
    const record = articleRecord(page);
    if (matchesStrictly(record, parameters.filters)) found.push(selectNested(record, parameters.fields));
    if (found.length === limit) break;
  }
  if (found.length === 0) throw notFound();
  // Parallel workers answer in the order they finish, which is anything but the order of the projects.
  sendList(request, response, found.reverse());
}

async function answerSnapshots(dependencies: ApiDependencies, api: ApiRequest, path: readonly string[]): Promise<void> {
  const { snapshots } = dependencies;
  const [id = '', kind, chunkText, last] = path;
  if (id === '') return answerRecords(dependencies, api, snapshots.list(), undefined);
  if (kind === undefined) {
    const snapshot = snapshots.snapshot(id);
    return answerRecords(dependencies, api, snapshot === undefined ? [] : [snapshot], id);
  }
  if (kind === 'download') return answerDownload(dependencies, api, snapshotKey(id), 'snapshot');
  if (chunkText === undefined) {
    const chunks = snapshots.chunks(id);
    if (chunks === undefined) throw notFound();
    return answerRecords(dependencies, api, chunks, undefined);
  }
  const number = parseChunkNumber(chunkText);
  if (number === undefined) throw notFound();
  if (last === 'download') return answerDownload(dependencies, api, chunkKey(id, number), 'chunk');
  const chunk = snapshots.chunk(id, number);
  return answerRecords(dependencies, api, chunk === undefined ? [] : [chunk], `${id}_chunk_${number}`);
}

async function answerBatches(dependencies: ApiDependencies, api: ApiRequest, path: readonly string[]): Promise<void> {
  const [date = '', hour = '', id, last] = path;
  const hourMs = hourOf(date, hour);
  if (hourMs === undefined) throw notFound();
  if (id === undefined) {
    const batches = await dependencies.batches.list(hourMs);
    if (batches.length === 0) throw notFound();
    return answerRecords(
      dependencies,
      api,
      batches.map((batch) => batch.metadata),
      undefined,
    );
  }
  if (last === 'download') return answerDownload(dependencies, api, batchKey(hourMs, id), undefined);
  const batch = await dependencies.batches.find(hourMs, id);
  return answerRecords(dependencies, api, batch === undefined ? [] : [batch.metadata], id);
}

/** GET: counted, then sent to the object store whether or not the file is there. HEAD: answered here, not counted. */
async function answerDownload(
  dependencies: ApiDependencies,
  { request, response, subject }: ApiRequest,
  key: string,
  counter: Counter | undefined,
): Promise<void> {
  const known = await dependencies.find(key);
  if (request.method === 'HEAD') {
    if (known === undefined) throw notFound();
    sendHead(response, known);
    return;
  }
  if (counter !== undefined) await dependencies.accounts.count(counter);
  if (!dependencies.directDownloads) {
    response.writeHead(307, { Location: dependencies.presign(key, subject), 'Content-Length': 0 });
    response.end();
    return;
  }
  if (known === undefined) throw notFound();
  sendObjectBytes(request, response, known, (status, _code, message, headers) => {
    for (const [name, value] of Object.entries(headers ?? {})) response.setHeader(name, value);
    sendError(request, response, status, message);
  });
}
