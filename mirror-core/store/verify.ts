/**
 * Checks everything a dataset claims against what is really there, while it goes on being used: all index rows are read from one
 * LevelDB snapshot, and bodies that were written or reclaimed since are left out of account.
 */
import { MirrorError } from '../contracts/errors.ts';
import type { TitleKey } from '../contracts/identifiers.ts';
import type { VerifyProblem, VerifyReport } from '../contracts/store-port.ts';
import type { DatasetFiles } from './dataset-files.ts';
import { decodeMeta, type DatasetMeta } from './dataset-meta.ts';
import { decodeHead } from './entry-codec.ts';
import { entryKey, META_KEY } from './index-keys.ts';
import { verifyBodyLog } from './verify-body-log.ts';
import { verifyCounters } from './verify-counters.ts';
import { verifyTitles } from './verify-titles.ts';
import { verifySecondaryRows } from './verify-secondary.ts';

const MAX_EXAMPLES = 1000;

/** A state of the index that stays as it is while the check runs. */
export type IndexSnapshot = ReturnType<DatasetFiles['index']['snapshot']>;

export interface VerifyOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (checked: number, total: number) => void;
}

export interface VerifyContext {
  readonly files: DatasetFiles;
  readonly snapshot: IndexSnapshot;
  readonly meta: DatasetMeta;
  readonly options: VerifyOptions;
  readonly report: (problem: VerifyProblem) => void;
  /** Whether the title's entry still is the one of the snapshot: if not, a body that is missing now was reclaimed rightly. */
  readonly isUnchanged: (title: TitleKey, seq: number) => Promise<boolean>;
}

/** @throws AbortError; MirrorError STORE_CORRUPT when the index itself cannot be read */
export async function verifyDataset(files: DatasetFiles, options: VerifyOptions): Promise<VerifyReport> {
  await files.settled;
  const examples: VerifyProblem[] = [];
  let problems = 0;
  const snapshot = files.index.snapshot();
  try {
    const meta = decodeMeta(await files.index.get(META_KEY, { snapshot }), files.id);
    const context: VerifyContext = {
      files,
      snapshot,
      meta,
      options,
      report: (problem) => {
        problems += 1;
        if (examples.length < MAX_EXAMPLES) examples.push(problem);
      },
      isUnchanged: async (title, seq) => {
        const bytes = await files.index.get(entryKey(title));
        return bytes !== undefined && decodeHead(bytes).entry.seq === seq;
      },
    };
    const counted = await verifyTitles(context);
    await verifySecondaryRows(context);
    const garbage = await verifyBodyLog(context);
    await verifyCounters(context, counted, garbage);
    return { dataset: files.id, checked: counted.live, problems, examples };
  } catch (error) {
    if (error instanceof MirrorError || !(error instanceof RangeError)) throw error;
    throw new MirrorError(
      'STORE_CORRUPT',
      `the index of ${files.id} is damaged: ${error.message}; remove the dataset and add it again`,
      {
        cause: error,
      },
    );
  } finally {
    await snapshot.close();
  }
}
