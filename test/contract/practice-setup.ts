/** A practice upstream over real HTTP, and the few requests every test of it makes. */
import { once } from 'node:events';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { startPractice, type PracticeOptions, type PracticeServer } from '../../mirror-core/practice/server.ts';

/** The smallest practice wiki: starting it takes a fraction of a second. */
export const PROJECT = 'practicearwiki';
export const DATASET = `${PROJECT}_namespace_0`;
export const FLAWLESS = { ghostRate: 0, duplicateRate: 0, holeRate: 0 };

/** What the tests read of an article record. */
export interface WireRecord {
  readonly name: string;
  readonly identifier: number;
  readonly url: string;
  readonly version: { readonly identifier: number; readonly editor?: { readonly name: string } };
  readonly event: {
    readonly identifier: string;
    readonly type: string;
    readonly date_created: string;
    readonly date_published: string;
    readonly partition: number;
    readonly offset: number;
  };
  readonly article_body: { readonly html: string; readonly wikitext: string };
  readonly categories: readonly { readonly name: string }[];
  readonly redirects: readonly unknown[];
  readonly [member: string]: unknown;
}

/** What the tests read of metadata objects. */
export interface WireInfo {
  readonly identifier: string;
  readonly name: string;
  readonly url: string;
  readonly version: string;
  readonly chunks: readonly string[];
  readonly [member: string]: unknown;
}

export interface Tokens {
  readonly access_token: string;
  readonly id_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

export interface TestPractice {
  readonly practice: PracticeServer;
  readonly token: string;
  /** A request with the token; `path` begins with a slash. */
  call(path: string, init?: { method?: string; headers?: Record<string, string> }): Promise<Response>;
  info(path: string): Promise<WireInfo>;
  list(path: string): Promise<WireInfo[]>;
  articles(path: string): Promise<WireRecord[]>;
}

export async function practiceFor(options: Partial<PracticeOptions> = {}): Promise<TestPractice> {
  const practice = await startPractice({ directory: null, wikis: [PROJECT], historyActs: 0, flaws: FLAWLESS, ...options });
  const token = (await login(practice)).access_token;
  const call = (path: string, init: { method?: string; headers?: Record<string, string> } = {}) =>
    fetch(practice.url + path, { redirect: 'manual', ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } });
  return {
    practice,
    token,
    call,
    info: async (path) => (await (await call(path)).json()) as WireInfo,
    list: async (path) => (await (await call(path)).json()) as WireInfo[],
    articles: async (path) => (await (await call(path)).json()) as WireRecord[],
  };
}

export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

export async function login(practice: PracticeServer, username = 'tester', password = 'secret'): Promise<Tokens> {
  return (await (await post(`${practice.url}/v1/login`, { username, password })).json()) as Tokens;
}

export interface TestStream {
  /** Settles with the response when its headers arrive. */
  readonly response: Promise<IncomingMessage>;
  /** The raw text up to and including the next `separator`. */
  raw(separator: string): Promise<string>;
  /** The next record of an NDJSON stream. */
  next(): Promise<WireRecord>;
  take(count: number): Promise<WireRecord[]>;
  close(): void;
}

/** Opens a stream with node:http, which can send a body with GET as the Go client does. Resolves when its positions are set. */
export async function openStream(
  { practice, token }: TestPractice,
  input: { query?: string; body?: unknown; method?: string; accept?: string } = {},
): Promise<TestStream> {
  const before = practice.status().subscriptions;
  const body = input.body === undefined ? '' : JSON.stringify(input.body);
  const request: ClientRequest = httpRequest(`${practice.url}/v2/articles${input.query ?? ''}`, {
    method: input.method ?? 'GET',
    headers: {
      authorization: `Bearer ${token}`,
      accept: input.accept ?? 'application/x-ndjson',
      ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    },
  });
  const response = once(request, 'response').then(([message]) => message as IncomingMessage);
  request.on('error', () => undefined);
  response.catch(() => undefined);
  request.end(body);
  let text = '';
  let pieces: AsyncIterator<Buffer> | undefined;
  const raw = async (separator: string): Promise<string> => {
    pieces ??= (await response)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    while (!text.includes(separator)) {
      const piece = await pieces.next();
      if (piece.done === true) throw new Error(`the stream ended: ${text}`);
      text += piece.value.toString('utf8');
    }
    const end = text.indexOf(separator) + separator.length;
    const found = text.slice(0, end);
    text = text.slice(end);
    return found;
  };
  const next = async () => JSON.parse(await raw('\n')) as WireRecord;
  const stream: TestStream = {
    response,
    raw,
    next,
    take: async (count) => {
      const records: WireRecord[] = [];
      for (let index = 0; index < count; index += 1) records.push(await next());
      return records;
    },
    close: () => request.destroy(),
  };
  // Headers come with the first event only, so the server itself is asked whether the subscription stands.
  const refused = response.then(
    (message) => message.statusCode !== 200,
    () => true,
  );
  const state = { isRefused: false };
  void refused.then((isRefused) => Object.assign(state, { isRefused }));
  const stands = () => practice.status().subscriptions > before;
  while (!stands() && !state.isRefused) await new Promise((resolve) => setImmediate(resolve));
  return stream;
}

export interface Member {
  readonly name: string;
  readonly mode: number | undefined;
  readonly mtime: Date | undefined;
  readonly text: string;
}

/** Members of a .tar.gz. */
export async function unpack(archive: Uint8Array): Promise<Member[]> {
  const members: Member[] = [];
  const reader = extract();
  reader.end(gunzipSync(archive));
  for await (const entry of reader) {
    const pieces: Buffer[] = [];
    for await (const piece of entry as AsyncIterable<Buffer>) pieces.push(piece);
    const { name, mode, mtime } = entry.header;
    members.push({ name, mode, mtime, text: Buffer.concat(pieces).toString('utf8') });
  }
  return members;
}

/** Records of all members. */
export async function recordsOf(archive: Uint8Array): Promise<WireRecord[]> {
  const members = await unpack(archive);
  return members.flatMap((member) =>
    member.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as WireRecord),
  );
}

/** Follows the 307 to the store, without the token. */
export async function download(rig: TestPractice, path: string): Promise<Buffer> {
  const redirect = await rig.call(path);
  const answer = await fetch(redirect.headers.get('location') ?? '');
  return Buffer.from(await answer.arrayBuffer());
}
