/** What LevelDB and the file system report, in our words. */
import { isMirrorError, messageOf, MirrorError, type ErrorCode } from '../contracts/errors.ts';

/** LevelDB passes on the system's own words, not its error numbers. */
const NO_SPACE_WORDS = /no space left on device|not enough space|disk quota exceeded|file too large|ENOSPC|EDQUOT|EFBIG/i;
const UNWRITABLE_WORDS = /permission denied|read-only file system|access is denied/i;
const CORRUPTION_WORDS =
  /corruption|checksum mismatch|does not exist \(create_if_missing|no such file|cannot find the (file|path)/i;

/** `code` of an abstract-level or Node error, along its chain of causes. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') codes.push(at.code);
  }
  return codes;
}

function textsOf(error: unknown): string {
  const texts: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    texts.push(messageOf(at));
  }
  return texts.join(': ');
}

/** Whether LevelDB could not open because another process (or another handle in this one) has the database. */
export function isLocked(error: unknown): boolean {
  return codesOf(error).includes('LEVEL_LOCKED');
}

export function isOutOfSpace(error: unknown): boolean {
  const codes = codesOf(error);
  return codes.includes('ENOSPC') || codes.includes('EDQUOT') || NO_SPACE_WORDS.test(textsOf(error));
}

export function isUnwritable(error: unknown): boolean {
  const hasCode = codesOf(error).some((code) => ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR'].includes(code));
  return hasCode || UNWRITABLE_WORDS.test(textsOf(error));
}

function isDamage(error: unknown): boolean {
  // Codecs throw RangeError for values that were cut short or written by nobody we know.
  return error instanceof RangeError || codesOf(error).includes('LEVEL_CORRUPTION') || CORRUPTION_WORDS.test(textsOf(error));
}

/**
 * Turns a failed read or write into a MirrorError: NO_SPACE, STORE_CORRUPT or STORE_IO.
 * @param subject what was being read or written, such as `enwiki_namespace_0`
 */
export function storeError(error: unknown, subject: string): MirrorError {
  if (isMirrorError(error)) return error;
  if (isOutOfSpace(error)) {
    return new MirrorError(
      'NO_SPACE',
      `no space is left for ${subject}: nothing was lost, free some space on that disk and go on`,
      { cause: error, context: { subject } },
    );
  }
  const code: ErrorCode = isDamage(error) ? 'STORE_CORRUPT' : 'STORE_IO';
  const advice =
    code === 'STORE_CORRUPT'
      ? 'run "wikimirror verify", or remove the dataset and add it again'
      : 'check the disk and its free space, then try again';
  return new MirrorError(code, `${subject} cannot be read or written (${textsOf(error)}): ${advice}`, {
    cause: error,
    context: { subject },
  });
}

/** Passes on `items`, turning what their source throws by `storeError`. */
export async function* eachWithStoreErrors<T>(subject: string, items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items;
  } catch (error) {
    throw storeError(error, subject);
  }
}

/** Runs `work`, turning what it throws by `storeError`; an AbortError passes unchanged. */
export async function withStoreErrors<T>(subject: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') throw error;
    throw storeError(error, subject);
  }
}
