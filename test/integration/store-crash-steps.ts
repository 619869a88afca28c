/** The changes that the crash test's writer makes, and what they must have led to after any number of them. */
import { createHash } from 'node:crypto';
import { parseDatasetId, titleKey } from '../../mirror-core/contracts/identifiers.ts';
import type { Change } from '../../mirror-core/contracts/store-port.ts';
import { encodeRecord } from '../../mirror-core/records/encode.ts';

export const CRASH_DATASET = parseDatasetId('crashwiki_namespace_0')!.id;
const TITLES = 40;
const CHANGES_PER_STEP = 12;

type Plan = { readonly kind: 'update' | 'delete' | 'hide'; readonly title: number };

function planOf(step: number): Plan[] {
  const digest = createHash('sha256').update(String(step)).digest();
  return Array.from({ length: CHANGES_PER_STEP }, (_, index) => {
    const byte = digest.readUInt8(index);
    const kind = byte % 7 === 0 ? 'delete' : byte % 7 === 1 ? 'hide' : 'update';
    return { kind, title: digest.readUInt8(index + 12) % TITLES };
  });
}

/** Each change gets a version and a time of its own, so that all of them apply; `hide` speaks of the version stored last. */
function* numbered(
  steps: number,
): Generator<Plan & { readonly step: number; readonly version: number; readonly stored: number | undefined }> {
  const stored = new Map<number, number>();
  let version = 0;
  for (let step = 1; step <= steps; step += 1) {
    for (const plan of planOf(step)) {
      version += 1;
      yield { ...plan, step, version, stored: stored.get(plan.title) };
      if (plan.kind === 'update') stored.set(plan.title, version);
      if (plan.kind === 'delete') stored.delete(plan.title);
    }
  }
}

export function changesOfStep(step: number): Change[] {
  const changes: Change[] = [];
  for (const { kind, title, version, stored, step: at } of numbered(step)) {
    if (at !== step) continue;
    const name = `Title ${title}`;
    const base = {
      title: titleKey(name),
      pageId: title + 1,
      eventTime: { seconds: version, nanos: 0 },
      publishedTime: undefined,
    };
    const shared = { ...base, position: { partition: 0, offset: version }, source: 'realtime' } as const;
    if (kind === 'delete') changes.push({ kind: 'delete', versionId: version, ...shared });
    else if (kind === 'hide') {
      const visibility = { text: false, editor: true, comment: true };
      changes.push({ kind: 'visibility', versionId: stored ?? version + 1_000_000, visibility, ...shared });
    } else {
      const json = {
        name,
        identifier: title + 1,
        version: { identifier: version },
        is_part_of: { identifier: 'crashwiki' },
        redirects: [{ name: `Redirect ${version % 5} of ${title}` }],
        article_body: { html: `${version} `.repeat(3000) },
        event: { type: 'update', date_created: new Date(version * 1000).toISOString() },
      };
      changes.push({ kind: 'record', record: encodeRecord(Buffer.from(JSON.stringify(json)), 'br'), source: 'realtime' });
    }
  }
  return changes;
}

/** `title version hidden?` of every live title after so many steps. */
export function expectedAfter(steps: number): string[] {
  const live = new Map<number, { version: number; isHidden: boolean }>();
  for (const { kind, title, version } of numbered(steps)) {
    const current = live.get(title);
    if (kind === 'update') live.set(title, { version, isHidden: false });
    else if (kind === 'delete') live.delete(title);
    else if (current !== undefined) live.set(title, { ...current, isHidden: true });
  }
  return [...live].map(([title, { version, isHidden }]) => `Title_${title} ${version} ${isHidden ? 'hidden' : 'shown'}`).sort();
}
