/** What the server sees of the mirror. */
import type { MirrorReader, ProjectInMirror } from '../contracts/control-port.ts';
import { parseDatasetId, type DatasetId, type ProjectId } from '../contracts/identifiers.ts';
import type { DatasetReader } from '../contracts/store-port.ts';
import type { Language, Project } from '../contracts/wme.ts';
import type { Catalogue } from './catalogue.ts';
import { compareProjects } from './project-order.ts';

export interface ReaderSource {
  readonly catalogue: Catalogue;
  readonly isPractice: () => boolean;
  readonly datasetIds: () => readonly DatasetId[];
  readonly dataset: (id: DatasetId) => DatasetReader | undefined;
  readonly freshness: (id: DatasetId) => { readonly asOfMs: number | null; readonly lagMs: number | null };
}

export function createReader(source: ReaderSource): MirrorReader {
  return {
    get isPractice() {
      return source.isPractice();
    },
    projects: () => mirroredProjects(source),
    dataset: (id) => Promise.resolve(source.dataset(id)),
    projectList: () => projectList(source),
    languageList: () => languageList(source),
    freshness: (id) => {
      const { asOfMs, lagMs } = source.freshness(id);
      return { lagMs, asOf: asOfMs === null ? null : new Date(asOfMs).toISOString() };
    },
  };
}

function mirroredProjects(source: ReaderSource): readonly ProjectInMirror[] {
  const byProject = new Map<ProjectId, DatasetId[]>();
  for (const id of source.datasetIds()) {
    const project = parseDatasetId(id)?.project;
    if (project === undefined) continue;
    const datasets = byProject.get(project);
    if (datasets === undefined) byProject.set(project, [id]);
    else datasets.push(id);
  }
  return [...byProject]
    .sort(([a], [b]) => compareProjects(a, b))
    .map(([project, datasets]) => {
      const info = source.catalogue.project(project);
      return { project, language: info?.in_language?.identifier, url: info?.url, code: info?.code, datasets };
    });
}

/** Upstream's list where it is stored; otherwise what the ids of the mirrored projects tell. */
function projectList(source: ReaderSource): readonly Project[] {
  if (source.catalogue.projects.length > 0) return source.catalogue.projects;
  return mirroredProjects(source).map(({ project }) => ({ identifier: project }));
}

function languageList(source: ReaderSource): readonly Language[] {
  return source.catalogue.languages;
}
