/** Third pass of `verify`: every body has a live title as its owner, or waits to be reclaimed; and what waits is counted. */
import type { TitleKey } from '../contracts/identifiers.ts';
import { messageOf } from '../contracts/errors.ts';
import { decodeWholeBody } from './body-codec.ts';
import { decodeHead } from './entry-codec.ts';
import { bodyKey, entryKey, garbageKey, rangeOf, ROW, seqOfBodyKey } from './index-keys.ts';
import { decodeGarbage } from './row-codecs.ts';
import type { VerifyContext } from './verify.ts';

/** Bodies read together. Iterators are short-lived, for an open one would keep erased text in the files. */
const WINDOW_BODIES = 64;
const WINDOW_BYTES = 8 * 1024 * 1024;

/** @returns stored bytes of the rows that wait to be reclaimed */
export async function verifyBodyLog(context: VerifyContext): Promise<number> {
  let from = 0;
  for (;;) {
    context.options.signal?.throwIfAborted();
    const last = await verifyWindow(context, from);
    if (last === undefined) break;
    from = last;
  }
  let garbageBytes = 0;
  for await (const bytes of context.files.index.values({ ...rangeOf(ROW.garbage), snapshot: context.snapshot })) {
    garbageBytes += decodeGarbage(bytes).storedBytes;
  }
  return garbageBytes;
}

async function verifyWindow(context: VerifyContext, from: number): Promise<number | undefined> {
  const { files, meta, snapshot, report } = context;
  const bodies = await readWindow(context, from);
  const entries = await files.index.getMany(
    bodies.map(({ title }) => entryKey(title)),
    { snapshot },
  );
  for (const [position, { seq, title }] of bodies.entries()) {
    // Written after the snapshot of the index was taken.
    if (seq > meta.lastSeq) return undefined;
    const bytes = entries[position];
    const head = bytes === undefined ? undefined : decodeHead(bytes);
    if (head?.kind === 'live' && head.entry.seq === seq) continue;
    const garbage = await files.index.get(garbageKey(title, seq), { snapshot });
    if (garbage === undefined) report({ title, seq, problem: 'a stored record belongs to no title' });
  }
  return bodies.at(-1)?.seq;
}

async function readWindow(
  { files, report }: VerifyContext,
  from: number,
): Promise<readonly { readonly seq: number; readonly title: TitleKey }[]> {
  const bodies: { seq: number; title: TitleKey }[] = [];
  const iterator = files.bodies.iterator({ gt: bodyKey(from), limit: WINDOW_BODIES, highWaterMarkBytes: WINDOW_BYTES });
  for await (const [key, value] of iterator) {
    const seq = seqOfBodyKey(key);
    try {
      bodies.push({ seq, title: decodeWholeBody(value).title });
    } catch (error) {
      report({ title: null, seq, problem: `a stored record cannot be read: ${messageOf(error)}` });
      bodies.push({ seq, title: '' as TitleKey });
    }
  }
  return bodies;
}
