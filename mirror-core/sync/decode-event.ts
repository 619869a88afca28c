/** From one raw Realtime record to a change for the store (contract §10.3; payloads: article-schema §2). */
import { encodeRecord } from '../records/encode.ts';
import { scanRecord } from '../records/scan.ts';
import type { Codec, RecordKeys } from '../contracts/article.ts';
import type { Change, ChangeSource } from '../contracts/store-port.ts';

export type DecodedEvent =
  | { readonly kind: 'change'; readonly keys: RecordKeys; readonly toChange: (source: ChangeSource) => Change }
  /** A type we do not know, without a body: nothing can be applied, but the title is in doubt. */
  | { readonly kind: 'unknown'; readonly keys: RecordKeys };

/**
 * Reads what routing needs; the record is compressed only when `toChange` is called, because most events of the stream belong to
 * projects that are not mirrored.
 * @throws MirrorError RECORD_INVALID
 */
export function decodeEvent(raw: Uint8Array, codec: Codec): DecodedEvent {
  const keys = scanRecord(raw);
  const shared = {
    title: keys.title,
    pageId: keys.pageId,
    versionId: keys.versionId,
    eventTime: keys.eventTime,
    publishedTime: keys.publishedTime,
    position: keys.position,
  };
  if (keys.eventType === 'delete') {
    return { kind: 'change', keys, toChange: (source) => ({ kind: 'delete', ...shared, source }) };
  }
  if (keys.eventType === 'visibility-change') {
    const { visibility } = keys;
    if (visibility === undefined) return { kind: 'unknown', keys };
    return { kind: 'change', keys, toChange: (source) => ({ kind: 'visibility', ...shared, visibility, source }) };
  }
  // `create` and `move` are in older descriptions; an unknown type with a body is an update (contract §10.3, Client).
  const isUpdate = keys.eventType === 'update' || keys.eventType === 'create' || keys.eventType === 'move' || keys.hasBody;
  if (!isUpdate) return { kind: 'unknown', keys };
  return { kind: 'change', keys, toChange: (source) => ({ kind: 'record', record: encodeRecord(raw, codec), source }) };
}
