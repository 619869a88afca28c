/** On-demand look-ups of one article in one project (contract §5). */
import { MirrorError } from '../../contracts/errors.ts';
import type { ProjectId } from '../../contracts/identifiers.ts';
import type { EnterpriseApi, Reconcile } from './api.ts';
import { firstObjectSpan } from './json-span.ts';

/**
 * The record as upstream keeps it, byte for byte; `undefined` when upstream has no such article. Each call counts, and so does each
 * retry of it.
 * @throws MirrorError QUOTA_EXHAUSTED, FORBIDDEN, UPSTREAM_*, AUTH_*, or AbortError
 */
export async function lookupArticle(
  api: EnterpriseApi,
  project: ProjectId,
  name: string,
  signal: AbortSignal | undefined,
  reconcile: Reconcile,
): Promise<Uint8Array | undefined> {
  // No page can have these names, and as a path they would mean something else.
  if (name === '' || name === '.' || name === '..') return undefined;
  const call = {
    origin: 'api',
    method: 'POST',
    path: `/v2/articles/${encodeURIComponent(name)}`,
    json: { filters: [{ field: 'is_part_of.identifier', value: project }], limit: 1 },
    counts: 'onDemand',
  } as const;
  const body = await api.read(call, signal, reconcile);
  if (body === undefined) return undefined;
  const route = api.routeOf(call);
  const record = firstObjectSpan(body);
  // "No such article" is said by 404 alone (contract §5); taking an odd answer for it would remove an article that exists.
  if (record === undefined) throw new MirrorError('UPSTREAM_PROTOCOL', `${route} answered 200 without an article in it.`);
  const owner = projectOf(record, route);
  if (owner !== undefined && owner !== project) {
    throw new MirrorError('UPSTREAM_PROTOCOL', `${route} answered with an article of ${owner} when asked for ${project}.`);
  }
  return record;
}

function projectOf(record: Uint8Array, route: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(record.buffer, record.byteOffset, record.byteLength).toString('utf8'));
  } catch (error) {
    throw new MirrorError('UPSTREAM_PROTOCOL', `${route} answered something that is not JSON.`, { cause: error });
  }
  if (typeof parsed !== 'object' || parsed === null || !('is_part_of' in parsed)) return undefined;
  const owner = parsed.is_part_of;
  if (typeof owner !== 'object' || owner === null || !('identifier' in owner)) return undefined;
  return typeof owner.identifier === 'string' ? owner.identifier : undefined;
}
