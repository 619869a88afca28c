/** What a record read from a file asks of the store: batches and event files hold deletions and visibility changes too. */
import type { EncodedRecord } from '../contracts/article.ts';
import type { Change, ChangeSource } from '../contracts/store-port.ts';

export function toChange(record: EncodedRecord, source: ChangeSource, generation?: number): Change {
  const { keys } = record;
  const shared = {
    title: keys.title,
    pageId: keys.pageId,
    versionId: keys.versionId,
    eventTime: keys.eventTime,
    publishedTime: keys.publishedTime,
    position: keys.position,
    source,
  };
  if (keys.eventType === 'delete') return { kind: 'delete', ...shared };
  if (keys.eventType === 'visibility-change' && keys.visibility !== undefined)
    return { kind: 'visibility', ...shared, visibility: keys.visibility };
  return { kind: 'record', record, source, ...(generation === undefined ? {} : { generation }) };
}
