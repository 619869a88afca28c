/** The named JSON values that a dataset keeps beside its data, and their readers: nothing read from disk is trusted unseen. */
import { Type, type Static, type TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { GapSchema, type Gap } from '../contracts/control-api.ts';

const NullableString = Type.Union([Type.String(), Type.Null()]);
const NullableNumber = Type.Union([Type.Number(), Type.Null()]);

const LoadSchema = Type.Object({
  version: Type.String(),
  files: Type.Array(Type.Object({ identifier: Type.String(), md5: NullableString })),
  done: Type.Array(Type.String()),
  generation: Type.Integer(),
  records: Type.Integer(),
  maxPublished: NullableString,
  firstMemberMs: NullableNumber,
});

const SnapshotSchema = Type.Object({
  version: Type.String(),
  modified: NullableString,
  generation: Type.Integer(),
  records: Type.Integer(),
  /** Lower bound of the moment at which the export began to read; `null` when the file does not tell. */
  exportedAfter: NullableString,
  since: NullableString,
  /** Records of the generation before, to notice one that is unusually small. */
  previousRecords: NullableNumber,
  completedAt: Type.String(),
  /** Titles absent from this generation have been dealt with. */
  isReconciled: Type.Boolean(),
});

const BatchSchema = Type.Object({
  /** First hour not applied yet, ms since the epoch, a whole hour. */
  nextHourMs: Type.Number(),
  /** Of the last hours, oldest first: whether there was a file. */
  present: Type.Array(Type.Boolean()),
});

const SweepSchema = Type.Object({ generation: Type.Integer() });

/** An interrupted load of one generation. */
export type LoadCheckpoint = Static<typeof LoadSchema>;
/** The last generation that was loaded completely. */
export type SnapshotCheckpoint = Static<typeof SnapshotSchema>;
export type BatchCheckpoint = Static<typeof BatchSchema>;

function read<T extends TSchema>(schema: T, value: unknown): Static<T> | undefined {
  return Value.Check(schema, value) ? value : undefined;
}

export const decodeLoad = (value: unknown): LoadCheckpoint | undefined => read(LoadSchema, value);
export const decodeSnapshot = (value: unknown): SnapshotCheckpoint | undefined => read(SnapshotSchema, value);
export const decodeBatch = (value: unknown): BatchCheckpoint | undefined => read(BatchSchema, value);
export const decodeGaps = (value: unknown): readonly Gap[] => read(Type.Array(GapSchema), value) ?? [];
/** Ids of the gaps that the generation last loaded closes once it is reconciled. */
export const decodeHealing = (value: unknown): ReadonlySet<string> => new Set(read(Type.Array(Type.String()), value) ?? []);
/** The generation after which deleted pages were swept. */
export const decodeSweep = (value: unknown): number => read(SweepSchema, value)?.generation ?? 0;
