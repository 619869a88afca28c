/** How the API describes itself: OpenAPI 3.1, generated from the routes' own schemas. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';

/** Routes that answer without any token; everything else accepts or needs a bearer token. */
const OPEN_PATHS: ReadonlySet<string> = new Set([
  '/healthz',
  '/v1/status',
  '/v2/status',
  '/api/openapi.json',
  '/v1/login',
  '/v1/token-refresh',
  '/v1/token-revoke',
]);

/** Settings for `@fastify/swagger`. */
export function openApiSettings(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Wikimirror',
        version,
        description:
          'The Wikimedia Enterprise API v2, answered from local disk, and the control API of the mirror. ' +
          'Article HTML is passed on as it was received: sanitise it before showing it.',
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'the control token, or for /v2 an access token of /v1/login' },
        },
      },
      tags: ['On-demand', 'Metadata', 'Realtime', 'Authentication', 'Mirror', 'Datasets', 'Inventory', 'Health'].map((name) => ({
        name,
      })),
    },
    transform: ({ schema, url }) => {
      const security = OPEN_PATHS.has(url) ? [] : url.startsWith('/api/') ? [{ bearer: [] }] : [{}, { bearer: [] }];
      const params: unknown = Reflect.get(schema, 'params');
      return {
        schema: { ...schema, security, ...(url.endsWith('*') ? { params: namedWildcard(params) } : {}) },
        url: url.replace('*', ':name'),
      };
    },
  };
}

/** OpenAPI has no catch-all: the router's `*` is shown as the parameter `name`. */
function namedWildcard(params: unknown): unknown {
  if (typeof params !== 'object' || params === null || !('properties' in params)) return params;
  const properties: unknown = params.properties;
  if (typeof properties !== 'object' || properties === null) return params;
  const renamed = Object.keys(properties).map((key): [string, unknown] => [
    key === '*' ? 'name' : key,
    Reflect.get(properties, key),
  ]);
  return { type: 'object', properties: Object.fromEntries(renamed), required: renamed.map(([key]) => key) };
}
