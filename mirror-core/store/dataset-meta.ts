/** The one row that says where a dataset stands. Written in every index batch, so that it always agrees with the rows beside it. */
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { MirrorError } from '../contracts/errors.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import type { DatasetStats } from '../contracts/store-port.ts';

/** Version of the rows of a dataset; a newer one is refused. */
export const DATASET_SCHEMA_VERSION = 1;

const Count = Type.Integer({ minimum: 0 });

const DatasetMetaSchema = Type.Object({
  schemaVersion: Type.Integer({ minimum: 1 }),
  id: Type.String(),
  /** Grows by one with every index batch: tells after a failed write whether the batch is in. */
  commits: Count,
  /** Highest sequence number that is committed; bodies above it are orphans. */
  lastSeq: Count,
  /** The running or last snapshot generation. */
  generation: Count,
  nextQuarantineId: Count,
  live: Count,
  tombstones: Count,
  rawBytes: Count,
  storedBytes: Count,
  garbageBytes: Count,
  quarantined: Count,
  doubtful: Count,
  marks: Count,
  /** Live titles per position in `licenseSets`. */
  licenseCounts: Type.Array(Count),
  /** Lists of licence identifiers as records have them; entries hold the position. */
  licenseSets: Type.Array(Type.Array(Type.String())),
});

export type DatasetMeta = Readonly<Static<typeof DatasetMetaSchema>>;

export function newMeta(id: DatasetId): DatasetMeta {
  return {
    schemaVersion: DATASET_SCHEMA_VERSION,
    id,
    commits: 0,
    lastSeq: 0,
    generation: 0,
    nextQuarantineId: 1,
    live: 0,
    tombstones: 0,
    rawBytes: 0,
    storedBytes: 0,
    garbageBytes: 0,
    quarantined: 0,
    doubtful: 0,
    marks: 0,
    licenseCounts: [],
    licenseSets: [],
  };
}

export function encodeMeta(meta: DatasetMeta): Buffer {
  return Buffer.from(JSON.stringify(meta));
}

/** @throws MirrorError DATA_NEWER, STORE_CORRUPT */
export function decodeMeta(bytes: Buffer | undefined, id: DatasetId): DatasetMeta {
  let meta: unknown;
  try {
    meta = bytes === undefined ? undefined : JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw corruptMeta(id, error);
  }
  if (
    typeof meta === 'object' &&
    meta !== null &&
    'schemaVersion' in meta &&
    Number(meta.schemaVersion) > DATASET_SCHEMA_VERSION
  ) {
    throw new MirrorError(
      'DATA_NEWER',
      `${id} was written by a newer Wikimirror (layout ${Number(meta.schemaVersion)}, this one knows ${DATASET_SCHEMA_VERSION}): update Wikimirror`,
      { context: { dataset: id } },
    );
  }
  if (!Value.Check(DatasetMetaSchema, meta) || meta.id !== id) throw corruptMeta(id, undefined);
  return meta;
}

function corruptMeta(id: DatasetId, cause: unknown): MirrorError {
  return new MirrorError('STORE_CORRUPT', `the index of ${id} is damaged: remove the dataset and add it again`, {
    cause,
    context: { dataset: id },
  });
}

export function statsOf(meta: DatasetMeta): DatasetStats {
  const licenses: Record<string, number> = {};
  for (const [position, identifiers] of meta.licenseSets.entries()) {
    const count = meta.licenseCounts[position] ?? 0;
    if (count === 0) continue;
    for (const identifier of new Set(identifiers)) licenses[identifier] = (licenses[identifier] ?? 0) + count;
  }
  const { live, tombstones, rawBytes, storedBytes, garbageBytes, quarantined, doubtful, lastSeq } = meta;
  return { live, tombstones, rawBytes, storedBytes, garbageBytes, quarantined, doubtful, licenses, lastSeq };
}
