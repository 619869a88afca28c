/** Upstream's lists (projects, languages, snapshots on offer), kept so that the mirror can answer and be searched while offline. */
import { Type, type TSchema, type Static } from 'typebox';
import { Value } from 'typebox/value';
import type { Logger } from 'pino';
import { MirrorError } from '../contracts/errors.ts';
import { parseDatasetId, type DatasetId } from '../contracts/identifiers.ts';
import type { CatalogueProject } from '../contracts/control-api.ts';
import type { KeyValuePort } from '../contracts/store-port.ts';
import type { UpstreamPort } from '../contracts/upstream-port.ts';
import {
  LanguageSchema,
  ProjectSchema,
  SnapshotSchema,
  sizeBytesOf,
  type Language,
  type Project,
  type SnapshotInfo,
} from '../contracts/wme.ts';
import { compareProjects } from './project-order.ts';

const REFRESH_AFTER_MS = 6 * 3_600_000;

function listOf<T extends TSchema>(schema: T, value: unknown): Static<T>[] {
  return Array.isArray(value) ? value.filter((item): item is Static<T> => Value.Check(schema, item)) : [];
}

export class Catalogue {
  readonly #storage: KeyValuePort;
  readonly #upstream: UpstreamPort;
  readonly #logger: Logger;
  readonly #now: () => number;
  #projects: readonly Project[] = [];
  #languages: readonly Language[] = [];
  #snapshots: readonly SnapshotInfo[] = [];
  #refreshedAtMs = 0;
  #refreshing: Promise<void> | undefined;

  constructor(options: {
    readonly storage: KeyValuePort;
    readonly upstream: UpstreamPort;
    readonly logger: Logger;
    readonly now: () => number;
  }) {
    this.#storage = options.storage;
    this.#upstream = options.upstream;
    this.#logger = options.logger;
    this.#now = options.now;
  }

  /** Reads what an earlier run stored. */
  async load(): Promise<void> {
    this.#projects = listOf(ProjectSchema, await this.#storage.get('list:projects'));
    this.#languages = listOf(LanguageSchema, await this.#storage.get('list:languages'));
    this.#snapshots = listOf(SnapshotSchema, await this.#storage.get('list:snapshots'));
    const at = await this.#storage.get('list:refreshedAt');
    this.#refreshedAtMs = typeof at === 'number' ? at : 0;
  }

  get projects(): readonly Project[] {
    return this.#projects;
  }

  get languages(): readonly Language[] {
    return this.#languages;
  }

  project(identifier: string): Project | undefined {
    return this.#projects.find((project) => project.identifier === identifier);
  }

  snapshot(id: DatasetId): SnapshotInfo | undefined {
    return this.#snapshots.find((snapshot) => snapshot.identifier === id);
  }

  /** Asks upstream again when the lists are old (or always with `force`). One request at a time. */
  async refresh(options: { readonly force?: boolean; readonly signal?: AbortSignal } = {}): Promise<void> {
    if (options.force !== true && this.#projects.length > 0 && this.#now() - this.#refreshedAtMs < REFRESH_AFTER_MS) return;
    this.#refreshing ??= this.#fetch(options.signal).finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #fetch(signal: AbortSignal | undefined): Promise<void> {
    const [projects, languages, snapshots] = [
      await this.#upstream.projects(signal),
      await this.#upstream.languages(signal),
      await this.#upstream.snapshots(signal),
    ];
    this.#projects = projects;
    this.#languages = languages;
    this.#snapshots = snapshots;
    this.#refreshedAtMs = this.#now();
    await this.#storage.put('list:projects', projects);
    await this.#storage.put('list:languages', languages);
    await this.#storage.put('list:snapshots', snapshots);
    await this.#storage.put('list:refreshedAt', this.#refreshedAtMs);
    this.#logger.info(
      { event: 'catalogue.refreshed', projects: projects.length, snapshots: snapshots.length },
      'catalogue refreshed',
    );
  }

  /** Projects whose code, name, language code, English or own language name contains `search`. */
  search(search: string, isMirrored: (id: string) => boolean): readonly CatalogueProject[] {
    const wanted = fold(search);
    const languages = new Map(this.#languages.map((language) => [language.identifier, language]));
    const offers = Map.groupBy(
      this.#snapshots,
      (snapshot) => snapshot.is_part_of?.identifier ?? parseDatasetId(snapshot.identifier)?.project ?? '',
    );
    return this.#projects
      .map((project): CatalogueProject => {
        const language = project.in_language === undefined ? undefined : languages.get(project.in_language.identifier);
        return {
          identifier: project.identifier,
          name: project.name ?? null,
          code: project.code ?? null,
          url: project.url ?? null,
          language: project.in_language?.identifier ?? null,
          languageName: language?.name ?? null,
          nativeLanguageName: language?.alternate_name ?? null,
          direction: language?.direction ?? null,
          snapshots: (offers.get(project.identifier) ?? []).map((snapshot) => ({
            dataset: snapshot.identifier,
            namespace: snapshot.namespace?.identifier ?? parseDatasetId(snapshot.identifier)?.namespaceId ?? 0,
            sizeBytes: sizeBytesOf(snapshot) ?? null,
            date: snapshot.date_modified ?? null,
            isMirrored: isMirrored(snapshot.identifier),
          })),
        };
      })
      .filter((project) =>
        [project.identifier, project.name, project.language, project.languageName, project.nativeLanguageName].some(
          (text) => text !== null && fold(text).includes(wanted),
        ),
      )
      .sort((a, b) => compareProjects(a.identifier, b.identifier));
  }

  /** The error for a dataset that upstream does not offer, with the nearest names. */
  unknown(id: DatasetId): MirrorError {
    const parts = parseDatasetId(id);
    const near = this.#projects
      .filter((project) => parts !== undefined && project.identifier.includes(parts.project.slice(0, 4)))
      .slice(0, 5);
    const isKnownProject = this.#projects.some((project) => project.identifier === parts?.project);
    const hint = isKnownProject
      ? `The project exists, but has no snapshot of namespace ${parts?.namespaceId ?? ''}.`
      : near.length > 0
        ? `Similar: ${near.map((project) => project.identifier).join(', ')}.`
        : 'Look for it with "wikimirror projects NAME".';
    return new MirrorError('UNKNOWN_PROJECT', `${this.#upstream.address} offers no dataset "${id}". ${hint}`, {
      context: { dataset: id },
    });
  }
}

/** Case and diacritics do not matter in a search. */
function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** Stored settings of a dataset. */
export const DatasetRecordSchema = Type.Object({
  mode: Type.Union([Type.Literal('follow'), Type.Literal('manual')]),
  isPaused: Type.Boolean(),
  addedAt: Type.String(),
});
export type DatasetRecord = Static<typeof DatasetRecordSchema>;
