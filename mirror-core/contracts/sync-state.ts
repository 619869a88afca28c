/** The state of one dataset, as a closed list. Transitions are in `sync/state-machine.ts`; words for people in the clients. */
import { Type, type Static } from 'typebox';

const CatchUpSource = Type.Union([Type.Literal('realtime'), Type.Literal('batch'), Type.Literal('snapshot')]);

export const SyncStateSchema = Type.Union([
  Type.Object({ kind: Type.Literal('idle') }),
  Type.Object({ kind: Type.Literal('planning') }),
  Type.Object({
    kind: Type.Literal('bootstrapping'),
    step: Type.Union([Type.Literal('download'), Type.Literal('verify'), Type.Literal('apply'), Type.Literal('reconcile')]),
    doneBytes: Type.Number({ description: 'compressed bytes finished' }),
    totalBytes: Type.Number({ description: 'compressed bytes of the whole generation' }),
    records: Type.Number({ description: 'records read so far' }),
  }),
  Type.Object({ kind: Type.Literal('catching-up'), source: CatchUpSource, lagMs: Type.Union([Type.Number(), Type.Null()]) }),
  Type.Object({ kind: Type.Literal('live'), lagMs: Type.Number() }),
  Type.Object({
    kind: Type.Literal('waiting'),
    for: Type.Union([
      Type.Literal('schedule'),
      Type.Literal('disk'),
      Type.Literal('quota'),
      Type.Literal('network'),
      Type.Literal('retry'),
      Type.Literal('snapshot'),
    ]),
    until: Type.Union([Type.String({ format: 'date-time' }), Type.Null()]),
    reason: Type.Union([Type.String(), Type.Null()]),
  }),
  Type.Object({
    kind: Type.Literal('paused'),
    by: Type.Union([Type.Literal('user'), Type.Literal('schedule'), Type.Literal('power')]),
  }),
  Type.Object({ kind: Type.Literal('failed'), code: Type.String(), message: Type.String(), retryable: Type.Boolean() }),
]);

export type SyncState = Static<typeof SyncStateSchema>;
