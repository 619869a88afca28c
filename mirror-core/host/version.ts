/** The product's version, from the one place that states it. */
import { readFileSync } from 'node:fs';

function readVersion(): string {
  // Sources lie two folders below the package file, the build three.
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8'));
      if (
        typeof parsed === 'object' &&
        parsed !== null &&
        'name' in parsed &&
        parsed.name === 'wikimirror' &&
        'version' in parsed
      ) {
        return String(parsed.version);
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  return '0.0.0';
}

export const VERSION = readVersion();
