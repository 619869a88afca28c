/** How far a dataset followed the stream, read from its checkpoints. */
import type { DatasetWriter } from '../../contracts/store-port.ts';
import { timeToMs } from '../../contracts/upstream-time.ts';
import { completeUntil, decodeTrack } from './positions.ts';

/** Ms since the epoch up to which everything of the stream is applied; `undefined` while a stretch before that is still missing. */
export async function storedStreamTime(store: DatasetWriter): Promise<number | undefined> {
  const positions = decodeTrack(await store.checkpoint('realtime'));
  const isWhole = decodeTrack(await store.checkpoint('catchup')) === undefined;
  return positions === undefined || !isWhole ? undefined : timeToMs(completeUntil(positions));
}
