/** How the practice upstream answers: formats, errors and marks (contract §1.4 to §1.6). */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERROR_CATALOGUE, isMirrorError, messageOf } from '../../contracts/errors.ts';
import { PRACTICE_HEADER, PRACTICE_HEADER_VALUE } from '../../contracts/practice.ts';
import { goStringify, type Json, type JsonObject } from '../go-json.ts';

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';

/** The first format of the client's list that is offered; q-values are ignored, and what fits neither gets JSON. */
export function negotiate(request: IncomingMessage): typeof JSON_TYPE | typeof NDJSON_TYPE {
  for (const wanted of (request.headers.accept ?? '').split(',')) {
    const type = wanted.split(';')[0]?.trim();
    if (type === NDJSON_TYPE) return NDJSON_TYPE;
    if (type === JSON_TYPE || type === '*/*') return JSON_TYPE;
  }
  return JSON_TYPE;
}

/** Headers every answer carries, whatever it is. */
export function markResponse(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader(PRACTICE_HEADER, PRACTICE_HEADER_VALUE);
  response.setHeader('Access-Control-Allow-Origin', '*');
  const given = request.headers['x-request-id'];
  response.setHeader('X-Request-Id', typeof given === 'string' && given !== '' ? given : randomUUID());
}

export function sendList(request: IncomingMessage, response: ServerResponse, records: readonly Json[]): void {
  const type = negotiate(request);
  const lines = records.map(goStringify);
  sendText(response, 200, type, type === NDJSON_TYPE ? lines.join('\n') : `[${lines.join(',')}]`);
}

export function sendObject(request: IncomingMessage, response: ServerResponse, record: JsonObject): void {
  sendText(response, 200, negotiate(request), goStringify(record));
}

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text, 'utf8');
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
  response.end(body);
}

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
};

export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  message = STATUS_TEXTS[status] ?? '',
): void {
  if (request.method === 'HEAD') {
    response.writeHead(status);
    response.end();
    return;
  }
  sendText(response, status, negotiate(request), `${goStringify({ status, message })}\n`);
}

/** Answers what was thrown; an error nobody foresaw is a 500 with its text and nothing of the inside. */
export function sendFailure(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = isMirrorError(error) ? ERROR_CATALOGUE[error.code].http : 500;
  sendError(request, response, status, messageOf(error));
}
