/**
 * A small upstream on loopback that does what a test tells it, request by request, and remembers everything it was asked.
 * It answers logins, renewals, the account's record and the list of codes by itself until told otherwise.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  readonly method: string;
  /** Path with query, as sent. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** The body as JSON; `undefined` when there is none. */
  readonly json: unknown;
}

export type Answer = (asked: Asked, response: ServerResponse) => void | Promise<void>;

export interface ScriptedUpstream {
  readonly url: string;
  readonly asked: readonly Asked[];
  /** Requests for this method and path (without query) so far. */
  count(method: string, path: string): number;
  /** Sets the answer for a method and path (without query). */
  on(method: string, path: string, answer: Answer): void;
  /** Sockets open now. */
  readonly sockets: number;
  /** Breaks every connection and stops. */
  close(): Promise<void>;
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
}

/** Fixed answers, one after the other; the last one stays. */
export function inTurn(...answers: readonly [Answer, ...Answer[]]): Answer {
  let next = 0;
  return (asked, response) => {
    const answer = answers[Math.min(next, answers.length - 1)] ?? answers[0];
    next += 1;
    return answer(asked, response);
  };
}

export const EVERYTHING = [
  { path: '/v2/snapshots/:identifier/download', method: 'GET' },
  { path: '/v2/snapshots/:identifier/chunks/:chunk/download', method: 'GET' },
  { path: '/v2/articles/*name', method: 'GET' },
  { path: '/v2/batches/:date/:hour/:identifier/download', method: 'GET' },
  { path: '/v2/articles', method: 'GET' },
];

export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  const asked: Asked[] = [];
  const answers = new Map<string, Answer>();
  let grants = 0;
  answers.set('POST /v1/login', (_, response) => {
    grants += 1;
    sendJson(response, 200, {
      id_token: 'id',
      access_token: `access-${grants}`,
      refresh_token: 'refresh-secret',
      expires_in: 86_400,
    });
  });
  answers.set('POST /v1/token-refresh', (_, response) => {
    grants += 1;
    sendJson(response, 200, { id_token: 'id', access_token: `access-${grants}`, expires_in: 86_400 });
  });
  answers.set('POST /v1/get-user', (_, response) =>
    sendJson(response, 200, { username: 'ada', groups: ['group_3'], apis: EVERYTHING }),
  );
  answers.set('GET /v2/codes', (_, response) => sendJson(response, 200, [{ identifier: 'wiki', name: 'Wikipedia' }]));

  const server = createServer((request, response) => {
    void serve(request, response);
  });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(Buffer.from(piece as Uint8Array));
    const body = Buffer.concat(pieces).toString('utf8');
    const path = request.url ?? '';
    const method = request.method ?? '';
    const entry: Asked = { method, path, headers: request.headers, body, json: body === '' ? undefined : JSON.parse(body) };
    asked.push(entry);
    const answer = answers.get(`${method} ${path.split('?')[0] ?? ''}`);
    if (answer === undefined) sendJson(response, 404, { status: 404, message: 'Not Found' });
    else await answer(entry, response);
  };
  let sockets = 0;
  server.on('connection', (socket) => {
    sockets += 1;
    socket.on('close', () => {
      sockets -= 1;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    count: (method, path) => asked.filter((entry) => entry.method === method && entry.path.split('?')[0] === path).length,
    on: (method, path, answer) => {
      answers.set(`${method} ${path}`, answer);
    },
    get sockets() {
      return sockets;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
