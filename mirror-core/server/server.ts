/** The local HTTP API: compatible routes under `/v1` and `/v2`, our own under `/api`. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { LogController, type FastifyBaseLogger, type FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { messageOf, MirrorError } from '../contracts/errors.ts';
import { TokenIssuer } from './access-tokens.ts';
import type { App, ServerOptions } from './app.ts';
import { registerAuthRoutes } from './auth-routes.ts';
import { registerCompatRoutes, wmeErrors } from './compat-routes.ts';
import { registerControlRoutes } from './control-routes.ts';
import { Credentials } from './credentials.ts';
import { EventFeed } from './event-feed.ts';
import { answerError, failureOf, isControlPath, sendFailure } from './failures.ts';
import { createGuard } from './guards.ts';
import { isLoopbackAddress } from './host-check.ts';
import { registerJobRoutes } from './job-routes.ts';
import { openApiSettings } from './openapi.ts';

export type { ServerOptions } from './app.ts';

export interface MirrorServer {
  /** Where it listens, such as `http://127.0.0.1:8750`. */
  readonly url: string;
  /** Ends event streams and running jobs, lets answers under way finish for up to a second, then cuts what is left. */
  close(): Promise<void>;
}

const JSON_BODY_BYTES = 1_048_576;
/** Titles reach 255 bytes, nine times that when every byte is escaped twice over by a careless client. */
const MAX_PARAMETER_CHARACTERS = 8_192;
/** Room for look-ups with many `fields` and `filters` in the query string. */
const MAX_HEADER_BYTES = 65_536;
const MAX_URL_CHARACTERS = 32_768;
const BODY_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 20_000;
/** A client that neither sends nor takes anything for so long is dropped; jobs wait longer, event streams send comments in between. */
const STALLED_MS = 120_000;
const CLOSE_GRACE_MS = 1_000;
const SANE_REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const IMPORT_PATH = '/api/import';

function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SANE_REQUEST_ID.test(given) ? given : randomUUID();
}

/** Absolute-form targets are routed by their path; the guard has checked their host. */
function pathOfTarget(target: string | undefined): string {
  const path = (target ?? '/').replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}

