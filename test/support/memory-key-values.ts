/** A {@link KeyValuePort} in memory that keeps what a real one would: JSON, not object identity. */
import type { KeyValuePort } from '../../mirror-core/contracts/store-port.ts';

export interface MemoryKeyValues extends KeyValuePort {
  /** Every `put` in order; what a crash at that moment would have left. */
  readonly writes: readonly (readonly [key: string, value: unknown])[];
}

export function memoryKeyValues(): MemoryKeyValues {
  const rows = new Map<string, string>();
  const writes: (readonly [string, unknown])[] = [];
  return {
    writes,
    get: (key) => {
      const row = rows.get(key);
      return Promise.resolve(row === undefined ? undefined : JSON.parse(row));
    },
    put: (key, value) => {
      rows.set(key, JSON.stringify(value));
      writes.push([key, value]);
      return Promise.resolve();
    },
    delete: (key) => {
      rows.delete(key);
      return Promise.resolve();
    },
    async *entries(prefix) {
      for (const [key, row] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (key.startsWith(prefix)) yield await Promise.resolve([key, JSON.parse(row)] as const);
      }
    },
  };
}
