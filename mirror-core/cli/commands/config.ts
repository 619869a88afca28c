/** `config show`. */
import { findKey } from '../../config/keys.ts';
import { describeConfig } from '../../config/load.ts';
import { valueWords } from '../../config/values.ts';
import type { CliContext } from '../context.ts';
import { tableLines } from '../terminal/table.ts';
import { harmless } from '../terminal/text.ts';

const COLUMNS = [{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'FROM' }, { title: 'VARIABLE' }] as const;

export async function showConfig(context: CliContext): Promise<void> {
  const loaded = await context.loaded();
  const rows = describeConfig(loaded);
  if (context.isJson) {
    const settings = Object.fromEntries(
      rows.map(({ key, value, origin, env, applies }) => [key, { value, origin, env, applies }]),
    );
    return context.printJson({ file: loaded.file, fileExists: loaded.hasFile, settings });
  }
  context.message(`File: ${loaded.file}${loaded.hasFile ? '' : ' (does not exist; everything has a default)'}`);
  const cells = rows.map((row) => {
    const key = findKey(row.key);
    const value = key === undefined ? '' : valueWords(key, row.value);
    return [row.key, harmless(value), row.origin === 'default' ? context.paint(row.origin, 'quiet') : row.origin, row.env];
  });
  for (const line of tableLines(COLUMNS, cells)) await context.print(line);
}
