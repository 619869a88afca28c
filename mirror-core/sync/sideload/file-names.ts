/** What the name of a dropped file says of it. */
import { parseDatasetId, type DatasetId } from '../../contracts/identifiers.ts';

export type SideloadFile =
  /** A whole snapshot of one dataset. */
  | { readonly kind: 'snapshot'; readonly dataset: DatasetId; readonly checksumFiles: readonly string[] }
  /** Records of whatever datasets, part of a snapshot or picked by hand. */
  | { readonly kind: 'records'; readonly checksumFiles: readonly string[] };

const SNAPSHOT = /^(.+_namespace_\d+)\.tar\.gz$/;
/** The public dumps of 2021 to 2025: `simplewiki-NS0-20250320-ENTERPRISE-HTML.json.tar.gz` with a `…-ENTERPRISE-STATS.json` beside it. */
const PUBLIC_DUMP = /^([a-z0-9_-]+)-NS(\d+)-(\d{8})-ENTERPRISE-HTML\.json\.tar\.gz$/i;
const RECORDS = /\.(?:tar\.gz|tgz|tar|ndjson|ndjson\.gz|jsonl|jsonl\.gz)$/i;

/** `undefined` for files that are not data: checksums, unfinished copies, hidden files. */
export function readFileName(name: string): SideloadFile | undefined {
  if (name.startsWith('.') || name.endsWith('.part') || name.endsWith('.tmp')) return undefined;
  const md5 = `${name}.md5`;
  const dump = PUBLIC_DUMP.exec(name);
  if (dump !== null) {
    const parts = parseDatasetId(`${dump[1] ?? ''}_namespace_${Number(dump[2])}`);
    const stats = name.replace(/-ENTERPRISE-HTML\.json\.tar\.gz$/i, '-ENTERPRISE-STATS.json');
    if (parts !== undefined) return { kind: 'snapshot', dataset: parts.id, checksumFiles: [md5, stats] };
  }
  const whole = SNAPSHOT.exec(name);
  const parts = whole?.[1] === undefined ? undefined : parseDatasetId(whole[1]);
  if (parts !== undefined) return { kind: 'snapshot', dataset: parts.id, checksumFiles: [md5] };
  return RECORDS.test(name) ? { kind: 'records', checksumFiles: [md5] } : undefined;
}

/** The MD5 in a checksum file: the `md5sum` member of a statistics file, or the first hexadecimal word of a plain one. */
export function readChecksum(text: string): string | undefined {
  if (text.trimStart().startsWith('{')) {
    const match = /"md5sum"\s*:\s*"([0-9a-fA-F]{32})"/.exec(text);
    return match?.[1]?.toLowerCase();
  }
  return /\b([0-9a-fA-F]{32})\b/.exec(text)?.[1]?.toLowerCase();
}
