/** The mirror opened for one command, when no daemon runs: no server, no schedule, nothing asked of upstream unless the command does. */
import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load.ts';
import type { MirrorControl, MirrorReader } from '../contracts/control-port.ts';
import { bufferOver } from '../records/json-bytes.ts';
import { Lookup } from '../server/lookup.ts';
import { readLimit, readSelection } from '../server/parameters.ts';
import { selectFields } from '../server/selection.ts';
import { openMirror } from './compose.ts';

interface LookupOptions {
  readonly project: string | undefined;
  readonly fields: readonly string[] | undefined;
}

/** The API's own look-up, asked without the HTTP in between, so that a command answers alike with and without a daemon. */
async function lookUp(
  lookup: Lookup,
  title: string,
  { project, fields }: LookupOptions,
  followRedirects: boolean,
): Promise<readonly Uint8Array[]> {
  const filters = project === undefined ? [] : [{ field: 'is_part_of.identifier', value: project }];
  const selection = readSelection({ filters, ...(fields === undefined ? {} : { fields }) });
  const found = await lookup.find({ name: title, filters: selection.filters, limit: readLimit({}), followRedirects });
  return Promise.all(
    found.map(async ({ dataset, record, json }) => {
      const whole = json ?? bufferOver(await dataset.readJson(record));
      return selection.fields === undefined ? whole : selectFields(whole, selection.fields);
    }),
  );
}

/** @throws MirrorError DATA_LOCKED when another process has the directory, DATA_NEWER, DATA_MISMATCH, DATA_UNWRITABLE */
export async function withMirror<T>(
  loaded: LoadedConfig,
  logger: Logger,
  work: (mirror: {
    readonly control: MirrorControl;
    readonly reader: MirrorReader;
    readonly lookup: (title: string, options: LookupOptions) => Promise<readonly Uint8Array[]>;
  }) => Promise<T>,
): Promise<T> {
  const open = await openMirror(loaded.config, logger);
  try {
    const { reader } = open.mirror;
    const lookup = new Lookup(reader, logger);
    const { followRedirects } = loaded.config.server;
    return await work({
      control: open.mirror,
      reader,
      lookup: (title, options) => lookUp(lookup, title, options, followRedirects),
    });
  } finally {
    await open.close();
  }
}
