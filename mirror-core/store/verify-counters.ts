/** Last pass of `verify`: the counters of the meta row equal a recount. */
import { rangeOf, ROW, type RowKind } from './index-keys.ts';
import type { VerifyContext } from './verify.ts';
import type { Recount } from './verify-titles.ts';

const ROWS_AT_A_TIME = 1000;

export async function verifyCounters(context: VerifyContext, recount: Recount, garbageBytes: number): Promise<void> {
  const { meta } = context;
  const claims: readonly (readonly [what: string, claimed: number, counted: number])[] = [
    ['live titles', meta.live, recount.live],
    ['tombstones', meta.tombstones, recount.tombstones],
    ['raw bytes', meta.rawBytes, recount.rawBytes],
    ['stored bytes', meta.storedBytes, recount.storedBytes],
    ['garbage bytes', meta.garbageBytes, garbageBytes],
    ['bad lines', meta.quarantined, await countRows(context, ROW.quarantine)],
    ['titles in doubt', meta.doubtful, await countRows(context, ROW.doubt)],
    ['visibility marks', meta.marks, await countRows(context, ROW.mark)],
    ...meta.licenseCounts.map(
      (count, set) => [`articles with licence list ${set}`, count, recount.licenses.get(set) ?? 0] as const,
    ),
  ];
  for (const [what, claimed, counted] of claims) {
    if (claimed !== counted)
      context.report({ title: null, seq: null, problem: `${what}: ${claimed} counted before, ${counted} found` });
  }
}

async function countRows({ files, snapshot, options }: VerifyContext, kind: RowKind): Promise<number> {
  const keys = files.index.keys({ ...rangeOf(kind), snapshot });
  try {
    let count = 0;
    for (let some = await keys.nextv(ROWS_AT_A_TIME); some.length > 0; some = await keys.nextv(ROWS_AT_A_TIME)) {
      options.signal?.throwIfAborted();
      count += some.length;
    }
    return count;
  } finally {
    await keys.close();
  }
}
