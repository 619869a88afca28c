/** Turns found records into a response: stored bytes as they are where possible, bytes copied by span where members are selected. */
import { createHash } from 'node:crypto';
import type { MirrorReader } from '../contracts/control-port.ts';
import { bufferOver } from '../records/json-bytes.ts';
import { acceptsCodec, MEDIA_TYPE, type Format } from './negotiation.ts';
import type { FoundArticle } from './lookup.ts';
import { selectFields, type FieldTree } from './selection.ts';
import { encloseZstd } from './zstd-brackets.ts';

export interface AnswerRequest {
  readonly format: Format;
  readonly acceptEncoding: string | undefined;
  readonly ifNoneMatch: string | undefined;
  readonly fields: FieldTree | undefined;
  /** `list`: `[a,b]` or lines (contract §1.4); `single`: the record alone in both formats. */
  readonly shape: 'list' | 'single';
}

export interface Answer {
  readonly status: 200 | 304;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

const OPEN = 0x5b;
const CLOSE = 0x5d;

function describeTree(tree: FieldTree | undefined): unknown {
  if (tree === undefined || tree === 'whole') return '*';
  return [...tree].map(([name, below]) => [name, describeTree(below)]);
}

/**
 * Strong tag of exactly these bytes: who, which version, what is shown of it, and in which form.
 * Known without reading or decompressing any body.
 */
function entityTag(articles: readonly FoundArticle[], request: AnswerRequest, coding: string): string {
  const hash = createHash('sha256');
  for (const { dataset, title, record } of articles) {
    const { entry } = record;
    hash.update(
      JSON.stringify([dataset.id, title, entry.versionId, entry.seq, entry.isRedacted, entry.visibility, record.mustRedact]),
    );
    hash.update(entry.sha256);
  }
  hash.update(JSON.stringify([request.format, request.shape, coding, describeTree(request.fields)]));
  return `"${hash.digest('base64url').slice(0, 32)}"`;
}

function isKnownTag(ifNoneMatch: string | undefined, tag: string): boolean {
  return (ifNoneMatch ?? '').split(',').some((entry) => {
    const known = entry.trim().replace(/^W\//, '');
    return known === '*' || known === tag;
  });
}

function joined(records: readonly Buffer[], { format, shape }: AnswerRequest): Buffer {
  const isBracketed = format === 'json' && shape === 'list';
  const separator = Buffer.from(format === 'json' ? ',' : '\n');
  const pieces = records.flatMap((record, index) => (index === 0 ? [record] : [separator, record]));
  return Buffer.concat(isBracketed ? [Buffer.from('['), ...pieces, Buffer.from(']')] : pieces);
}

/** The stored bytes of a single whole record with the coding they can be sent under, or `undefined` when they must be decompressed. */
function storedBody(articles: readonly FoundArticle[], request: AnswerRequest): { codec: string; body: Buffer } | undefined {
  const [article, ...others] = articles;
  if (article === undefined || others.length > 0 || request.fields !== undefined || article.record.mustRedact) return undefined;
  const { codec, stored } = article.record;
  if (codec === 'identity' || !acceptsCodec(request.acceptEncoding, codec)) return undefined;
  if (request.format === 'ndjson' || request.shape === 'single') return { codec, body: bufferOver(stored) };
  const enclosed = codec === 'zstd' ? encloseZstd(OPEN, stored, CLOSE) : undefined;
  return enclosed === undefined ? undefined : { codec, body: enclosed };
}

async function plainBody(articles: readonly FoundArticle[], request: AnswerRequest): Promise<Buffer> {
  const records = await Promise.all(
    articles.map(async ({ dataset, record, json }) => {
      const whole = json ?? bufferOver(await dataset.readJson(record));
      return request.fields === undefined ? whole : selectFields(whole, request.fields);
    }),
  );
  return joined(records, request);
}

/** How fresh the answer is: the oldest of the datasets that took part. */
export function freshnessHeaders(reader: MirrorReader, articles: readonly FoundArticle[]): Record<string, string> {
  const all = articles.map(({ dataset }) => reader.freshness(dataset.id));
  const lags = all.flatMap(({ lagMs }) => (lagMs === null ? [] : [lagMs]));
  const times = all.flatMap(({ asOf }) => (asOf === null ? [] : [asOf]));
  const oldest = times.reduce<string | undefined>(
    (a, b) => (a === undefined || Date.parse(b) < Date.parse(a) ? b : a),
    undefined,
  );
  return {
    ...(lags.length === 0 ? {} : { 'x-mirror-lag': String(Math.round(Math.max(...lags))) }),
    ...(oldest === undefined ? {} : { 'x-mirror-as-of': oldest }),
  };
}

/**
 * Status, headers and body for at least one found record. Without `fields` nothing is parsed: what the client gets is what
 * was stored, compressed when it can read the stored coding.
 */
export async function composeAnswer(
  reader: MirrorReader,
  articles: readonly FoundArticle[],
  request: AnswerRequest,
): Promise<Answer> {
  const stored = storedBody(articles, request);
  const tag = entityTag(articles, request, stored?.codec ?? 'identity');
  const redirectedFrom = articles.find((article) => article.redirectedFrom !== undefined)?.redirectedFrom;
  const headers = {
    'cache-control': 'no-cache',
    etag: tag,
    vary: 'Accept, Accept-Encoding',
    ...freshnessHeaders(reader, articles),
    ...(redirectedFrom === undefined ? {} : { 'x-mirror-redirected-from': encodeURIComponent(redirectedFrom) }),
  };
  if (isKnownTag(request.ifNoneMatch, tag)) return { status: 304, headers, body: undefined };
  const body = stored?.body ?? (await plainBody(articles, request));
  return {
    status: 200,
    headers: {
      ...headers,
      'content-type': request.shape === 'single' ? MEDIA_TYPE.json : MEDIA_TYPE[request.format],
      ...(stored === undefined ? {} : { 'content-encoding': stored.codec }),
    },
    body,
  };
}
