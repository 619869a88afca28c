/** What has to be put right before a dataset may be used: bodies that a crash left without an index entry. */
import type { Logger } from 'pino';
import { MirrorError } from '../contracts/errors.ts';
import type { DatasetFiles } from './dataset-files.ts';
import { decodeMeta, type DatasetMeta } from './dataset-meta.ts';
import { decodeHead } from './entry-codec.ts';
import { bodyKey, entryKey, META_KEY, numberOfKey, rangeOf, ROW } from './index-keys.ts';
import { del } from './level-database.ts';
import { decodeChange } from './row-codecs.ts';

/** Newest changes whose bodies are looked for at opening. Bodies are synced before the index, so one missing means damage. */
const PROBED_CHANGES = 64;
const TRIM_BATCH = 10_000;

/**
 * Reads where the dataset stands, removes orphans and makes sure that the newest entries have their bodies.
 * @throws MirrorError STORE_CORRUPT, DATA_NEWER
 */
export async function recoverDataset(files: DatasetFiles, logger: Logger): Promise<DatasetMeta> {
  const meta = decodeMeta(await files.index.get(META_KEY), files.id);
  await trimOrphans(files, meta.lastSeq, logger);
  await probeNewest(files);
  return meta;
}

/** Bodies above the last committed number were staged, never committed. Their numbers are not used again. */
async function trimOrphans(files: DatasetFiles, lastSeq: number, logger: Logger): Promise<void> {
  let trimmed = 0;
  for (;;) {
    const keys = await files.bodies.keys({ gt: bodyKey(lastSeq), limit: TRIM_BATCH }).all();
    if (keys.length === 0) break;
    await files.bodies.batch(keys.map(del), { sync: true });
    trimmed += keys.length;
  }
  if (trimmed > 0) {
    logger.info(
      { event: 'store.trimmed', dataset: files.id, bodies: trimmed },
      'removed bodies that an interrupted write left behind',
    );
  }
}

async function probeNewest(files: DatasetFiles): Promise<void> {
  const rows = await files.index.iterator({ ...rangeOf(ROW.change), reverse: true, limit: PROBED_CHANGES }).all();
  const changes = rows.map(([key, value]) => decodeChange(numberOfKey(key), value)).filter(({ type }) => type === 'update');
  const entries = await files.index.getMany(changes.map(({ title }) => entryKey(title)));
  const owned = entries.flatMap((bytes) => {
    const head = bytes === undefined ? undefined : decodeHead(bytes);
    return head?.kind === 'live' ? [head.entry.seq] : [];
  });
  const found = await files.bodies.hasMany(owned.map(bodyKey));
  const missing = owned.filter((_, position) => found[position] !== true);
  if (missing.length === 0) return;
  throw new MirrorError(
    'STORE_CORRUPT',
    `${files.id} lacks ${missing.length} of its newest records: remove the dataset and add it again`,
    { context: { dataset: files.id, missing: missing.slice(0, 10) } },
  );
}
