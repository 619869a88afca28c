/** `/api`: the control API over the one door to the sync engine. Always behind the control token, except its own description. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import {
  AddRequestSchema,
  CatalogueProjectSchema,
  DatasetStatusSchema,
  ManifestQuerySchema,
  MirrorStatusSchema,
  QuotaUseSchema,
  RemoveResultSchema,
  QuarantineRowSchema,
} from '../contracts/control-api.ts';
import { MirrorError } from '../contracts/errors.ts';
import { parseDatasetId, type DatasetId } from '../contracts/identifiers.ts';
import type { DatasetReader } from '../contracts/store-port.ts';
import type { App, ServerOptions } from './app.ts';
import { controlErrors, DatasetParams, EventsQuery, ProjectsQuery, streamResponse } from './control-schemas.ts';
import type { EventFeed } from './event-feed.ts';
import { manifestLines } from './manifest-lines.ts';
import { MEDIA_TYPE } from './negotiation.ts';

const DatasetListSchema = Type.Array(DatasetStatusSchema);

/** @throws MirrorError INVALID_INPUT with the form a dataset id has */
export function requireDatasetId(text: string): DatasetId {
  const parsed = parseDatasetId(text);
  if (parsed !== undefined) return parsed.id;
  throw new MirrorError(
    'INVALID_INPUT',
    `"${text.slice(0, 80)}" is not a dataset; it is written project_namespace_number, such as simplewiki_namespace_0.`,
  );
}

/** @throws MirrorError NOT_FOUND when the dataset is not mirrored */
export async function requireReader({ reader }: ServerOptions, id: DatasetId): Promise<DatasetReader> {
  const dataset = await reader.dataset(id);
  if (dataset !== undefined) return dataset;
  throw new MirrorError('NOT_FOUND', `${id} is not mirrored here.`);
}

function lastEventId(request: FastifyRequest<{ Querystring: { after?: number } }>): number | undefined {
  const header = request.headers['last-event-id'];
  const text = typeof header === 'string' ? header.trim() : '';
  if (text === '') return request.query.after;
  if (!/^\d{1,15}$/.test(text)) throw new MirrorError('INVALID_INPUT', 'Last-Event-ID must be the whole number of an event.');
  return Number(text);
}

function registerDatasets(app: App, { control }: ServerOptions): void {
  const tags = ['Datasets'];
  app.get(
    '/api/datasets',
    { schema: { tags, summary: 'Every mirrored dataset', response: { 200: DatasetListSchema, ...controlErrors() } } },
    async () => [...(await control.status()).datasets],
  );
  app.post(
    '/api/datasets',
    {
      schema: {
        tags,
        summary: 'Mirror more datasets',
        body: AddRequestSchema,
        response: { 200: DatasetListSchema, ...controlErrors(404, 422, 507) },
      },
    },
    async (request) => [...(await control.add(request.body.datasets.map(requireDatasetId)))],
  );
  app.get(
    '/api/datasets/:id',
    {
      schema: {
        tags,
        summary: 'One dataset',
        params: DatasetParams,
        response: { 200: DatasetStatusSchema, ...controlErrors(404, 422) },
      },
    },
    async (request) => control.dataset(requireDatasetId(request.params.id)),
  );
  app.delete(
    '/api/datasets/:id',
    {
      schema: {
        tags,
        summary: 'Remove a dataset and its files',
        params: DatasetParams,
        response: { 200: RemoveResultSchema, ...controlErrors(404, 422) },
      },
    },
    async (request) => {
      const id = requireDatasetId(request.params.id);
      return { id, freedBytes: (await control.remove(id)).freedBytes };
    },
  );
  const actions = [
    { verb: 'pause', summary: 'Pause a dataset', act: (id: DatasetId) => control.pause(id) },
    { verb: 'resume', summary: 'Let a paused dataset go on', act: (id: DatasetId) => control.resume(id) },
    { verb: 'sync', summary: 'Look for something newer at once', act: (id: DatasetId) => control.sync(id) },
  ];
  for (const { verb, summary, act } of actions) {
    app.post(
      `/api/datasets/:id/${verb}`,
      {
        schema: { tags, summary, params: DatasetParams, response: { 200: DatasetStatusSchema, ...controlErrors(404, 409, 422) } },
      },
      async (request) => act(requireDatasetId(request.params.id)),
    );
  }
}

function registerInventory(app: App, options: ServerOptions): void {
  const tags = ['Inventory'];
  app.get(
    '/api/datasets/:id/manifest',
    {
      schema: {
        tags,
        summary: 'Inventory of a dataset as lines of JSON',
        params: DatasetParams,
        querystring: ManifestQuerySchema,
        response: { 200: streamResponse(MEDIA_TYPE.ndjson, 'one title a line'), ...controlErrors(404, 422) },
      },
    },
    async (request, reply): Promise<FastifyReply> => {
      const dataset = await requireReader(options, requireDatasetId(request.params.id));
      const rows = dataset.manifest({ tombstones: request.query.tombstones ?? false });
      return reply.header('content-type', MEDIA_TYPE.ndjson).header('cache-control', 'no-store').send(manifestLines(rows));
    },
  );
  app.get(
    '/api/datasets/:id/quarantine',
    {
      schema: {
        tags,
        summary: 'Lines that could not be read, with file and line number',
        params: DatasetParams,
        response: { 200: Type.Array(QuarantineRowSchema), ...controlErrors(404, 422) },
      },
    },
    async (request) => [...(await (await requireReader(options, requireDatasetId(request.params.id))).quarantine())],
  );
}

/** Adds the routes that answer at once, and the event feed. Long jobs are in job-routes.ts. */
export function registerControlRoutes(app: App, options: ServerOptions, feed: EventFeed): void {
  const { control } = options;
  const tags = ['Mirror'];
  app.get(
    '/api/status',
    { schema: { tags, summary: 'State of the whole mirror', response: { 200: MirrorStatusSchema, ...controlErrors() } } },
    async () => control.status(),
  );
  app.get(
    '/api/quota',
    {
      schema: {
        tags,
        summary: "Use of upstream's monthly quotas",
        response: { 200: Type.Array(QuotaUseSchema), ...controlErrors() },
      },
    },
    async () => [...(await control.status()).quota],
  );
  app.get(
    '/api/projects',
    {
      schema: {
        tags,
        summary: "Upstream's catalogue, with what is mirrored marked",
        querystring: ProjectsQuery,
        response: { 200: Type.Array(CatalogueProjectSchema), ...controlErrors(422, 502) },
      },
    },
    async (request) => [...(await control.projects(request.query.search))],
  );
  app.get(
    '/api/events',
    {
      schema: {
        tags,
        summary: 'What happens, as server-sent events with replay',
        querystring: EventsQuery,
        response: {
          200: streamResponse('text/event-stream', 'events; `reset` when the replay has a gap'),
          ...controlErrors(422),
        },
      },
    },
    (request, reply): FastifyReply =>
      reply
        .header('content-type', 'text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .header('connection', 'close')
        .send(feed.open(lastEventId(request))),
  );
  registerDatasets(app, options);
  registerInventory(app, options);
}
