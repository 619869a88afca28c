/** What the slow housekeeping of a dataset (erasing, dropping tombstones) may do to it, one exclusive step at a time. */
import type { DatasetId, TitleKey } from '../contracts/identifiers.ts';
import type { DatasetFiles } from './dataset-files.ts';
import type { DatasetMeta } from './dataset-meta.ts';
import type { WriteOperation } from './level-database.ts';

export interface ExclusiveStep {
  /** As of the start of the step; pass a changed copy to `writeIndex`. */
  readonly meta: DatasetMeta;
  /** Whether something uncommitted stands on the title's committed entry, so that the entry must stay as it is. */
  readonly isStaged: (title: TitleKey) => boolean;
  readonly takeSeq: () => Promise<number>;
  /** One synced batch; at most once in a step. */
  readonly writeIndex: (operations: readonly WriteOperation[], meta: DatasetMeta) => Promise<void>;
}

export interface WriteAccess {
  readonly id: DatasetId;
  readonly files: DatasetFiles;
  readonly nowMs: number;
  /** Runs `work` while no other write goes on. */
  readonly exclusively: <T>(work: (step: ExclusiveStep) => Promise<T>) => Promise<T>;
}
