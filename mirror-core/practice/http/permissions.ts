/** What each kind of account may call; everything else is forbidden before anybody looks whether it exists (contract §1.2, §13). */
import type { AccountKind } from '../accounts.ts';

interface Rule {
  readonly path: string;
  readonly methods: readonly string[];
  readonly pattern: RegExp;
  readonly from: AccountKind;
}

const READ = ['GET', 'POST'];
const DOWNLOAD = ['GET', 'HEAD'];

function rule(from: AccountKind, path: string, methods: readonly string[]): Rule {
  const pattern = path.replaceAll(/\{name\}/g, '.*').replaceAll(/\{\w+\}/g, '[^/]+');
  return { path, methods, pattern: new RegExp(`^${pattern}$`), from };
}

const RULES: readonly Rule[] = [
  ...['codes', 'languages', 'projects', 'namespaces'].flatMap((list) => [
    rule('free', `/v2/${list}`, READ),
    rule('free', `/v2/${list}/{identifier}`, READ),
  ]),
  rule('free', '/v2/articles/{name}', READ),
  rule('free', '/v2/snapshots', READ),
  rule('free', '/v2/snapshots/{identifier}', READ),
  rule('free', '/v2/snapshots/{identifier}/download', DOWNLOAD),
  rule('free', '/v2/snapshots/{identifier}/chunks', READ),
  rule('free', '/v2/snapshots/{identifier}/chunks/{chunk}', READ),
  rule('free', '/v2/snapshots/{identifier}/chunks/{chunk}/download', DOWNLOAD),
  rule('batches', '/v2/batches/{date}/{hour}', READ),
  rule('batches', '/v2/batches/{date}/{hour}/{identifier}', READ),
  rule('batches', '/v2/batches/{date}/{hour}/{identifier}/download', DOWNLOAD),
  rule('realtime', '/v2/articles', READ),
];
const RANK: Readonly<Record<AccountKind, number>> = { free: 1, batches: 2, realtime: 3 };

function rulesOf(account: AccountKind): Rule[] {
  return RULES.filter((candidate) => RANK[candidate.from] <= RANK[account]);
}

export function isAllowed(account: AccountKind, method: string, path: string): boolean {
  return rulesOf(account).some((candidate) => candidate.methods.includes(method) && candidate.pattern.test(path));
}

/** Whether a rule of any account matches `path`; upstream redirects a trailing slash only on routes it knows. */
export function isRoute(path: string): boolean {
  return RULES.some((candidate) => candidate.pattern.test(path));
}

/** `apis` of get-user. */
export function apisOf(account: AccountKind): { readonly path: string; readonly method: string }[] {
  return rulesOf(account).flatMap((candidate) => candidate.methods.map((method) => ({ path: candidate.path, method })));
}