/** What is not HTTP, or has headers beyond the limit, never becomes a request; it still gets the contract's error form. */
function answerMalformed(error: Error & { readonly code?: string }, socket: Socket): void {
  if (socket.writable && error.code !== 'ECONNRESET') {
    const [line, status] =
      error.code === 'HPE_HEADER_OVERFLOW' ? ['431 Request Header Fields Too Large', 431] : ['400 Bad Request', 400];
    const body = `${JSON.stringify({ status, message: 'The request is not valid HTTP, or its headers are too large.' })}\n`;
    socket.write(
      `HTTP/1.1 ${line}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroySoon();
}

/** A body must arrive within half a minute, imports excepted: they may be as long as a snapshot. */
function limitBodyTime(request: FastifyRequest): void {
  if (request.raw.url?.startsWith(IMPORT_PATH) === true) return;
  const timer = setTimeout(() => {
    // Nobody reads the end of a body that is not there: only `complete` tells a slow sender from a long answer.
    if (!request.raw.complete) request.raw.destroy();
  }, BODY_TIMEOUT_MS);
  timer.unref();
  const stop = (): void => clearTimeout(timer);
  request.raw.once('end', stop).once('close', stop);
}

function registerHealth(app: App): void {
  const tags = ['Health'];
  const nothing: object = { type: 'null', description: 'no body' };
  for (const path of ['/v1/status', '/v2/status']) {
    const schema = { tags, summary: 'Whether the API answers', response: { 200: nothing, ...wmeErrors(503) } };
    app.get(path, { exposeHeadRoute: true, schema }, async (_request, reply) => reply.header('cache-control', 'no-store').send());
  }
  const HealthSchema = Type.Object({ status: Type.Literal('up') });
  app.get(
    '/healthz',
    {
      exposeHeadRoute: true,
      schema: { tags, summary: 'Whether the mirror is up', response: { 200: HealthSchema, ...wmeErrors(503) } },
    },
    async (_request, reply) => reply.header('cache-control', 'no-store').send({ status: 'up' } as const),
  );
}

/** The routes with parameters of many spellings: bodies stay bytes, our own code reads and checks them. */
function registerCompatScope(app: App, options: ServerOptions, tokens: TokenIssuer, credentials: Credentials): void {
  void app.register((scope: App, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, parsed) => parsed(null, body));
    scope.setValidatorCompiler(() => () => true);
    // A content type that is not spelled like one must not keep a good body from being read.
    scope.addHook('onRequest', (request, _reply, next) => {
      const type = request.headers['content-type'];
      if (type !== undefined && !/^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/.test(type)) {
        request.raw.headers['content-type'] = 'application/octet-stream';
      }
      next();
    });
    registerAuthRoutes(scope, options, tokens, credentials);
    void scope.register((articles: App, _inner, finished) => {
      articles.addHook('onRequest', async (request) => {
        const user = await credentials.userOf(request.headers.authorization);
        if (user === undefined && options.allowRemote === true) {
          throw new MirrorError(
            'AUTH_REQUIRED',
            'This mirror listens beyond this machine and needs a token: log in at /v1/login.',
          );
        }
      });
      registerCompatRoutes(articles, options);
      finished();
    });
    done();
  });
}

function registerControlScope(app: App, options: ServerOptions, credentials: Credentials, now: () => number): void {
  const feed = new EventFeed(options.control.events, options.logger);
  const shutdown = new AbortController();
  app.addHook('preClose', (done) => {
    feed.close();
    shutdown.abort();
    done();
  });
  void app.register((scope: App, _options, done) => {
    scope.addHook('onRequest', (request, _reply, next) => {
      credentials.requireControl(request.headers.authorization);
      const { method } = request;
      const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
      const expected = request.routeOptions.url === IMPORT_PATH ? 'application/octet-stream' : 'application/json';
      // A page of another site can send forms and text without asking, never these types (desktop-security F).
      if (method === 'POST' && type !== expected) {
        throw new MirrorError('INVALID_INPUT', `This call must be sent with Content-Type: ${expected}.`);
      }
      next();
    });
    scope.removeContentTypeParser('application/json');
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, parsed) => {
      let value: unknown;
      try {
        // Calls without parameters come with an empty body.
        value = body === '' ? undefined : JSON.parse(String(body));
      } catch (cause) {
        parsed(new MirrorError('INVALID_INPUT', 'The request body is not valid JSON.', { cause }));
        return;
      }
      parsed(null, value);
    });
    registerControlRoutes(scope, options, feed);
    registerJobRoutes(scope, { server: options, shutdown: shutdown.signal, now });
    done();
  });
}

/**
 * The whole API without a socket: for `inject()` and for writing the OpenAPI description. Keys are not read before they are needed.
 * Call `ready()` before `inject()` or `swagger()`.
 */
export function buildServer(options: ServerOptions): App {
  const now = options.now ?? Date.now;
  const tokens = new TokenIssuer(options.keyFile, now);
  const credentials = new Credentials(options.controlToken, tokens);
  return assemble(options, tokens, credentials, now);
}

function assemble(options: ServerOptions, tokens: TokenIssuer, credentials: Credentials, now: () => number): App {
  const loggerInstance: FastifyBaseLogger = options.logger;
  const app: App = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: requestId,
    requestIdHeader: false,
    bodyLimit: JSON_BODY_BYTES,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    rewriteUrl: (request) => pathOfTarget(request.url),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: MAX_PARAMETER_CHARACTERS },
    connectionTimeout: STALLED_MS,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array' } },
    clientErrorHandler: answerMalformed,
    frameworkErrors: (error, request, reply) => {
      // Targets that cannot be decoded never reach the hooks, but get the same checks and headers.
      if (guard(request, reply) !== undefined) return;
      sendFailure(request, reply, {
        ...failureOf(error),
        message: 'The path is not a valid URL: a percent sign or byte in it cannot be decoded.',
      });
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  const guard = createGuard(app, options);

  app.addHook('onRequest', (request, reply, next) => {
    if (guard(request, reply) !== undefined) return;
    if ((request.raw.url ?? '').length > MAX_URL_CHARACTERS) {
      sendFailure(request, reply, {
        status: 414,
        code: 'INVALID_INPUT',
        message: 'The URL is too long; send the parameters by POST.',
      });
      return;
    }
    limitBodyTime(request);
    next();
  });
  app.addHook('onResponse', (request, reply, next) => {
    request.log.debug(
      {
        event: 'http.answered',
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime),
      },
      'request answered',
    );
    next();
  });
  app.setErrorHandler(answerError);
  app.setNotFoundHandler(async (request) => {
    // Strangers learn nothing about which paths exist (contract §1.2).
    if (isControlPath(request.url)) credentials.requireControl(request.headers.authorization);
    else if ((await credentials.userOf(request.headers.authorization)) === undefined) {
      throw new MirrorError(
        'AUTH_REQUIRED',
        'Nothing is offered here without a token. The API is under /v2, its description at /api/openapi.json.',
      );
    }
    throw new MirrorError(
      'NOT_FOUND',
      'There is nothing at this path, or not for this method; see /api/openapi.json for what there is.',
    );
  });

  void app.register(swagger, openApiSettings(options.version));
  void app.register((scope: App, _options, done) => {
    registerHealth(scope);
    scope.get(
      '/api/openapi.json',
      {
        schema: {
          tags: ['Mirror'],
          summary: 'This description',
          response: { 200: Type.Object({}, { additionalProperties: true }), ...wmeErrors(403, 503) },
        },
      },
      (_request, reply) => reply.header('cache-control', 'no-cache').send({ ...app.swagger() }),
    );
    registerCompatScope(scope, options, tokens, credentials);
    registerControlScope(scope, options, credentials, now);
    done();
  });
  return app;
}

function listenError(error: unknown, host: string, port: number): MirrorError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const otherPort = 'choose another port with --port, WIKIMIRROR_PORT or server.port in the configuration';
  if (code === 'EADDRINUSE') {
    return new MirrorError(
      'PORT_IN_USE',
      `${host} port ${port} is in use by another program, perhaps another mirror. Stop that program, or ${otherPort}.`,
      { cause: error, context: { host, port } },
    );
  }
  if (code === 'EACCES') {
    return new MirrorError('CONFIG_INVALID', `This user may not listen on port ${port}; ${otherPort} (1024 or above).`, {
      cause: error,
    });
  }
  return new MirrorError('CONFIG_INVALID', `Cannot listen on ${host} port ${port}: ${messageOf(error)}. Check server.host.`, {
    cause: error,
  });
}

/**
 * Listens and answers.
 * @throws MirrorError PORT_IN_USE, CONFIG_INVALID (a host beyond this machine without `allowRemote`), DATA_UNWRITABLE or STORE_CORRUPT (key file)
 */
export async function startServer(options: ServerOptions): Promise<MirrorServer> {
  const { host, port } = options;
  if (!isLoopbackAddress(host) && options.allowRemote !== true) {
    throw new MirrorError(
      'CONFIG_INVALID',
      `server.host is ${host}, which other machines can reach, and nothing would ask them who they are. Use 127.0.0.1, or allow remote ` +
        'access on purpose: every call then needs the control token, or a login with it as password.',
    );
  }
  const now = options.now ?? Date.now;
  const tokens = new TokenIssuer(options.keyFile, now);
  await tokens.ready();
  const app = assemble(options, tokens, new Credentials(options.controlToken, tokens), now);
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw listenError(error, host, port);
  }
  const address = app.server.address();
  const realPort = typeof address === 'object' && address !== null ? address.port : port;
  const name = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const url = `http://${name.includes(':') ? `[${name}]` : name}:${realPort}`;
  options.logger.info({ event: 'server.listening', url }, 'API listening');
  return { url, close: () => closeWithin(app, CLOSE_GRACE_MS) };
}

async function closeWithin(app: App, graceMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), graceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(cut);
  }
}
