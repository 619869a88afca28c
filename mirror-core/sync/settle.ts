/** Titles in doubt are settled one by one with on-demand look-ups, within the day's allowance and the account's quota (contract §15.5). */
import { encodeRecord } from '../records/encode.ts';
import type { Codec } from '../contracts/article.ts';
import { isMirrorError } from '../contracts/errors.ts';
import type { DatasetWriter, Doubt } from '../contracts/store-port.ts';
import type { UpstreamPort } from '../contracts/upstream-port.ts';

export interface SettleContext {
  readonly upstream: UpstreamPort;
  readonly store: DatasetWriter;
  readonly codec: Codec;
  readonly signal: AbortSignal;
  /** Takes one look-up from the day's allowance; `false` when it is used up. */
  readonly spend: () => boolean;
}

export interface SettleResult {
  readonly confirmed: number;
  readonly removed: number;
  /** Still in doubt: no look-up left, or the title could not be looked up. */
  readonly left: number;
}

/** Found upstream: the answer is applied like any update. Not there: removed, with the stored record's own time as tombstone. */
export async function settleDoubts(context: SettleContext): Promise<SettleResult> {
  const { upstream, store, signal } = context;
  let confirmed = 0;
  let removed = 0;
  for await (const doubt of store.doubts()) {
    signal.throwIfAborted();
    const entry = await store.entry(doubt.title);
    if (entry?.kind !== 'live') {
      store.doubt(doubt.title, undefined);
      await store.commit();
      continue;
    }
    if (!upstream.canSpend('onDemand') || !context.spend()) break;
    const raw = await lookup(context, doubt);
    if (raw === 'failed') continue;
    if (raw === undefined) {
      await store.stage([
        {
          kind: 'delete',
          title: doubt.title,
          pageId: entry.pageId,
          versionId: entry.versionId,
          eventTime: entry.eventTime,
          publishedTime: undefined,
          position: undefined,
          source: 'on-demand',
        },
      ]);
      removed += 1;
    } else {
      await store.stage([{ kind: 'record', record: encodeRecord(raw, context.codec), source: 'on-demand' }]);
      confirmed += 1;
    }
    store.doubt(doubt.title, undefined);
    await store.commit();
  }
  return { confirmed, removed, left: store.stats().doubtful };
}

/** A look-up that fails for a reason of its own leaves the doubt standing; one that fails for all stops the round. */
async function lookup(context: SettleContext, doubt: Doubt): Promise<Uint8Array | undefined | 'failed'> {
  try {
    return await context.upstream.lookup(context.store.project, doubt.title.replaceAll('_', ' '), context.signal);
  } catch (error) {
    if (
      isMirrorError(error, 'QUOTA_EXHAUSTED') ||
      isMirrorError(error, 'UPSTREAM_PROTOCOL') ||
      isMirrorError(error, 'RECORD_INVALID')
    )
      return 'failed';
    throw error;
  }
}
