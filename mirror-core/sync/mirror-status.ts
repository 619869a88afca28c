/** The status answers: facts gathered from store, sync and upstream, in the form of the control API. */
import type { DatasetStatus } from '../contracts/control-api.ts';
import type { MirrorError } from '../contracts/errors.ts';
import { parseDatasetId, type DatasetId } from '../contracts/identifiers.ts';
import type { Catalogue, DatasetRecord } from './catalogue.ts';
import type { DatasetSync } from './dataset-sync.ts';
import { readGaps } from './gaps.ts';

function names(
  id: DatasetId,
  catalogue: Catalogue,
): Pick<DatasetStatus, 'id' | 'project' | 'projectName' | 'namespace' | 'language'> {
  const parts = parseDatasetId(id);
  const info = parts === undefined ? undefined : catalogue.project(parts.project);
  return {
    id,
    project: parts?.project ?? id,
    projectName: info?.name ?? null,
    namespace: parts?.namespaceId ?? 0,
    language: info?.in_language?.identifier ?? null,
  };
}

export async function datasetStatus(sync: DatasetSync, record: DatasetRecord, catalogue: Catalogue): Promise<DatasetStatus> {
  const stats = sync.store.stats();
  const { asOfMs } = sync.freshness();
  const progress = sync.progress;
  return {
    ...names(sync.id, catalogue),
    mode: record.mode,
    state: sync.state,
    asOf: asOfMs === null ? null : new Date(asOfMs).toISOString(),
    snapshotVersion: sync.snapshot?.version ?? null,
    snapshotDate: sync.snapshot?.modified ?? null,
    articles: stats.live,
    tombstones: stats.tombstones,
    rawBytes: stats.rawBytes,
    storedBytes: stats.storedBytes,
    garbageBytes: stats.garbageBytes,
    quarantined: stats.quarantined,
    doubtful: stats.doubtful,
    licenses: { ...stats.licenses },
    gaps: [...(await readGaps(sync.store))],
    progress: progress === null ? null : { ...progress },
  };
}

/** A dataset whose files cannot be opened: the others go on, this one says why. */
export function brokenStatus(id: DatasetId, error: MirrorError, catalogue: Catalogue): DatasetStatus {
  return {
    ...names(id, catalogue),
    mode: 'follow',
    state: { kind: 'failed', code: error.code, message: error.message, retryable: error.retryable },
    asOf: null,
    snapshotVersion: null,
    snapshotDate: null,
    articles: 0,
    tombstones: 0,
    rawBytes: 0,
    storedBytes: 0,
    garbageBytes: 0,
    quarantined: 0,
    doubtful: 0,
    licenses: {},
    gaps: [],
    progress: null,
  };
}
