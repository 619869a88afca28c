/** Our own API under `/api`: one definition for routes, OpenAPI, command line and user interface. Member names are camelCase; times ISO 8601 UTC. */
import { Type, type Static } from 'typebox';
import { SyncStateSchema } from './sync-state.ts';

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);

export const ControlErrorSchema = Type.Object({
  status: Type.Integer(),
  code: Type.String({ description: 'stable, see docs/errors' }),
  message: Type.String(),
});

export const GapSchema = Type.Object({
  id: Type.String(),
  cause: Type.Union([
    Type.Literal('stream-retention'),
    Type.Literal('position-expired'),
    Type.Literal('snapshot-too-old'),
    Type.Literal('batch-missing'),
  ]),
  /** Affected stretch of upstream time. */
  from: Type.String(),
  until: Type.String(),
  partitions: Nullable(Type.Array(Type.Integer())),
  healing: Type.String({ description: 'how it will be closed, in words' }),
  openedAt: Type.String(),
  closedAt: Nullable(Type.String()),
});

export const DatasetStatusSchema = Type.Object({
  id: Type.String(),
  project: Type.String(),
  projectName: Nullable(Type.String()),
  namespace: Type.Integer(),
  language: Nullable(Type.String()),
  /** `follow`: kept current from upstream. `manual`: filled by imports only. */
  mode: Type.Union([Type.Literal('follow'), Type.Literal('manual')]),
  state: SyncStateSchema,
  /** Upstream time up to which everything is applied; `null` before the first load is complete. */
  asOf: Nullable(Type.String()),
  /** MD5 of the snapshot last loaded completely. */
  snapshotVersion: Nullable(Type.String()),
  snapshotDate: Nullable(Type.String()),
  articles: Type.Integer(),
  tombstones: Type.Integer(),
  rawBytes: Type.Integer(),
  storedBytes: Type.Integer(),
  garbageBytes: Type.Integer(),
  quarantined: Type.Integer(),
  doubtful: Type.Integer(),
  licenses: Type.Record(Type.String(), Type.Integer()),
  gaps: Type.Array(GapSchema),
  /** Work going on now: `rateBytesPerSecond` of compressed input, seconds left. */
  progress: Nullable(
    Type.Object({
      doneBytes: Type.Integer(),
      totalBytes: Type.Integer(),
      rateBytesPerSecond: Type.Number(),
      secondsLeft: Nullable(Type.Number()),
      records: Type.Integer(),
    }),
  ),
});

export const CapabilitiesSchema = Type.Object({
  snapshots: Type.Boolean(),
  chunks: Type.Boolean(),
  onDemand: Type.Boolean(),
  batches: Type.Boolean(),
  realtime: Type.Boolean(),
  isPractice: Type.Boolean(),
  learnedFrom: Type.Union([Type.Literal('get-user'), Type.Literal('probe')]),
  learnedAtMs: Type.Number(),
});

export const QuotaUseSchema = Type.Object({
  kind: Type.Union([Type.Literal('onDemand'), Type.Literal('snapshot'), Type.Literal('chunk')]),
  used: Type.Integer(),
  limit: Nullable(Type.Integer()),
  month: Type.String(),
});

export const MirrorStatusSchema = Type.Object({
  version: Type.String(),
  startedAt: Type.String(),
  upstream: Type.Object({
    address: Type.String(),
    /** `null` until the first successful login. */
    capabilities: Nullable(CapabilitiesSchema),
    isPractice: Type.Boolean(),
    /** Why upstream cannot be used now, in words; `null` when it can. */
    problem: Nullable(Type.String()),
  }),
  stream: Type.Object({
    state: Type.Union([Type.Literal('off'), Type.Literal('connecting'), Type.Literal('connected'), Type.Literal('waiting')]),
    eventsApplied: Type.Integer(),
    lastEventAt: Nullable(Type.String()),
    reconnects: Type.Integer(),
    problem: Nullable(Type.String()),
  }),
  quota: Type.Array(QuotaUseSchema),
  disk: Type.Object({ freeBytes: Type.Integer(), dataDirectory: Type.String() }),
  datasets: Type.Array(DatasetStatusSchema),
});

/** One thing that happened; ids grow by one and survive in a bounded buffer for replay. */
export const MirrorEventSchema = Type.Object({
  id: Type.Integer(),
  at: Type.String(),
  type: Type.String({
    description: 'for example dataset.state, dataset.progress, stream.state, gap.opened, config.reloaded, sideload.loaded',
  }),
  dataset: Nullable(Type.String()),
  message: Type.String(),
  details: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

export const AddRequestSchema = Type.Object(
  { datasets: Type.Array(Type.String({ minLength: 1, maxLength: 80 }), { minItems: 1, maxItems: 1000 }) },
  { additionalProperties: false },
);
export const RemoveResultSchema = Type.Object({ id: Type.String(), freedBytes: Type.Integer() });

export const CatalogueProjectSchema = Type.Object({
  identifier: Type.String(),
  name: Nullable(Type.String()),
  code: Nullable(Type.String()),
  url: Nullable(Type.String()),
  language: Nullable(Type.String()),
  languageName: Nullable(Type.String()),
  nativeLanguageName: Nullable(Type.String()),
  direction: Nullable(Type.String()),
  /** Snapshots on offer, by namespace. */
  snapshots: Type.Array(
    Type.Object({
      dataset: Type.String(),
      namespace: Type.Integer(),
      sizeBytes: Nullable(Type.Integer()),
      date: Nullable(Type.String()),
      isMirrored: Type.Boolean(),
    }),
  ),
});

export const ImportResultSchema = Type.Object({
  records: Type.Integer(),
  applied: Type.Integer(),
  unchanged: Type.Integer(),
  quarantined: Type.Integer(),
  datasets: Type.Array(Type.String()),
});

/** A bad line, kept aside so that nothing is dropped silently. */
export const QuarantineRowSchema = Type.Object({
  id: Type.String(),
  at: Type.String(),
  source: Type.String({ description: 'file and archive member, or realtime' }),
  line: Type.Integer({ description: '1-based; 0 when the source has no lines' }),
  reason: Type.String(),
  bytes: Type.Integer(),
  sha256: Type.String(),
  excerpt: Type.String({ description: 'first part of the line, at most 64 KiB' }),
});

export const ManifestQuerySchema = Type.Object({ tombstones: Type.Optional(Type.Boolean()) });

export type ControlError = Static<typeof ControlErrorSchema>;
export type Gap = Static<typeof GapSchema>;
export type DatasetStatus = Static<typeof DatasetStatusSchema>;
export type MirrorStatus = Static<typeof MirrorStatusSchema>;
export type MirrorEvent = Static<typeof MirrorEventSchema>;
export type CatalogueProject = Static<typeof CatalogueProjectSchema>;
export type ImportResult = Static<typeof ImportResultSchema>;
