/** A daemon that answers what a test tells it to: what the command line is tried against. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export type FakeRoute = (request: RecordedRequest, response: ServerResponse) => void;

export interface FakeDaemon {
  readonly url: string;
  readonly requests: RecordedRequest[];
  /** Answers `METHOD /path` (query included when the key has one). */
  on(route: string, answer: FakeRoute): void;
  /** Answers with a JSON document. */
  json(route: string, value: unknown, status?: number): void;
  /** Answers with lines of JSON. */
  lines(route: string, values: readonly unknown[]): void;
  close(): Promise<void>;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** A server on loopback that answers what the test tells it to, and remembers what it was asked. */
export async function startFakeDaemon(): Promise<FakeDaemon> {
  const routes = new Map<string, FakeRoute>();
  const requests: RecordedRequest[] = [];
  const server: Server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const path = request.url ?? '/';
      const recorded = { method: request.method ?? '', path, authorization: request.headers.authorization, body };
      requests.push(recorded);
      // As the real one: what changes something must say what it sends.
      if (recorded.method === 'POST' && request.headers['content-type'] === undefined) {
        sendJson(response, 415, {
          status: 415,
          code: 'USAGE',
          message: 'This call must be sent with Content-Type: application/json.',
        });
        return;
      }
      const route = routes.get(`${recorded.method} ${path}`) ?? routes.get(`${recorded.method} ${path.split('?')[0] ?? ''}`);
      if (route === undefined)
        sendJson(response, 404, { status: 404, code: 'NOT_FOUND', message: `no route ${recorded.method} ${path}` });
      else route(recorded, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const on = (route: string, answer: FakeRoute): void => void routes.set(route, answer);
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    on,
    json: (route, value, status = 200) => on(route, (_request, response) => sendJson(response, status, value)),
    lines: (route, values) =>
      on(route, (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        for (const value of values) response.write(`${JSON.stringify(value)}\n`);
        response.end();
      }),
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
