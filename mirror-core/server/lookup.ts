/** Finds the stored records that answer an on-demand look-up (contract §5): which projects, in which order, under which titles. */
import type { Logger } from 'pino';
import { isMirrorError, messageOf, MirrorError } from '../contracts/errors.ts';
import { titleKey, type TitleKey } from '../contracts/identifiers.ts';
import type { MirrorReader, ProjectInMirror } from '../contracts/control-port.ts';
import type { DatasetReader, StoredRecord } from '../contracts/store-port.ts';
import { bufferOver } from '../records/json-bytes.ts';
import { equalsAny, groupFilters, matchesFilters, type Filter, type FilterValue } from './selection.ts';
import { keepsFirstLetter, normalisedTitle } from './titles.ts';

/** One record that answers. */
export interface FoundArticle {
  readonly dataset: DatasetReader;
  readonly title: TitleKey;
  readonly record: StoredRecord;
  /** Set when a filter already needed it: the record decompressed, hidden parts cut out. */
  readonly json: Buffer | undefined;
  /** The title that was asked for, when the record was found through its redirects. */
  readonly redirectedFrom: TitleKey | undefined;
}

export interface LookupRequest {
  readonly name: string;
  readonly filters: readonly Filter[];
  readonly limit: number;
  readonly followRedirects: boolean;
}

type TitlesToTry = (dataset: DatasetReader, project: ProjectInMirror) => Promise<readonly TitleKey[]>;

/** Most projects asked at once; a title that few of hundreds of projects have is then found in a few rounds. */
const MAX_PARALLEL = 16;

const PROJECT_FIELD = 'is_part_of.identifier';
const LANGUAGE_FIELD = 'in_language.identifier';

interface Narrowed {
  readonly projects: readonly ProjectInMirror[];
  /** Filters that still have to be tried on each record of the project. */
  readonly remaining: (project: ProjectInMirror) => readonly Filter[];
}

/** Projects that can answer by their own project and language, before anything is read (contract §5.2). */
function narrow(projects: readonly ProjectInMirror[], filters: readonly Filter[]): Narrowed {
  const groups = groupFilters(filters);
  const wantedProjects: readonly FilterValue[] | undefined = groups.get(PROJECT_FIELD);
  const wantedLanguages: readonly FilterValue[] | undefined = groups.get(LANGUAGE_FIELD);
  const others = filters.filter(({ field }) => field !== PROJECT_FIELD && field !== LANGUAGE_FIELD);
  const languageFilters = filters.filter(({ field }) => field === LANGUAGE_FIELD);
  return {
    projects: projects.filter(
      ({ project, language }) =>
        (wantedProjects === undefined || equalsAny(project, wantedProjects)) &&
        (wantedLanguages === undefined || language === undefined || equalsAny(language, wantedLanguages)),
    ),
    // A project whose language is not known here must show it in its records.
    remaining: ({ language }) => (language === undefined ? [...others, ...languageFilters] : others),
  };
}

export class Lookup {
  readonly #reader: MirrorReader;
  readonly #logger: Logger;

  constructor(reader: MirrorReader, logger: Logger) {
    this.#reader = reader;
    this.#logger = logger;
  }

  /**
   * Up to `limit` records in look-up order of the projects; the same request gives the same sequence. The exact title wins
   * everywhere before any normalised spelling is tried, so that the extensions never change one hit into another.
   * @throws MirrorError STORE_IO when nothing was found and some dataset could not be read
   */
  async find(request: LookupRequest): Promise<readonly FoundArticle[]> {
    const exact = titleKey(request.name);
    const normalised: TitlesToTry = (dataset, { project, code }) => {
      const title = normalisedTitle(request.name, {
        namespaceId: dataset.namespaceId,
        keepsFirstLetter: keepsFirstLetter(project, code),
      });
      return Promise.resolve(title === exact || title === '' ? [] : [title]);
    };
    const redirected: TitlesToTry = async (dataset, project) => {
      const sources = [exact, ...(await normalised(dataset, project))];
      return (await Promise.all(sources.map((title) => dataset.redirectTargets(title)))).flat();
    };
    const found = await this.#search(request, () => Promise.resolve([exact]));
    if (found.length > 0) return found;
    const respelled = await this.#search(request, normalised);
    if (respelled.length > 0 || !request.followRedirects) return respelled;
    const targets = await this.#search(request, redirected);
    return targets.map((article) => ({ ...article, redirectedFrom: exact }));
  }

  async #search(request: LookupRequest, titlesToTry: TitlesToTry): Promise<readonly FoundArticle[]> {
    const { projects, remaining } = narrow(this.#reader.projects(), request.filters);
    const found: FoundArticle[] = [];
    let failure: unknown;
    let parallel = request.limit;
    for (let next = 0; next < projects.length && found.length < request.limit;) {
      const round = projects.slice(next, next + Math.max(parallel, 1));
      next += round.length;
      const results = await Promise.allSettled(
        round.map((project) => this.#searchProject(project, remaining(project), titlesToTry)),
      );
      for (const result of results) {
        if (result.status === 'rejected') failure = result.reason;
        else if (result.value !== undefined && found.length < request.limit) found.push(result.value);
      }
      parallel = Math.min(MAX_PARALLEL, Math.max(request.limit - found.length, parallel * 2));
    }
    if (found.length === 0 && failure !== undefined) {
      throw isMirrorError(failure) ? failure : new MirrorError('STORE_IO', 'A dataset could not be read.', { cause: failure });
    }
    return found;
  }

  async #searchProject(
    project: ProjectInMirror,
    filters: readonly Filter[],
    titlesToTry: TitlesToTry,
  ): Promise<FoundArticle | undefined> {
    for (const id of project.datasets) {
      try {
        const dataset = await this.#reader.dataset(id);
        if (dataset === undefined) continue;
        for (const title of await titlesToTry(dataset, project)) {
          const article = await this.#read(dataset, title, filters);
          if (article !== undefined) return article;
        }
      } catch (error) {
        // One damaged dataset must not take the others' answers away; it is an error only if nobody else has the title.
        this.#logger.error({ event: 'lookup.failed', dataset: id, err: error }, `dataset not readable: ${messageOf(error)}`);
        throw error;
      }
    }
    return undefined;
  }

  async #read(dataset: DatasetReader, title: TitleKey, filters: readonly Filter[]): Promise<FoundArticle | undefined> {
    const record = await dataset.read(title);
    if (record === undefined) return undefined;
    if (filters.length === 0) return { dataset, title, record, json: undefined, redirectedFrom: undefined };
    const json = bufferOver(await dataset.readJson(record));
    return matchesFilters(json, filters) ? { dataset, title, record, json, redirectedFrom: undefined } : undefined;
  }
}
