/** Answers of a daemon, complete and valid, for tests to vary. */
import type { DatasetStatus, MirrorStatus } from '../../mirror-core/contracts/control-api.ts';

export function sampleDataset(changes: Partial<DatasetStatus> = {}): DatasetStatus {
  return {
    id: 'simplewiki_namespace_0',
    project: 'simplewiki',
    projectName: 'Wikipedia',
    namespace: 0,
    language: 'en',
    mode: 'follow',
    state: { kind: 'live', lagMs: 1500 },
    asOf: '2026-11-21T18:04:05Z',
    snapshotVersion: null,
    snapshotDate: null,
    articles: 1234,
    tombstones: 5,
    rawBytes: 10_000_000,
    storedBytes: 2_500_000,
    garbageBytes: 0,
    quarantined: 0,
    doubtful: 0,
    licenses: {},
    gaps: [],
    progress: null,
    ...changes,
  };
}

export function sampleStatus(changes: Partial<MirrorStatus> = {}): MirrorStatus {
  return {
    version: '0.1.0',
    startedAt: '2026-11-21T18:00:00Z',
    upstream: {
      address: 'https://api.example.org',
      capabilities: {
        snapshots: true,
        chunks: true,
        onDemand: true,
        batches: false,
        realtime: true,
        isPractice: false,
        learnedFrom: 'probe',
        learnedAtMs: 0,
      },
      isPractice: false,
      problem: null,
    },
    stream: { state: 'connected', eventsApplied: 7, lastEventAt: '2026-11-21T18:04:00Z', reconnects: 0, problem: null },
    quota: [
      { kind: 'onDemand', used: 3, limit: 5000, month: '2026-11' },
      { kind: 'chunk', used: 0, limit: null, month: '2026-11' },
    ],
    disk: { freeBytes: 82_000_000_000, dataDirectory: '/srv/mirror' },
    datasets: [sampleDataset()],
    ...changes,
  };
}
