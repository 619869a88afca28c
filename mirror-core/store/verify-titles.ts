/** First pass of `verify`: every title, its body, and what its body says. */
import { titleKey, type TitleKey } from '../contracts/identifiers.ts';
import type { LiveEntry } from '../contracts/store-port.ts';
import { messageOf } from '../contracts/errors.ts';
import { decodeBodyAsync } from '../records/codec.ts';
import { sha256Of } from '../records/encode.ts';
import { decodeWholeBody } from './body-codec.ts';
import { decodeIndexed, type IndexedLive } from './entry-codec.ts';
import { bodyKey, linkKey, pageKey, rangeOf, ROW, titleOfKey } from './index-keys.ts';
import { decodePageTitles } from './row-codecs.ts';
import type { VerifyContext } from './verify.ts';

/** Titles looked at together, and the stored bytes they may have: what is held in memory at a time. */
const WINDOW_TITLES = 64;
const WINDOW_BYTES = 8 * 1024 * 1024;

/** A recount of what the counters claim. */
export interface Recount {
  live: number;
  tombstones: number;
  rawBytes: number;
  storedBytes: number;
  redirects: number;
  entities: number;
  readonly licenses: Map<number, number>;
}

interface Row {
  readonly title: TitleKey;
  readonly live: IndexedLive;
}

export async function verifyTitles(context: VerifyContext): Promise<Recount> {
  const { files, snapshot, meta, options } = context;
  const recount: Recount = {
    live: 0,
    tombstones: 0,
    rawBytes: 0,
    storedBytes: 0,
    redirects: 0,
    entities: 0,
    licenses: new Map(),
  };
  let window: Row[] = [];
  let windowBytes = 0;
  const flush = async (): Promise<void> => {
    options.signal?.throwIfAborted();
    await verifyWindow(window, context);
    options.onProgress?.(recount.live, meta.live);
    window = [];
    windowBytes = 0;
  };
  for await (const [key, value] of files.index.iterator({ ...rangeOf(ROW.title), snapshot })) {
    const title = titleOfKey(key);
    const indexed = decodeIndexed(value);
    if (indexed.kind === 'tombstone') {
      recount.tombstones += 1;
      continue;
    }
    count(recount, indexed);
    window.push({ title, live: indexed });
    windowBytes += indexed.entry.storedBytes;
    if (window.length >= WINDOW_TITLES || windowBytes >= WINDOW_BYTES) await flush();
  }
  await flush();
  return recount;
}

function count(recount: Recount, { entry, licenseSet, links }: IndexedLive): void {
  recount.live += 1;
  recount.rawBytes += entry.rawBytes;
  recount.storedBytes += entry.storedBytes;
  recount.redirects += links.redirects.length;
  recount.entities += links.entityId === undefined ? 0 : 1;
  recount.licenses.set(licenseSet, (recount.licenses.get(licenseSet) ?? 0) + 1);
}

async function verifyWindow(window: readonly Row[], context: VerifyContext): Promise<void> {
  if (window.length === 0) return;
  const values = await context.files.bodies.getMany(
    window.map(({ live }) => bodyKey(live.entry.seq)),
    { fillCache: false },
  );
  for (const [position, row] of window.entries()) {
    const value = values[position];
    const problem = value === undefined ? await missingBody(row, context) : await problemOfBody(row, value);
    if (problem !== undefined) context.report({ title: row.title, seq: row.live.entry.seq, problem });
  }
  await verifyOwnRows(window, context);
}

async function missingBody({ title, live }: Row, context: VerifyContext): Promise<string | undefined> {
  return (await context.isUnchanged(title, live.entry.seq)) ? 'the record is missing' : undefined;
}

async function problemOfBody({ title, live }: Row, value: Buffer): Promise<string | undefined> {
  const { entry } = live;
  try {
    const body = decodeWholeBody(value);
    if (body.title !== title) return `the record at this number belongs to ${body.title}`;
    if (body.stored.length !== entry.storedBytes) return `${body.stored.length} bytes are stored, ${entry.storedBytes} expected`;
    const json = await decodeBodyAsync(body.stored, body.codec, Math.max(entry.rawBytes, 1));
    if (json.length !== entry.rawBytes) return `the record has ${json.length} bytes, ${entry.rawBytes} expected`;
    if (Buffer.compare(sha256Of(json), entry.sha256) !== 0) return 'the SHA-256 of the record differs';
    return problemOfMembers(JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.length).toString('utf8')), title, entry);
  } catch (error) {
    return `the record cannot be read: ${messageOf(error)}`;
  }
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}

function problemOfMembers(record: unknown, title: TitleKey, entry: LiveEntry): string | undefined {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return 'the record is not a JSON object';
  const name = member(record, 'name');
  if (typeof name !== 'string' || titleKey(name) !== title) return `the record's name is ${JSON.stringify(name)}`;
  const pageId = member(record, 'identifier') ?? 0;
  if (pageId !== entry.pageId) return `the record's page id is ${JSON.stringify(pageId)}, ${entry.pageId} expected`;
  const versionId = member(member(record, 'version'), 'identifier') ?? 0;
  if (!entry.isRedacted && versionId !== entry.versionId) {
    return `the record's version is ${JSON.stringify(versionId)}, ${entry.versionId} expected`;
  }
  return undefined;
}

/** Each title has to be found by its page id, its redirects and its QID. */
async function verifyOwnRows(window: readonly Row[], context: VerifyContext): Promise<void> {
  const { files, snapshot, report } = context;
  const pages = window.filter(({ live }) => live.entry.pageId !== 0);
  const lists = await files.index.getMany(
    pages.map(({ live }) => pageKey(live.entry.pageId)),
    { snapshot },
  );
  for (const [position, { title, live }] of pages.entries()) {
    const bytes = lists[position];
    if (bytes === undefined || !decodePageTitles(bytes).includes(title)) {
      report({ title, seq: live.entry.seq, problem: `page id ${live.entry.pageId} does not lead to the title` });
    }
  }
  const links = window.flatMap(({ title, live }) => [
    ...live.links.redirects.map((redirect) => ({
      title,
      seq: live.entry.seq,
      what: redirect,
      key: linkKey(ROW.redirect, redirect, title),
    })),
    ...(live.links.entityId === undefined
      ? []
      : [{ title, seq: live.entry.seq, what: live.links.entityId, key: linkKey(ROW.entity, live.links.entityId, title) }]),
  ]);
  const found = await files.index.getMany(
    links.map(({ key }) => key),
    { snapshot },
  );
  for (const [position, { title, seq, what }] of links.entries()) {
    if (found[position] === undefined) report({ title, seq, problem: `${what} does not lead to the title` });
  }
}
