/** Guards the index against values its codecs cannot hold. They come from outside: a record may claim any page id. */
import { MirrorError } from '../contracts/errors.ts';
import type { Change } from '../contracts/store-port.ts';
import type { UpstreamTime } from '../contracts/upstream-time.ts';

const SHA256_BYTES = 32;

/** @throws MirrorError RECORD_INVALID */
export function requireStorable(change: Change): void {
  const keys = change.kind === 'record' ? change.record.keys : change;
  const { title } = keys;
  if (title === '') throw invalid('a record without a title cannot be stored', title);
  requireCount(keys.pageId, 'page id', title);
  requireCount(keys.versionId, 'version id', title);
  requireTime(keys.eventTime, title);
  if (keys.publishedTime !== undefined) requireTime(keys.publishedTime, title);
  if (keys.position !== undefined) {
    requireCount(keys.position.partition, 'partition', title);
    requireCount(keys.position.offset, 'offset', title);
  }
  if (change.kind !== 'record') return;
  requireCount(change.record.keys.namespaceId, 'namespace id', title);
  requireCount(change.record.rawBytes, 'length', title);
  if (change.record.sha256.length !== SHA256_BYTES) throw invalid(`the record of ${title} has no SHA-256`, title);
}

function requireCount(value: number, what: string, title: string): void {
  if (!Number.isSafeInteger(value) || value < 0)
    throw invalid(`the record of ${title} has the impossible ${what} ${value}`, title);
}

function requireTime({ seconds, nanos }: UpstreamTime, title: string): void {
  if (Number.isSafeInteger(seconds) && Number.isInteger(nanos) && nanos >= 0 && nanos < 1e9) return;
  throw invalid(`the record of ${title} has an impossible time`, title);
}

function invalid(message: string, title: string): MirrorError {
  return new MirrorError('RECORD_INVALID', message, { context: { title } });
}
