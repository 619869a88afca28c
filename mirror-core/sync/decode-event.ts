/** From one raw Realtime record to a change for the store (contract §10.3; payloads: article-schema §2). */
import { encodeRecord } from '../records/encode.ts';
import { scanRecord } from '../records/scan.ts';
import type { Codec, RecordKeys } from '../contracts/article.ts';
import type { Change, ChangeSource } from '../contracts/store-port.ts';
import { removalOf } from './record-change.ts';

export type DecodedEvent =
  | { readonly kind: 'change'; readonly keys: RecordKeys; readonly toChange: (source: ChangeSource) => Change }
  /** A type we do not know, without a body: nothing can be applied, but it must be told. */
  | { readonly kind: 'unknown'; readonly keys: RecordKeys };

/**
 * Reads what routing needs; the record is compressed only when `toChange` is called, because most events of the stream belong to
 * projects that are not mirrored.
 * @throws MirrorError RECORD_INVALID
 */
export function decodeEvent(raw: Uint8Array, codec: Codec): DecodedEvent {
  const keys = scanRecord(raw);
  const isRemoval = removalOf(keys, 'realtime') !== undefined;
  // `create` and `move` are in older descriptions; an unknown type with a body is an update (contract §10.3, Client).
  const isUpdate = keys.eventType === 'update' || keys.eventType === 'create' || keys.eventType === 'move' || keys.hasBody;
  if (!isRemoval && !isUpdate) return { kind: 'unknown', keys };
  return {
    kind: 'change',
    keys,
    toChange: (source) => removalOf(keys, source) ?? { kind: 'record', record: encodeRecord(raw, codec), source },
  };
}
