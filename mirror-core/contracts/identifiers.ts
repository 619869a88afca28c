/** Names of things: projects, datasets, chunks, titles. One spelling for each, everywhere. */

/** A wiki by its database code, such as `enwiki`. */
export type ProjectId = string & { readonly __brand: 'ProjectId' };

/** One project and namespace, `enwiki_namespace_0`: the unit that is selected, loaded, stored, paused, verified and removed. */
export type DatasetId = string & { readonly __brand: 'DatasetId' };

/**
 * Upstream's identity of an article within a project: the title with underscores instead of spaces, otherwise byte for byte
 * as received (contract §15.1). Update records spell `name` with spaces, delete and visibility events with underscores.
 */
export type TitleKey = string & { readonly __brand: 'TitleKey' };

/** The four namespaces upstream offers: articles, files, templates, categories. */
export const NAMESPACE_IDS = [0, 6, 10, 14] as const;

const PROJECT_PATTERN = /^[A-Za-z0-9-]+(?:_[A-Za-z0-9-]+)*$/;
const DATASET_PATTERN = /^([A-Za-z0-9_-]+)_namespace_(\d{1,5})$/;

/** The project id in `text`, or `undefined` when it is not spelled like one. */
export function parseProjectId(text: string): ProjectId | undefined {
  return text.length <= 64 && PROJECT_PATTERN.test(text) ? (text as ProjectId) : undefined;
}

export function datasetId(project: ProjectId, namespaceId: number): DatasetId {
  return `${project}_namespace_${namespaceId}` as DatasetId;
}

export interface DatasetParts {
  readonly id: DatasetId;
  readonly project: ProjectId;
  readonly namespaceId: number;
}

/** Takes `enwiki_namespace_0` apart; `undefined` when `text` is not a dataset id. Safe as a directory name when it is. */
export function parseDatasetId(text: string): DatasetParts | undefined {
  const match = DATASET_PATTERN.exec(text);
  const project = match?.[1] === undefined ? undefined : parseProjectId(match[1]);
  if (match?.[2] === undefined || project === undefined) return undefined;
  const namespaceId = Number(match[2]);
  return { id: datasetId(project, namespaceId), project, namespaceId };
}

/** The store key of a title: spaces become underscores, nothing else changes (contract §12, §15.1). */
export function titleKey(name: string): TitleKey {
  return name.replaceAll(' ', '_') as TitleKey;
}

/** Chunk number of any accepted spelling (`3`, `chunk_3`, `enwiki_namespace_0_chunk_3`): the digits after the last underscore (contract §7.2). */
export function parseChunkNumber(text: string): number | undefined {
  const tail = text.slice(text.lastIndexOf('_') + 1);
  return /^\d{1,6}$/.test(tail) ? Number(tail) : undefined;
}
