/** The deciding members of a record the slow and obvious way, to hold the byte scanner against. */
import type { RecordKeys, Visibility } from '../../mirror-core/contracts/article.ts';
import { parseProjectId, titleKey } from '../../mirror-core/contracts/identifiers.ts';
import { parseUpstreamTime, type UpstreamTime } from '../../mirror-core/contracts/upstream-time.ts';

type Tree = Readonly<Record<string, unknown>>;

function objectIn(value: unknown): Tree | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Tree) : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function filledText(value: unknown): string | undefined {
  return text(value) === '' ? undefined : text(value);
}

function whole(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function time(value: unknown): UpstreamTime | undefined {
  return typeof value === 'string' ? parseUpstreamTime(value) : undefined;
}

function textsOf(value: unknown, member: string): string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((element) => filledText(objectIn(element)?.[member]) ?? []);
}

function visibilityOf(value: unknown): Visibility | undefined {
  const flags = objectIn(value);
  if (flags === undefined) return undefined;
  return { text: flags['text'] === true, editor: flags['editor'] === true, comment: flags['comment'] === true };
}

/** The keys of the record in `line`, or `undefined` where the record cannot be stored. */
export function referenceKeys(line: Uint8Array): RecordKeys | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(line).toString('utf8'));
  } catch {
    return undefined; // not JSON: refused
  }
  const record = objectIn(parsed);
  const name = filledText(record?.['name']);
  const projectText = text(objectIn(record?.['is_part_of'])?.['identifier']);
  const project = projectText === undefined ? undefined : parseProjectId(projectText);
  if (record === undefined || name === undefined || name.length > 1024 || project === undefined) return undefined;
  const event = objectIn(record['event']);
  const modifiedTime = time(record['date_modified']);
  const publishedTime = time(event?.['date_published']);
  const partition = event?.['partition'];
  const offset = event?.['offset'];
  const isPlace = (value: unknown): value is number => typeof value === 'number' && value >= 0 && !Object.is(value, -0);
  return {
    name,
    title: titleKey(name),
    project,
    namespaceId: whole(objectIn(record['namespace'])?.['identifier']),
    pageId: whole(record['identifier']),
    versionId: whole(objectIn(record['version'])?.['identifier']),
    eventType: filledText(event?.['type']) ?? 'update',
    eventTime: time(event?.['date_created']) ?? publishedTime ?? modifiedTime ?? { seconds: 0, nanos: 0 },
    publishedTime,
    modifiedTime,
    position: isPlace(partition) && isPlace(offset) ? { partition: whole(partition), offset: whole(offset) } : undefined,
    visibility: visibilityOf(record['visibility']),
    hasBody: Object.keys(objectIn(record['article_body']) ?? {}).length > 0,
    entityId: filledText(objectIn(record['main_entity'])?.['identifier']),
    languageId: filledText(objectIn(record['in_language'])?.['identifier']),
    redirects: textsOf(record['redirects'], 'name').map((redirect) => titleKey(redirect)),
    licenses: textsOf(record['license'], 'identifier'),
  };
}
