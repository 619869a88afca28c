/** The read-only compatible routes under `/v2`: on-demand articles and metadata lists (contract §4, §5). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { MirrorError } from '../contracts/errors.ts';
import { CodeSchema, LanguageSchema, NamespaceSchema, ProjectSchema, WmeErrorSchema } from '../contracts/wme.ts';
import type { App, ServerOptions } from './app.ts';
import { composeAnswer, type Answer } from './article-answer.ts';
import { CODES, NAMESPACES } from './fixed-lists.ts';
import { Lookup } from './lookup.ts';
import { formatFor, MEDIA_TYPE } from './negotiation.ts';
import { readLimit, readSelection } from './parameters.ts';
import { mergeInput, parseBody, parseForm, pathOf, queryOf, type RawInput } from './request-input.ts';
import { matchesFilters, selectFields } from './selection.ts';
import { nameFromPath } from './titles.ts';

const ARTICLES_PREFIX = '/v2/articles/';

/** Every parameter of the request: the query string, and on POST the body before it. */
export function inputOf(request: FastifyRequest): RawInput {
  const query = parseForm(queryOf(request.raw.url ?? ''));
  if (request.method !== 'POST') return query;
  const body = Buffer.isBuffer(request.body) ? request.body : undefined;
  return mergeInput(query, parseBody(body, request.headers['content-type']));
}

const FilterSchema = Type.Object({
  field: Type.String({ minLength: 1, maxLength: 255 }),
  value: Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]),
});
const fields = Type.Optional(
  Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 255, description: 'members to return, by dotted path' }),
);
const filters = Type.Optional(Type.Array(FilterSchema, { maxItems: 255, description: 'equality, all must match' }));
const limit = Type.Optional(
  Type.Integer({ maximum: 10, default: 3, description: 'projects that may answer; 0 or less means 3' }),
);
const ListInputSchema = Type.Object({ fields, filters });
const ItemInputSchema = Type.Object({ fields });
const LookupInputSchema = Type.Object({ fields, filters, limit });

/** A response that may come as JSON or as lines of JSON. */
function listResponse(item: TSchema, description: string): object {
  return {
    description,
    content: {
      'application/json': { schema: Type.Array(item) },
      'application/x-ndjson': { schema: Type.String({ description: 'one record a line, no newline at the end' }) },
    },
  };
}

/** Error answers by status, all in the contract's one form. */
export function wmeErrors(...statuses: readonly number[]): Record<number, typeof WmeErrorSchema> {
  return Object.fromEntries(statuses.map((status) => [status, WmeErrorSchema]));
}

const AnyRecordSchema = Type.Object({}, { additionalProperties: true });

function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  for (const [name, value] of Object.entries(answer.headers)) {
    void reply.header(name, name === 'vary' ? mergeVary(reply.getHeader('vary'), value) : value);
  }
  return reply.code(answer.status).send(answer.body);
}

function mergeVary(present: unknown, added: string): string {
  return typeof present === 'string' ? `${present}, ${added}` : added;
}

function registerArticles(app: App, options: ServerOptions): void {
  const lookup = new Lookup(options.reader, options.logger);
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const path = pathOf(request.raw.url ?? '');
    const name = path.startsWith(ARTICLES_PREFIX) ? nameFromPath(path, ARTICLES_PREFIX) : undefined;
    if (name === undefined) throw new MirrorError('NOT_FOUND', 'No article has an empty name; ask for /v2/articles/{name}.');
    const input = inputOf(request);
    const selection = readSelection(input);
    const found = await lookup.find({
      name,
      filters: selection.filters,
      limit: readLimit(input),
      followRedirects: options.followRedirects,
    });
    if (found.length === 0) {
      throw new MirrorError(
        'NOT_FOUND',
        'No mirrored project has an article of this name that matches. Names are case-sensitive.',
      );
    }
    return sendAnswer(
      reply,
      await composeAnswer(options.reader, found, {
        format: formatFor(request.headers.accept),
        acceptEncoding: acceptEncodingOf(request),
        ifNoneMatch: request.headers['if-none-match'],
        fields: selection.fields,
        shape: 'list',
      }),
    );
  };
  const shared = {
    tags: ['On-demand'],
    params: Type.Object({ '*': Type.String({ description: 'title, spaces or underscores; slashes may stay as they are' }) }),
    response: {
      200: listResponse(AnyRecordSchema, 'the articles of this name, at most one per project, never none'),
      304: Type.Null(),
      ...wmeErrors(400, 401, 404, 413, 422, 500, 503),
    },
  };
  app.get(
    '/v2/articles/*',
    { schema: { ...shared, summary: 'Look an article up by name', querystring: LookupInputSchema } },
    answer,
  );
  app.post('/v2/articles/*', { schema: { ...shared, summary: 'Look an article up by name', body: LookupInputSchema } }, answer);

  const noStream = (request: FastifyRequest): never => {
    const isEmptyName = pathOf(request.raw.url ?? '') === ARTICLES_PREFIX;
    throw new MirrorError(
      'NOT_FOUND',
      isEmptyName
        ? 'No article has an empty name; ask for /v2/articles/{name}.'
        : 'The realtime stream is not offered by this version of the mirror. Look single articles up at /v2/articles/{name}.',
    );
  };
  const streamSchema = { tags: ['Realtime'], summary: 'Realtime stream: not offered yet', response: wmeErrors(401, 404) };
  app.get('/v2/articles', { schema: streamSchema }, noStream);
  app.post('/v2/articles', { schema: streamSchema }, noStream);
}

