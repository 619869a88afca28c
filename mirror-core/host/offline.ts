/** The mirror opened for one command, when no daemon runs: no server, no schedule, nothing asked of upstream unless the command does. */
import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load.ts';
import type { MirrorControl, MirrorReader } from '../contracts/control-port.ts';
import { openMirror } from './compose.ts';

/** @throws MirrorError DATA_LOCKED when another process has the directory, DATA_NEWER, DATA_MISMATCH, DATA_UNWRITABLE */
export async function withMirror<T>(
  loaded: LoadedConfig,
  logger: Logger,
  work: (mirror: { readonly control: MirrorControl; readonly reader: MirrorReader }) => Promise<T>,
): Promise<T> {
  const open = await openMirror(loaded.config, logger);
  try {
    return await work({ control: open.mirror, reader: open.mirror.reader });
  } finally {
    await open.close();
  }
}
