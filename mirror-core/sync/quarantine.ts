/** Bad lines and bad events are kept with their place and reason, never dropped. They are part of the dataset's next commit. */
import { createHash } from 'node:crypto';
import type { DatasetWriter } from '../contracts/store-port.ts';
import type { BadLine } from '../pipeline/read-records.ts';

const EXCERPT_BYTES = 64 * 1024;

export function quarantineLine(store: DatasetWriter, source: string, bad: BadLine): void {
  store.putQuarantine({
    source: bad.member === '' || bad.member === source ? source : `${source}:${bad.member}`,
    line: bad.line,
    reason: bad.reason,
    bytes: bad.bytes,
    sha256: bad.sha256,
    excerpt: bad.excerpt,
  });
}

/** An event of the stream that could not be read; whose it is cannot be told. */
export function quarantineEvent(store: DatasetWriter, raw: Uint8Array, reason: string): void {
  store.putQuarantine({
    source: 'realtime',
    line: 0,
    reason,
    bytes: raw.byteLength,
    sha256: createHash('sha256').update(raw).digest('hex'),
    excerpt: Buffer.from(raw.subarray(0, EXCERPT_BYTES)).toString(),
  });
}
