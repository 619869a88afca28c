/** Control routes that run long or carry records: verify, import, the raw record. */
import type { IncomingMessage } from 'node:http';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { MirrorError } from '../contracts/errors.ts';
import { parseProjectId, titleKey } from '../contracts/identifiers.ts';
import type { App, ServerOptions } from './app.ts';
import { composeAnswer } from './article-answer.ts';
import { acceptEncodingOf } from './compat-routes.ts';
import { requireDatasetId } from './control-routes.ts';
import { ArticleParams, controlErrors, DatasetParams, ImportQuery, streamResponse } from './control-schemas.ts';
import { streamJob } from './job-stream.ts';
import type { FoundArticle } from './lookup.ts';
import { MEDIA_TYPE } from './negotiation.ts';
import { pathOf } from './request-input.ts';
import { nameFromPath } from './titles.ts';

/** How long a refused upload is still read, so that the client sees the answer instead of a broken connection. */
const LINGER_MS = 1_000;

interface JobRouteOptions {
  readonly server: ServerOptions;
  readonly shutdown: AbortSignal;
  readonly now: () => number;
}

function registerVerify(app: App, { server, shutdown, now }: JobRouteOptions): void {
  app.post(
    '/api/datasets/:id/verify',
    {
      schema: {
        tags: ['Inventory'],
        summary: 'Check every record of a dataset against its index entry and hash',
        params: DatasetParams,
        response: { 200: streamResponse(MEDIA_TYPE.ndjson, 'progress lines, the report last'), ...controlErrors(404, 422) },
      },
    },
    async (request, reply): Promise<FastifyReply> => {
      const id = requireDatasetId(request.params.id);
      return streamJob({ request, reply, shutdown, now }, ({ signal, onProgress }) =>
        server.control.verify(id, { signal, onProgress: (checked, total) => onProgress({ checked, total }) }),
      );
    },
  );
}

/** Ends the connection of an upload that nobody reads any more, a moment after the answer. */
function dropUnreadUpload(upload: IncomingMessage, reply: FastifyReply): void {
  reply.raw.once('finish', () => {
    if (upload.complete) return;
    upload.resume();
    const timer = setTimeout(() => upload.destroy(), LINGER_MS);
    timer.unref();
  });
}

function registerImport(app: App, { server, shutdown, now }: JobRouteOptions): void {
  void app.register((scope: App, _options, done) => {
    // The body stays a stream of any length: it goes through the pipeline as it arrives.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/octet-stream', (_request, payload, parsed) => parsed(null, payload));
    scope.post(
      '/api/import',
      {
        bodyLimit: Number.MAX_SAFE_INTEGER,
        schema: {
          tags: ['Datasets'],
          summary: 'Load records from a snapshot archive or NDJSON sent as the body',
          consumes: ['application/octet-stream'],
          querystring: ImportQuery,
          response: {
            200: streamResponse(MEDIA_TYPE.ndjson, 'progress lines, the result last'),
            ...controlErrors(404, 422, 507),
          },
        },
      },
      async (request, reply): Promise<FastifyReply> => {
        const { name, complete } = request.query;
        const upload = request.raw;
        dropUnreadUpload(upload, reply);
        const completeSnapshotOf = complete === undefined || complete === '' ? undefined : requireDatasetId(complete);
        return streamJob({ request, reply, shutdown, now }, ({ signal, onProgress }) =>
          server.control.importRecords({
            source: upload,
            sourceName: name === undefined || name === '' ? 'standard input' : name,
            ...(completeSnapshotOf === undefined ? {} : { completeSnapshotOf }),
            signal,
            onProgress,
          }),
        );
      },
    );
    done();
  });
}

function registerRecord(app: App, { server }: JobRouteOptions): void {
  app.get(
    '/api/article/:project/*',
    {
      schema: {
        tags: ['Inventory'],
        summary: 'One record as it was received, by project and exact title',
        params: ArticleParams,
        response: { 200: streamResponse(MEDIA_TYPE.json, 'the record'), 304: Type.Null(), ...controlErrors(400, 404) },
      },
    },
    async (request, reply): Promise<FastifyReply> => {
      const { project } = request.params;
      const path = pathOf(request.raw.url ?? '');
      const rest = path.slice('/api/article/'.length);
      const name = nameFromPath(rest, rest.slice(0, rest.indexOf('/') + 1));
      const mirrored = server.reader.projects().find((entry) => entry.project === parseProjectId(project));
      if (name === undefined || mirrored === undefined) {
        throw new MirrorError('NOT_FOUND', `The project "${project.slice(0, 64)}" is not mirrored here, or the title is empty.`);
      }
      const article = await findRecord(server, mirrored.datasets, name);
      if (article === undefined)
        throw new MirrorError('NOT_FOUND', `${mirrored.project} has no live article of exactly this title.`);
      const answer = await composeAnswer(server.reader, [article], {
        format: 'json',
        acceptEncoding: acceptEncodingOf(request),
        ifNoneMatch: request.headers['if-none-match'],
        fields: undefined,
        shape: 'single',
      });
      return reply.code(answer.status).headers(answer.headers).send(answer.body);
    },
  );
}

type Datasets = ReturnType<ServerOptions['reader']['projects']>[number]['datasets'];

async function findRecord({ reader }: ServerOptions, ids: Datasets, name: string): Promise<FoundArticle | undefined> {
  const title = titleKey(name);
  for (const id of ids) {
    const dataset = await reader.dataset(id);
    const record = await dataset?.read(title);
    if (dataset !== undefined && record !== undefined)
      return { dataset, title, record, json: undefined, redirectedFrom: undefined };
  }
  return undefined;
}

/** Adds the routes of long jobs and of raw records. */
export function registerJobRoutes(app: App, options: JobRouteOptions): void {
  registerVerify(app, options);
  registerImport(app, options);
  registerRecord(app, options);
}
