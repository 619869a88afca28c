/** `/v1`: login and tokens, as clients expect them (contract §2). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { MirrorError } from '../contracts/errors.ts';
import type { TokenIssuer } from './access-tokens.ts';
import type { App, ServerOptions } from './app.ts';
import { inputOf, wmeErrors } from './compat-routes.ts';
import type { Credentials } from './credentials.ts';

const MAX_USERNAME = 255;
/**
 * Sent as limit of each counter by `get-user`: this mirror has none, and clients compare count with limit, so it is a number
 * that no count reaches.
 */
const NO_LIMIT = 1_000_000_000;

const LoginSchema = Type.Object({
  username: Type.String({ minLength: 1, maxLength: MAX_USERNAME }),
  password: Type.String({ minLength: 1 }),
});
const RefreshSchema = Type.Object({
  username: Type.String({ minLength: 1, maxLength: MAX_USERNAME }),
  refresh_token: Type.String(),
});
const RevokeSchema = Type.Object({ refresh_token: Type.String() });
const AccessSchema = Type.Object({ id_token: Type.String(), access_token: Type.String(), expires_in: Type.Integer() });
const TokensSchema = Type.Object({ ...AccessSchema.properties, refresh_token: Type.String() });
const UserSchema = Type.Object({
  username: Type.String(),
  groups: Type.Array(Type.String()),
  apis: Type.Array(Type.Object({ path: Type.String(), method: Type.String() })),
  ondemand_requests_count: Type.Integer(),
  ondemand_limit: Type.Integer(),
  snapshot_requests_count: Type.Integer(),
  snapshot_limit: Type.Integer(),
  chunk_requests_count: Type.Integer(),
  chunk_limit: Type.Integer(),
});

/** What an account may call here: the compatible routes that exist. */
const APIS = [
  '/v2/articles/*',
  ...['codes', 'languages', 'projects', 'namespaces'].flatMap((list) => [`/v2/${list}`, `/v2/${list}/*`]),
].flatMap((path) => ['GET', 'POST'].map((method) => ({ path, method })));

/** Account management belongs to upstream: there are no accounts here to manage. */
const ABSENT = [
  'forgot-password',
  'forgot-password-confirm',
  'change-password',
  'new-password-required',
  'create-user',
  'confirm-user',
  'resend-confirm',
];

function textParameter(request: FastifyRequest, name: string, maxLength: number): string {
  const value = inputOf(request)[name];
  if (typeof value === 'string' && value.length >= 1 && value.length <= maxLength) return value;
  throw new MirrorError('INVALID_INPUT', `${name} must be a text of 1 to ${maxLength} characters.`);
}

function userOf(request: FastifyRequest): string {
  return textParameter(request, 'username', MAX_USERNAME).toLowerCase();
}

/** Adds the authentication routes. Without configured users any credentials log in, since clients insist on logging in. */
export function registerAuthRoutes(app: App, options: ServerOptions, tokens: TokenIssuer, credentials: Credentials): void {
  const tags = ['Authentication'];
  const noStore = (reply: FastifyReply): FastifyReply => reply.header('cache-control', 'no-store');
  const errors = wmeErrors(401, 413, 422, 500, 503);

  app.post(
    '/v1/login',
    { schema: { tags, summary: 'Log in', body: LoginSchema, response: { 200: TokensSchema, ...errors } } },
    async (request, reply) => {
      const username = userOf(request);
      const password = textParameter(request, 'password', 4096);
      if (options.allowRemote === true && !credentials.isControlToken(password)) {
        throw new MirrorError(
          'AUTH_FAILED',
          'Wrong password. This mirror listens beyond this machine: its password is the control token.',
        );
      }
      return noStore(reply).send(await tokens.login(username));
    },
  );
  app.post(
    '/v1/token-refresh',
    {
      schema: {
        tags,
        summary: 'New access token',
        body: RefreshSchema,
        response: { 200: AccessSchema, ...errors, ...wmeErrors(429) },
      },
    },
    async (request, reply) => {
      const username = userOf(request);
      return noStore(reply).send(await tokens.refresh(username, textParameter(request, 'refresh_token', 4096)));
    },
  );
  app.post(
    '/v1/token-revoke',
    { schema: { tags, summary: 'Forget a refresh token', body: RevokeSchema, response: { 204: Type.Null(), ...errors } } },
    async (request, reply) => {
      await tokens.revoke(textParameter(request, 'refresh_token', 4096));
      return noStore(reply).code(204).send();
    },
  );
  app.post(
    '/v1/get-user',
    { schema: { tags, summary: 'The account behind the token', response: { 200: UserSchema, ...wmeErrors(401, 500, 503) } } },
    async (request, reply) => {
      const username = await credentials.userOf(request.headers.authorization);
      if (username === undefined) throw new MirrorError('AUTH_REQUIRED', 'This call needs an access token: log in at /v1/login.');
      return noStore(reply).send({
        username,
        groups: ['wikimirror'],
        apis: APIS,
        ondemand_requests_count: 0,
        ondemand_limit: NO_LIMIT,
        snapshot_requests_count: 0,
        snapshot_limit: NO_LIMIT,
        chunk_requests_count: 0,
        chunk_limit: NO_LIMIT,
      });
    },
  );
  for (const call of ABSENT) {
    app.post(
      `/v1/${call}`,
      { schema: { tags, summary: 'Not offered: accounts are managed upstream', response: wmeErrors(404) } },
      () => {
        throw new MirrorError('NOT_FOUND', 'This mirror keeps no accounts; they are managed at Wikimedia Enterprise itself.');
      },
    );
  }
}
