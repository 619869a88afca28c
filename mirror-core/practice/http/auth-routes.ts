/** The `/v1` routes (contract §2). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MirrorError } from '../../contracts/errors.ts';
import type { Accounts, AccountKind } from '../accounts.ts';
import type { JsonObject } from '../go-json.ts';
import { parseJsonObject, readBody } from './parameters.ts';
import { apisOf } from './permissions.ts';
import { sendError, sendObject } from './respond.ts';

/** The counters and rights of the account, as get-user tells them. A member without a limit is left out. */
function describeUser(accounts: Accounts, account: AccountKind, username: string): JsonObject {
  const counters: Record<string, number> = {};
  for (const [counter, name] of [
    ['onDemand', 'ondemand'],
    ['snapshot', 'snapshot'],
    ['chunk', 'chunk'],
  ] as const) {
    counters[`${name}_requests_count`] = accounts.used(counter);
    const limit = accounts.limit(counter);
    if (limit !== undefined) counters[`${name}_limit`] = limit;
  }
  return { username, groups: [accounts.group], apis: apisOf(account), ...counters };
}

/** Answers one request whose path begins with `/v1/`. */
export async function answerAuth(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  accounts: Accounts,
  account: AccountKind,
): Promise<void> {
  const call = `${request.method ?? ''} ${path}`;
  if (call === 'GET /v1/status') {
    response.writeHead(200);
    response.end();
    return;
  }
  if (call === 'POST /v1/get-user') {
    const { username } = await accounts.authenticate(request.headers.authorization);
    sendObject(request, response, describeUser(accounts, account, username));
    return;
  }
  if (!['POST /v1/login', 'POST /v1/token-refresh', 'POST /v1/token-revoke'].includes(call)) {
    sendError(request, response, 404);
    return;
  }
  const body = await readBody(request);
  if (body.trim() === '') throw new MirrorError('INVALID_INPUT', 'EOF');
  const input = parseJsonObject(body);
  if (call === 'POST /v1/login') {
    sendObject(request, response, await accounts.login(input['username'], input['password']));
  } else if (call === 'POST /v1/token-refresh') {
    sendObject(request, response, await accounts.refresh(input['username'], input['refresh_token']));
  } else {
    await accounts.revoke(input['refresh_token']);
    response.writeHead(204);
    response.end();
  }
}
