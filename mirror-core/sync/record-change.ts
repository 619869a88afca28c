/** From a record to what it asks of the store: batches, event files and the stream hold deletions and visibility changes too. */
import type { EncodedRecord, RecordKeys } from '../contracts/article.ts';
import type { Change, ChangeSource } from '../contracts/store-port.ts';

/** The deletion or visibility change that the record tells of; `undefined` when it tells of neither. */
export function removalOf(keys: RecordKeys, source: ChangeSource): Change | undefined {
  const { title, pageId, versionId, eventTime, publishedTime, position, visibility } = keys;
  const shared = { title, pageId, versionId, eventTime, publishedTime, position, source };
  if (keys.eventType === 'delete') return { kind: 'delete', ...shared };
  if (keys.eventType === 'visibility-change' && visibility !== undefined) return { kind: 'visibility', ...shared, visibility };
  return undefined;
}

export function toChange(record: EncodedRecord, source: ChangeSource, generation?: number): Change {
  return (
    removalOf(record.keys, source) ?? { kind: 'record', record, source, ...(generation === undefined ? {} : { generation }) }
  );
}
