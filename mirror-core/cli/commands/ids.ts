/** Arguments that name things, checked where they enter. */
import { InvalidArgumentError } from 'commander';
import { MirrorError } from '../../contracts/errors.ts';
import { type DatasetId, datasetId, parseDatasetId, parseProjectId } from '../../contracts/identifiers.ts';

/**
 * A dataset by its id, or by its project alone, which means the articles: `simplewiki` is `simplewiki_namespace_0`.
 * @throws MirrorError USAGE
 */
export function readDataset(text: string): DatasetId {
  const parts = parseDatasetId(text);
  if (parts !== undefined) return parts.id;
  const project = parseProjectId(text);
  if (project !== undefined && !text.includes('_namespace')) return datasetId(project, 0);
  throw new MirrorError(
    'USAGE',
    `"${text}" is not a dataset; expected a project and a namespace such as simplewiki_namespace_0 (wikimirror projects lists them)`,
  );
}

/** For commander options: a whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= minimum) return value;
    throw new InvalidArgumentError(`Expected a whole number, ${minimum} or more.`);
  };
}

/** For commander options: a number of at least 0. */
export function plainNumber(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number, 0 or more.');
}

const SIZE_FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** For commander options: an amount of bytes, `20MB`, `2 GiB`. */
export function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const factor = match?.[2] === undefined ? undefined : SIZE_FACTORS[match[2].toLowerCase()];
  if (match?.[1] === undefined || factor === undefined)
    throw new InvalidArgumentError('Expected an amount such as 20MB or 2GiB.');
  return Math.round(Number(match[1]) * factor);
}
