/**
 * Benchmarks. `npm run bench -- [load] [memory] [lookup] [--quick] [--rounds N] [--corpus FILE] [--directory DIR] [--json FILE]`;
 * without a name `load` and `lookup` run. Ratios against a yardstick in the same run are what counts; absolute figures move with
 * whatever else the machine does.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeCorpus } from '../../mirror-core/practice/corpus.ts';
import { benchLoad } from './load.ts';
import { benchLookup } from './lookup.ts';
import { benchMemory } from './memory.ts';

const GB = 1_000_000_000;
const DATASET = 'practicebigwiki_namespace_0';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    corpus: { type: 'string' },
    directory: { type: 'string' },
    json: { type: 'string' },
  },
});
const wanted = positionals.length === 0 ? ['load', 'lookup'] : positionals;
const unknown = wanted.filter((name) => !['load', 'lookup', 'memory'].includes(name));
if (unknown.length > 0) throw new Error(`there is no benchmark called ${unknown.join(', ')}: load, lookup and memory are`);

const directory = await mkdtemp(join(values.directory ?? tmpdir(), 'wikimirror-bench-'));
const rounds = Number(values.rounds ?? (values.quick ? 3 : 5));

/** The corpus given, or one made for the purpose. */
async function corpus(name: string, rawBytes: number, hugeLines: number): Promise<string> {
  if (values.corpus !== undefined) return values.corpus;
  const path = join(directory, `${name}.tar.gz`);
  const report = await writeCorpus({ path, rawBytes, hugeLines, dataset: DATASET });
  console.log(`corpus ${name}: ${report.lines} lines, ${report.rawBytes} bytes, ${report.fileBytes} packed, MD5 ${report.md5}`);
  return path;
}

try {
  const results: unknown[] = [];
  for (const name of wanted) {
    if (name === 'load')
      results.push(await benchLoad({ archive: await corpus('load', values.quick ? 0.3 * GB : 1.5 * GB, 0), directory, rounds }));
    else if (name === 'memory') results.push(await benchMemory({ archive: await corpus('memory', 2 * GB, 8), directory }));
    else results.push(await benchLookup({ directory, seconds: values.quick ? 1.5 : 4, rounds, dataset: DATASET }));
  }
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
} finally {
  await rm(directory, { recursive: true, force: true });
}
