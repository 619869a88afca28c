import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { buildServer } from '../../mirror-core/server/server.ts';
import { FakeControl } from '../support/mirror-fakes.ts';
import { lakes, serve } from './server-harness.ts';

interface Operation {
  readonly summary?: string;
  readonly tags?: string[];
  readonly security?: object[];
  readonly parameters?: { readonly name: string; readonly in: string }[];
  readonly responses: Record<string, { readonly content?: Record<string, { readonly schema?: object }> }>;
}
type Description = { readonly openapi: string; readonly paths: Record<string, Record<string, Operation>> };

/** Every route that the API has. A new one must be added here, and so be looked at. */
const ROUTES = [
  'GET /healthz',
  'GET /v1/status',
  'GET /v2/status',
  ...['login', 'token-refresh', 'token-revoke', 'get-user'].map((call) => `POST /v1/${call}`),
  ...[
    'forgot-password',
    'forgot-password-confirm',
    'change-password',
    'new-password-required',
    'create-user',
    'confirm-user',
    'resend-confirm',
  ].map((call) => `POST /v1/${call}`),
  ...['GET', 'POST'].flatMap((method) => [
    `${method} /v2/articles`,
    `${method} /v2/articles/{name}`,
    ...['codes', 'languages', 'projects', 'namespaces'].flatMap((list) => [
      `${method} /v2/${list}`,
      `${method} /v2/${list}/{identifier}`,
    ]),
  ]),
  'GET /api/openapi.json',
  'GET /api/status',
  'GET /api/quota',
  'GET /api/projects',
  'GET /api/events',
  'GET /api/datasets',
  'POST /api/datasets',
  'GET /api/datasets/{id}',
  'DELETE /api/datasets/{id}',
  ...['pause', 'resume', 'sync', 'verify'].map((verb) => `POST /api/datasets/{id}/${verb}`),
  'GET /api/datasets/{id}/manifest',
  'GET /api/datasets/{id}/quarantine',
  'POST /api/import',
  'GET /api/article/{project}/{name}',
];

async function description(): Promise<Description> {
  const { get } = await serve();
  return (await (await get('/api/openapi.json')).json()) as Description;
}

function operations({ paths }: Description): [string, Operation][] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method !== 'head')
      .map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${path}`, operation]),
  );
}

describe('GET /api/openapi.json', () => {
  it('is open, and lists exactly the routes there are', async () => {
    const document = await description();
    expect(document.openapi).toBe('3.1.0');
    expect(
      operations(document)
        .map(([route]) => route)
        .sort(),
    ).toEqual([...ROUTES].sort());
  });

  it('knows every route that Fastify knows', async () => {
    const { options } = await serve();
    const app = buildServer({ ...options, control: new FakeControl(), logger: pino({ level: 'silent' }) });
    const routes: string[] = [];
    app.addHook('onRoute', ({ method, url }) => {
      for (const verb of [method].flat())
        if (verb !== 'HEAD') routes.push(`${verb} ${url.replace(/:(\w+)/g, '{$1}').replace('*', '{name}')}`);
    });
    await app.ready();
    expect([...new Set(routes)].sort()).toEqual([...ROUTES].sort());
    await app.close();
  });

  it('gives each a summary, a tag, its security, a response and the form of its errors', async () => {
    for (const [route, { summary, tags, security, responses }] of operations(await description())) {
      expect(summary, route).toMatch(/\w+/);
      expect(tags, route).toHaveLength(1);
      expect(security, route).toBeDefined();
      const errors = Object.entries(responses).filter(([status]) => Number(status) >= 400);
      expect(errors.length, route).toBeGreaterThan(0);
      const isControl = route.includes(' /api/') && !route.endsWith('openapi.json');
      for (const [status, { content }] of errors) {
        const schema = content?.['application/json']?.schema;
        const required = isControl ? ['status', 'code', 'message'] : ['status', 'message'];
        expect(schema, `${route} ${status}`).toMatchObject({ type: 'object', required });
      }
    }
  });

  it('describes the parameters that every client needs', async () => {
    const { paths } = await description();
    const names = paths['/v2/articles/{name}']?.['get']?.parameters?.map((parameter) => `${parameter.in} ${parameter.name}`);
    expect(names?.sort()).toEqual(['path name', 'query fields', 'query filters', 'query limit']);
    expect(paths['/api/status']?.['get']?.security).toEqual([{ bearer: [] }]);
    expect(paths['/api/openapi.json']?.['get']?.security).toEqual([]);
  });

  it('can be written without a socket or keys', async () => {
    const reader = lakes();
    const { options } = await serve(reader);
    const app = buildServer({ ...options, keyFile: '/no/such/folder/keys.json' });
    await app.ready();
    expect(Object.keys(app.swagger())).toContain('paths');
    const response = await app.inject({ method: 'GET', url: '/v2/codes/wiki', headers: { host: '127.0.0.1' } });
    expect(response.json()).toMatchObject({ identifier: 'wiki' });
    await app.close();
  });
});
