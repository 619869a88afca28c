/** Whose data a directory holds: `wikimirror.json`. Checked before anything else is touched. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import writeFileAtomic from 'write-file-atomic';
import { DATA_LAYOUT, DATA_SCHEMA_VERSION } from '../contracts/data-layout.ts';
import { MirrorError } from '../contracts/errors.ts';

const IdentitySchema = Type.Object({
  schemaVersion: Type.Integer({ minimum: 1 }),
  upstreamAddress: Type.String(),
  isPractice: Type.Boolean(),
  createdAt: Type.String(),
});

export type Identity = Readonly<Static<typeof IdentitySchema>>;

const PRACTICE_NOTICE = `This directory holds practice data of Wikimirror.

Every article in it is made up, to try the program without an account.
Nothing here comes from Wikimedia; do not publish it as if it did.
`;

/**
 * The directory's identity, or `undefined` when it is new.
 * @throws MirrorError DATA_NEWER, STORE_CORRUPT
 */
export async function readIdentity(directory: string): Promise<Identity | undefined> {
  const path = join(directory, DATA_LAYOUT.identity);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged(path, error);
  }
  // Looked at before the rest: a newer version may have changed every other member.
  if (
    typeof value === 'object' &&
    value !== null &&
    'schemaVersion' in value &&
    Number(value.schemaVersion) > DATA_SCHEMA_VERSION
  ) {
    throw new MirrorError(
      'DATA_NEWER',
      `${directory} was written by a newer Wikimirror (layout ${Number(value.schemaVersion)}, this one knows ${DATA_SCHEMA_VERSION}): update Wikimirror, or choose another data directory`,
      { context: { directory } },
    );
  }
  if (!Value.Check(IdentitySchema, value)) throw damaged(path, undefined);
  return value;
}

function damaged(path: string, cause: unknown): MirrorError {
  return new MirrorError('STORE_CORRUPT', `${path} cannot be read: restore it, or choose another data directory`, { cause });
}

/** Writes the identity, and beside practice data a notice for whoever opens the folder. */
export async function writeIdentity(directory: string, identity: Identity): Promise<void> {
  await writeFileAtomic(join(directory, DATA_LAYOUT.identity), `${JSON.stringify(identity, null, 2)}\n`, { mode: 0o600 });
  if (identity.isPractice) {
    await writeFileAtomic(join(directory, DATA_LAYOUT.practiceNotice), PRACTICE_NOTICE, { mode: 0o600 });
  }
}

/**
 * One directory mirrors one upstream: titles of two would overwrite each other, and made-up articles must never mix with real ones.
 * @throws MirrorError DATA_MISMATCH
 */
export function requireSameUpstream(
  directory: string,
  identity: Identity,
  wanted: { readonly upstreamAddress: string; readonly isPractice: boolean },
): void {
  if (identity.isPractice !== wanted.isPractice) {
    const [has, asked] = identity.isPractice ? ['made-up practice data', 'a real upstream'] : ['real data', 'practice data'];
    throw new MirrorError(
      'DATA_MISMATCH',
      `${directory} holds ${has} (from ${identity.upstreamAddress}) and cannot be used for ${asked} (${wanted.upstreamAddress}): choose another data directory`,
      { context: { directory } },
    );
  }
  if (normalAddress(identity.upstreamAddress) === normalAddress(wanted.upstreamAddress)) return;
  throw new MirrorError(
    'DATA_MISMATCH',
    `${directory} mirrors ${identity.upstreamAddress}, not ${wanted.upstreamAddress}: set the upstream back, or choose another data directory`,
    { context: { directory, stored: identity.upstreamAddress, wanted: wanted.upstreamAddress } },
  );
}

function normalAddress(address: string): string {
  return address.replace(/\/+$/, '').toLowerCase();
}