/** `Accept-Encoding` as text, whatever the client repeated. */
export function acceptEncodingOf(request: FastifyRequest): string | undefined {
  const value: unknown = request.headers['accept-encoding'];
  return typeof value === 'string' ? value : undefined;
}

interface MetadataList {
  readonly path: string;
  readonly what: string;
  readonly schema: TSchema;
  readonly items: () => readonly { readonly identifier: string | number }[];
}

function registerList(app: App, { path, what, schema, items }: MetadataList): void {
  const sendList = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { fields: tree, filters: wanted } = readSelection(inputOf(request));
    const format = formatFor(request.headers.accept);
    const records = items()
      .map((item) => Buffer.from(JSON.stringify(item)))
      .filter((record) => matchesFilters(record, wanted))
      .map((record) => (tree === undefined ? record : selectFields(record, tree)).toString());
    const body = format === 'json' ? `[${records.join(',')}]` : records.join('\n');
    return reply.header('cache-control', 'no-cache').header('content-type', MEDIA_TYPE[format]).send(Buffer.from(body));
  };
  const sendItem = (request: FastifyRequest<{ Params: { identifier: string } }>, reply: FastifyReply): FastifyReply => {
    const { fields: tree } = readSelection({ fields: inputOf(request)['fields'] });
    const item = items().find(({ identifier }) => String(identifier) === request.params.identifier);
    if (item === undefined) throw new MirrorError('NOT_FOUND', `There is no such ${what}; the list is at ${path}.`);
    const record = Buffer.from(JSON.stringify(item));
    const type = MEDIA_TYPE[formatFor(request.headers.accept)];
    return reply
      .header('cache-control', 'no-cache')
      .header('content-type', type)
      .send(tree === undefined ? record : selectFields(record, tree));
  };
  const tags = ['Metadata'];
  const listSchema = { tags, response: { 200: listResponse(schema, `all ${what}s`), ...wmeErrors(401, 413, 422, 500, 503) } };
  const itemSchema = {
    tags,
    params: Type.Object({ identifier: Type.String() }),
    response: { 200: schema, ...wmeErrors(401, 404, 413, 422, 500, 503) },
  };
  app.get(path, { schema: { ...listSchema, summary: `List every ${what}`, querystring: ListInputSchema } }, sendList);
  app.post(path, { schema: { ...listSchema, summary: `List every ${what}`, body: ListInputSchema } }, sendList);
  const itemPath = `${path}/:identifier`;
  app.get(itemPath, { schema: { ...itemSchema, summary: `One ${what}`, querystring: ItemInputSchema } }, sendItem);
  app.post(itemPath, { schema: { ...itemSchema, summary: `One ${what}`, body: ItemInputSchema } }, sendItem);
}

function registerMetadata(app: App, { reader, fullProjectList }: ServerOptions): void {
  const mirroredProjects = (): ReadonlySet<string> => new Set(reader.projects().map(({ project }) => project));
  const mirroredLanguages = (): ReadonlySet<string> => new Set(reader.projects().flatMap(({ language }) => language ?? []));
  const projects = (): ReturnType<typeof reader.projectList> => {
    if (fullProjectList) return reader.projectList();
    const mirrored = mirroredProjects();
    return reader.projectList().filter(({ identifier }) => mirrored.has(identifier));
  };
  const languages = (): ReturnType<typeof reader.languageList> => {
    if (fullProjectList) return reader.languageList();
    const mirrored = mirroredLanguages();
    return reader.languageList().filter(({ identifier }) => mirrored.has(identifier));
  };
  registerList(app, { path: '/v2/codes', what: 'project code', schema: CodeSchema, items: () => CODES });
  registerList(app, { path: '/v2/languages', what: 'language', schema: LanguageSchema, items: languages });
  registerList(app, { path: '/v2/projects', what: 'project', schema: ProjectSchema, items: projects });
  registerList(app, { path: '/v2/namespaces', what: 'namespace', schema: NamespaceSchema, items: () => NAMESPACES });
}

/** Adds the compatible read-only routes. Parameters are read by our own code: the accepted encodings are wider than any schema says. */
export function registerCompatRoutes(app: App, options: ServerOptions): void {
  registerArticles(app, options);
  registerMetadata(app, options);
}
