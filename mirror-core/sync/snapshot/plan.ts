/** Which files make up a snapshot generation, and whether a chunk set is all of one generation (contract §7.3). */
import type { DatasetId } from '../../contracts/identifiers.ts';
import { parseChunkNumber } from '../../contracts/identifiers.ts';
import type { DownloadTarget } from '../../contracts/upstream-port.ts';
import { parseUpstreamTime, timeToMs } from '../../contracts/upstream-time.ts';
import { sizeBytesOf, type SnapshotInfo } from '../../contracts/wme.ts';

/** All chunks of one export are written within its duration; the longest known export takes about five hours (contract §14). */
const CHUNK_WINDOW_MS = 12 * 3_600_000;

export interface PlannedFile {
  /** Identifier of the chunk, or of the snapshot when it comes as one file. */
  readonly identifier: string;
  readonly target: DownloadTarget;
  readonly md5: string | undefined;
  readonly sizeBytes: number;
  readonly modifiedMs: number | undefined;
}

export interface SnapshotPlan {
  readonly dataset: DatasetId;
  /** The snapshot's `version`: names the generation. */
  readonly version: string;
  readonly modified: string | undefined;
  readonly files: readonly PlannedFile[];
  readonly totalBytes: number;
  readonly isChunked: boolean;
}

/**
 * Why these chunks are not (or not yet) one whole generation, in words; `undefined` when they are. A mixed set silently lacks
 * articles, because which article is in which chunk changes between generations.
 */
export function chunkSetProblem(snapshot: SnapshotInfo, chunks: readonly SnapshotInfo[]): string | undefined {
  const listed = new Set((snapshot.chunks ?? []).map((identifier) => parseChunkNumber(identifier)));
  const present = new Set(chunks.map((chunk) => parseChunkNumber(chunk.identifier)));
  if (present.size !== chunks.length) return 'the chunk list names a chunk twice';
  if (listed.size !== present.size || [...listed].some((number) => number === undefined || !present.has(number))) {
    return `the snapshot lists ${listed.size} chunks, but ${present.size} are on offer`;
  }
  const snapshotTime = snapshot.date_modified === undefined ? undefined : parseUpstreamTime(snapshot.date_modified);
  const times: number[] = [];
  for (const chunk of chunks) {
    if (chunk.version === undefined) return `chunk ${chunk.identifier} has no checksum yet`;
    const time = chunk.date_modified === undefined ? undefined : parseUpstreamTime(chunk.date_modified);
    if (time !== undefined) times.push(timeToMs(time));
  }
  if (times.length > 0) {
    const newest = Math.max(...times);
    if (snapshotTime !== undefined && newest > timeToMs(snapshotTime))
      return 'a chunk is newer than the snapshot: an export is running';
    if (newest - Math.min(...times) > CHUNK_WINDOW_MS) return 'the chunks are of different days';
  }
  return undefined;
}

function toFile(info: SnapshotInfo, target: DownloadTarget): PlannedFile {
  const modified = info.date_modified === undefined ? undefined : parseUpstreamTime(info.date_modified);
  return {
    identifier: info.identifier,
    target,
    md5: info.version,
    sizeBytes: sizeBytesOf(info) ?? 0,
    modifiedMs: modified === undefined ? undefined : timeToMs(modified),
  };
}

/** The plan for a chunk set that `chunkSetProblem` found whole. Chunks are taken in number order. */
export function planChunks(dataset: DatasetId, snapshot: SnapshotInfo, chunks: readonly SnapshotInfo[]): SnapshotPlan {
  const files = [...chunks]
    .sort((a, b) => (parseChunkNumber(a.identifier) ?? 0) - (parseChunkNumber(b.identifier) ?? 0))
    .map((chunk) => toFile(chunk, { kind: 'chunk', dataset, chunk: chunk.identifier }));
  return {
    dataset,
    version: snapshot.version ?? '',
    modified: snapshot.date_modified,
    files,
    totalBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    isChunked: true,
  };
}

/** The plan for the snapshot as one file. */
export function planWhole(dataset: DatasetId, snapshot: SnapshotInfo): SnapshotPlan {
  const file = toFile(snapshot, { kind: 'snapshot', dataset });
  return {
    dataset,
    version: snapshot.version ?? '',
    modified: snapshot.date_modified,
    files: [file],
    totalBytes: file.sizeBytes,
    isChunked: false,
  };
}

/** Whether two readings of the metadata describe the same generation, file by file. */
export function isSameGeneration(a: SnapshotPlan, b: SnapshotPlan): boolean {
  return (
    a.version === b.version &&
    a.files.length === b.files.length &&
    a.files.every((file, index) => {
      const other = b.files[index];
      return file.identifier === other?.identifier && file.md5 === other.md5;
    })
  );
}
