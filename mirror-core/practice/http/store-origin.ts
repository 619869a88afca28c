/** The second origin: an object store that takes presigned addresses only (contract §7.3). */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StoredObject } from '../object-store.ts';
import { sendHead, sendObjectBytes, type Refuse } from './download.ts';
import { markResponse } from './respond.ts';

const BUCKET = 'practice-store';
const VALID_SECONDS = 60;

export interface Presigner {
  readonly secret: Buffer;
  readonly now: () => number;
}

function signature(signer: Presigner, key: string, dateMs: number, subject: string): string {
  return createHmac('sha256', signer.secret).update(`${key}\n${dateMs}\n${subject}`).digest('hex');
}

/** An address that is good for 60 seconds. It carries the account's `sub`, as upstream's does. */
export function presign(signer: Presigner, origin: string, key: string, subject: string): string {
  const dateMs = signer.now();
  const query = new URLSearchParams({
    'X-Amz-Algorithm': 'PRACTICE-HMAC-SHA256',
    'X-Amz-Date': String(dateMs),
    'X-Amz-Expires': String(VALID_SECONDS),
    sub: subject,
    'X-Amz-Signature': signature(signer, key, dateMs, subject),
  });
  return `${origin}/${BUCKET}/${key}?${query.toString()}`;
}

function sendXml(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, { 'Content-Type': 'application/xml', 'Content-Length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

/** Answers one request to the object store. */
export async function answerStore(
  request: IncomingMessage,
  response: ServerResponse,
  find: (key: string) => Promise<StoredObject | undefined>,
  signer: Presigner,
): Promise<void> {
  markResponse(request, response);
  const refuse: Refuse = (status, code, message, headers) => sendXml(response, status, code, message, headers);
  const url = new URL(request.url ?? '/', 'http://store.invalid');
  const query = url.searchParams;
  if (request.headers.authorization !== undefined) {
    refuse(
      400,
      'InvalidArgument',
      'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header',
    );
    return;
  }
  const key = decodeURIComponent(url.pathname.slice(BUCKET.length + 2));
  const dateMs = Number(query.get('X-Amz-Date'));
  const expected = Buffer.from(signature(signer, key, dateMs, query.get('sub') ?? ''));
  const given = Buffer.from(query.get('X-Amz-Signature') ?? '');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    refuse(403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided');
    return;
  }
  if (signer.now() > dateMs + VALID_SECONDS * 1000) {
    refuse(403, 'AccessDenied', 'Request has expired');
    return;
  }
  const object = await find(key);
  if (object === undefined) {
    refuse(404, 'NoSuchKey', 'The specified key does not exist.');
    return;
  }
  if (request.method === 'HEAD') sendHead(response, object);
  else sendObjectBytes(request, response, object, refuse);
}
