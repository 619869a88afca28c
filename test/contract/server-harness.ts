/** Starts the real server over the fakes of its ports. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { startServer, type MirrorServer, type ServerOptions } from '../../mirror-core/server/server.ts';
import { FakeControl, FakeDataset, FakeReader } from '../support/mirror-fakes.ts';
import { temporaryFolder } from '../support/running-server.ts';

export const CONTROL_TOKEN = 'c0ffee'.repeat(10);

type CallInit = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>>; readonly duplex?: 'half' };

export interface Harness {
  readonly server: MirrorServer;
  readonly url: string;
  readonly control: FakeControl;
  readonly options: ServerOptions;
  /** `fetch` below the server's address. */
  readonly get: (path: string, init?: CallInit) => Promise<Response>;
  /** The same with the control token, and JSON as content type where there is a body. */
  readonly operate: (path: string, init?: CallInit) => Promise<Response>;
}

/** A record with the members that the tests look at. */
export function articleJson(name: string, project: string, language: string, more: object = {}): string {
  return JSON.stringify({
    name,
    identifier: 7,
    version: { identifier: 70, editor: { name: 'Ann', is_bot: false }, tags: ['mobile edit', 'visualeditor'] },
    namespace: { identifier: 0 },
    in_language: { identifier: language },
    categories: [{ name: 'Category:Lakes', url: 'https://example.org/l' }, { name: 'Category:Water' }],
    is_part_of: { identifier: project },
    article_body: { html: '<p>"Lake" — ü</p>' },
    ...more,
  });
}

/** Three wikis that have `Lake Corvane`, the first of them with more. */
export function lakes(): FakeReader {
  const en = new FakeDataset('enwiki_namespace_0');
  const categories = new FakeDataset('enwiki_namespace_14');
  const de = new FakeDataset('dewiki_namespace_0');
  const dictionary = new FakeDataset('enwiktionary_namespace_0');
  const fr = new FakeDataset('frwiki_namespace_0');
  const reader = new FakeReader();
  reader
    .add('enwiki', 'en', en, categories)
    .add('enwiktionary', 'en', dictionary)
    .add('dewiki', 'de', de)
    .add('frwiki', 'fr', fr);
  for (const dataset of [en, de, dictionary, fr]) {
    const language = dataset.project.slice(0, 2);
    dataset.put('Lake Corvane', { raw: articleJson('Lake Corvane', dataset.project, language), redirects: ['Corvane'] });
  }
  en.put('AC/DC', { raw: articleJson('AC/DC', 'enwiki', 'en') });
  en.put('C++', { raw: articleJson('C++', 'enwiki', 'en') });
  en.put('100% Proof?', { raw: articleJson('100% Proof?', 'enwiki', 'en') });
  en.put('Café', { raw: articleJson('Café', 'enwiki', 'en') });
  en.put('X/', { raw: articleJson('X/', 'enwiki', 'en') });
  categories.put('Category:Lakes', { raw: articleJson('Category:Lakes', 'enwiki', 'en', { namespace: { identifier: 14 } }) });
  dictionary.put('lake', { raw: articleJson('lake', 'enwiktionary', 'en') });
  return reader;
}

let sharedKeys: string | undefined;

/** A running server on a free port; stopped and cleaned up when the test is over. */
export async function serve(reader: FakeReader = lakes(), more: Partial<ServerOptions> = {}): Promise<Harness> {
  const folder = await temporaryFolder();
  const keyFile = join(folder.path, 'api-keys.json');
  // Making an RSA key takes long; all servers of a test file share the first one's, except where a test is about keys.
  if (sharedKeys !== undefined) await writeFile(keyFile, sharedKeys);
  const control = new FakeControl();
  const options: ServerOptions = {
    reader,
    control,
    host: '127.0.0.1',
    port: 0,
    allowedHosts: [],
    corsOrigins: [],
    followRedirects: false,
    fullProjectList: true,
    controlToken: CONTROL_TOKEN,
    keyFile,
    version: '0.1.0',
    logger: pino({ level: 'silent' }),
    ...more,
  };
  const server = await startServer(options);
  sharedKeys ??= await readFile(options.keyFile, 'utf8');
  onTestFinished(async () => {
    await server.close();
    await folder.remove();
  });
  const call = (path: string, init: CallInit = {}): Promise<Response> => fetch(server.url + path, init);
  return {
    server,
    url: server.url,
    control,
    options,
    get: call,
    operate: (path, init = {}) => {
      const json: Record<string, string> = init.method === 'POST' ? { 'content-type': 'application/json' } : {};
      return call(path, { ...init, headers: { authorization: `Bearer ${CONTROL_TOKEN}`, ...json, ...init.headers } });
    },
  };
}

/** Access tokens of a fresh login. */
export async function login(
  harness: Harness,
): Promise<{ access_token: string; refresh_token: string; id_token: string; expires_in: number }> {
  const response = await harness.get('/v1/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'Ann', password: 'secret' }),
  });
  return (await response.json()) as Awaited<ReturnType<typeof login>>;
}

/** The projects of the records in a response, in order; the whole record where it names none. */
export async function namesOf(response: Response): Promise<unknown[]> {
  const list = (await response.json()) as { name?: string; is_part_of?: { identifier: string } }[];
  return list.map((record) => record.is_part_of?.identifier ?? record);
}
