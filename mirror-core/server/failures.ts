/** Every error answer: one form for the compatible routes (contract §1.5), one for `/api`; never a stack, a path or a token. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { ControlError } from '../contracts/control-api.ts';
import { ERROR_CATALOGUE, isMirrorError } from '../contracts/errors.ts';
import { formatFor, MEDIA_TYPE } from './negotiation.ts';
import { pathOf } from './request-input.ts';

/** Seconds a client is asked to wait when nobody told us better. */
const DEFAULT_RETRY_SECONDS = 30;

/** All that a stranger learns of what went wrong inside. */
const UNEXPECTED = 'The mirror could not answer because of an unexpected error; its log has the details under this request id.';

export interface Failure extends ControlError {
  /** Seconds, for 429 and 503. */
  readonly retryAfterSeconds?: number;
}

/** Whether the path belongs to our own API, whose errors carry a code. */
export function isControlPath(target: string): boolean {
  const path = pathOf(target);
  return path === '/api' || path.startsWith('/api/');
}

function isFrameworkError(error: unknown): error is FastifyError & { statusCode: number } {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number';
}

/** What to tell the client about anything that was thrown. Unexpected errors are told by their kind alone. */
export function failureOf(error: unknown): Failure {
  if (isMirrorError(error)) {
    const status = ERROR_CATALOGUE[error.code].http;
    const retryAfterSeconds = error.retryAfterMs === undefined ? DEFAULT_RETRY_SECONDS : Math.ceil(error.retryAfterMs / 1000);
    const isWaiting = status === 429 || status === 503;
    return { status, code: error.code, message: error.message, ...(isWaiting ? { retryAfterSeconds } : {}) };
  }
  if (isFrameworkError(error) && error.statusCode >= 400 && error.statusCode < 500) {
    // Validation speaks of 400; the contract has 422 for parameters that do not bind or validate.
    const status = error.validation === undefined ? error.statusCode : 422;
    return { status, code: 'INVALID_INPUT', message: error.message };
  }
  if (isFrameworkError(error) && error.statusCode === 503) {
    return { status: 503, code: 'INTERNAL', message: 'The mirror is shutting down.', retryAfterSeconds: DEFAULT_RETRY_SECONDS };
  }
  return { status: 500, code: 'INTERNAL', message: UNEXPECTED };
}

/** Sends `failure` in the form of the path that was asked for. */
export function sendFailure(request: FastifyRequest, reply: FastifyReply, failure: Failure): FastifyReply {
  const { status, code, retryAfterSeconds } = failure;
  // Our own messages on damaged files name them; that is for the operator, who calls /api with the control token.
  const message = status === 500 && !isControlPath(request.url) ? UNEXPECTED : failure.message;
  void reply.code(status).header('cache-control', 'no-store');
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', String(retryAfterSeconds));
  if (isControlPath(request.url)) {
    return reply.header('content-type', MEDIA_TYPE.json).serializer(String).send(JSON.stringify({ status, code, message }));
  }
  const type = MEDIA_TYPE[formatFor(request.headers.accept)];
  return reply
    .header('content-type', type)
    .serializer(String)
    .send(`${JSON.stringify({ status, message })}\n`);
}

/** Fastify's error handler. */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const failure = failureOf(error);
  const fact = {
    event: 'request.failed',
    route: request.routeOptions.url,
    status: failure.status,
    err: error,
  };
  if (failure.status >= 500) request.log.error(fact, 'request failed');
  else request.log.debug(fact, 'request refused');
  return sendFailure(request, reply, failure);
}
