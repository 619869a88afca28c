/** First in line for every request, before routing matters: Host, Origin, security headers, CORS (desktop-security F). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PRACTICE_HEADER, PRACTICE_HEADER_VALUE } from '../contracts/practice.ts';
import type { App, ServerOptions } from './app.ts';
import { isControlPath, sendFailure } from './failures.ts';
import { isAllowedHost, isTrustedCaller, targetAuthority } from './host-check.ts';

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const CORS_METHODS = 'GET, POST, OPTIONS, HEAD';
const EXPOSED_HEADERS =
  'ETag, Retry-After, X-Mirror-As-Of, X-Mirror-Lag, X-Mirror-Redirected-From, X-Request-Id, X-Wikimirror-Practice';

const FIXED_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'",
  'x-frame-options': 'DENY',
};

/** The port people call: the one we listen on, or before that the configured one. */
function listeningPort(app: App, configured: number): number {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : configured;
}

function singleHeader(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** Every Host header that was sent: Node itself keeps the first and drops the others. */
function hostHeaders(request: FastifyRequest): readonly string[] {
  const { rawHeaders } = request.raw;
  return rawHeaders.filter((_value, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === 'host');
}

/** Why the request is refused, or `undefined` when it may go on. */
function refusalOf(app: App, options: ServerOptions, request: FastifyRequest): string | undefined {
  const host = request.headers.host ?? '';
  const rules = { allowedHosts: options.allowedHosts, listenHost: options.host, port: listeningPort(app, options.port) };
  // An absolute-form target names the host a second time; all must be ours.
  const names = [...hostHeaders(request), targetAuthority(request.originalUrl) ?? host];
  const refused = names.find((name) => !isAllowedHost(name, rules));
  if (refused !== undefined) {
    return (
      `This mirror does not answer under the host name "${refused.slice(0, 100)}". It refuses unknown names so that web pages cannot reach it ` +
      'by pointing a name of theirs at this machine. Either call it by 127.0.0.1, [::1] or localhost with its own port, or add the name ' +
      '(with its port if that differs) to server.allowedHosts in the configuration.'
    );
  }
  const isControl = isControlPath(request.url);
  if (SAFE_METHODS.has(request.method) && !isControl) return undefined;
  const caller = { origin: singleHeader(request, 'origin'), fetchSite: singleHeader(request, 'sec-fetch-site') };
  if (isTrustedCaller(caller, host, isControl ? [] : options.corsOrigins)) return undefined;
  return (
    'This call comes from a web page of another site, which may not use this part of the mirror. ' +
    'Pages may be allowed to read the /v2 routes by server.corsOrigins in the configuration; /api is never open to other sites.'
  );
}

function setCorsHeaders(options: ServerOptions, request: FastifyRequest, reply: FastifyReply): void {
  if (options.corsOrigins.length === 0 || isControlPath(request.url)) return;
  void reply.header('vary', 'Origin');
  const { origin } = request.headers;
  if (origin === undefined || !options.corsOrigins.includes(origin)) return;
  void reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', EXPOSED_HEADERS);
  if (request.method !== 'OPTIONS') return;
  const wanted = singleHeader(request, 'access-control-request-headers');
  void reply.header('access-control-allow-methods', CORS_METHODS).header('access-control-max-age', '600');
  if (wanted !== undefined) void reply.header('access-control-allow-headers', wanted);
}

export type Guard = (request: FastifyRequest, reply: FastifyReply) => FastifyReply | undefined;

/**
 * Sets the headers that every response carries, then lets the request pass (`undefined`) or answers it: a refusal with the
 * reason and the ways out, or a preflight. Also called for targets that never reach routing.
 */
export function createGuard(app: App, options: ServerOptions): Guard {
  return (request, reply) => {
    void reply.headers(FIXED_HEADERS).header('x-request-id', request.id);
    if (options.reader.isPractice) void reply.header(PRACTICE_HEADER, PRACTICE_HEADER_VALUE);
    const refusal = refusalOf(app, options, request);
    if (refusal !== undefined) return sendFailure(request, reply, { status: 403, code: 'FORBIDDEN', message: refusal });
    setCorsHeaders(options, request, reply);
    // Preflights are answered before authentication (contract §1.2).
    if (request.method === 'OPTIONS') return reply.code(204).header('allow', CORS_METHODS).send();
    return undefined;
  };
}
