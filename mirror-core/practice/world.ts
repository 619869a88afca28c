/** The practice wikis as something that lives: acts on command or at a rate, everything told to the log and to the journal. */
import type { Logger } from 'pino';
import { MirrorError } from '../contracts/errors.ts';
import { Act } from './actions.ts';
import type { PracticeWiki } from './content/wikis.ts';
import { genesis } from './genesis.ts';
import type { JsonObject } from './go-json.ts';
import { createRandom, randomFor, type Random } from './random.ts';
import { keyOf, type HiddenParts, type LogEntry, type PageState } from './page-state.ts';
import { articleRecord } from './record.ts';
import { WorldState, type Operation } from './world-state.ts';

export const ACTIONS = [
  'edit',
  'double-edit',
  'create',
  'move',
  'delete',
  'undelete',
  'hide',
  'unhide',
  'overtake',
  'replay',
  'random',
] as const;
export type PracticeAction = (typeof ACTIONS)[number];

export interface ActRequest {
  readonly action: PracticeAction;
  /** A practice wiki; by default any. */
  readonly project?: string;
  /** With spaces or underscores; by default any page that fits. For `create` the title of the new page. */
  readonly title?: string;
  /** `move` only: the new title. */
  readonly target?: string;
  /** `hide` only: what stays visible; by default a random combination. */
  readonly visibility?: HiddenParts;
  readonly count?: number;
}

export interface ActReport {
  readonly action: PracticeAction;
  readonly project: string;
  /** With spaces, as the page is called afterwards. */
  readonly title: string;
}

export interface TruthRow {
  /** With underscores. */
  readonly title: string;
  readonly record: JsonObject;
  readonly visibility: HiddenParts;
}

/** How often each thing happens by itself, of a thousand. */
const WEIGHTS: readonly (readonly [PracticeAction, number])[] = [
  ['edit', 730],
  ['double-edit', 40],
  ['create', 60],
  ['move', 50],
  ['delete', 40],
  ['undelete', 25],
  ['hide', 25],
  ['unhide', 20],
  ['overtake', 10],
];
const ALL_VISIBLE: HiddenParts = { text: true, editor: true, comment: true };

export interface WorldOptions {
  readonly seed: number;
  readonly wikis: readonly PracticeWiki[];
  readonly now: () => number;
  readonly logger: Logger;
  /** Called with the operations of each act before they become visible. */
  readonly persist: (operations: readonly Operation[]) => void;
}

export class World {
  readonly state: WorldState;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.state = new WorldState(options.seed);
  }

  get wikis(): readonly PracticeWiki[] {
    return this.#options.wikis;
  }

  /** Fills an empty world: pages of long ago, and a few hours of changes so that stream, batches and snapshots have something to tell. */
  begin(historyActs: number): void {
    const now = this.#options.now();
    const operations = genesis(this.#options.seed, this.wikis, now);
    this.#commit(operations);
    const span = 6 * 3_600_000;
    for (let index = 0; index < historyActs; index += 1) {
      this.#actOnce({ action: 'random' }, Math.floor(now - span + (span * (index + 0.5)) / historyActs));
    }
  }

  /** Takes over what a journal kept. */
  restore(operations: Iterable<Operation>): void {
    for (const operation of operations) this.state.apply(operation);
  }

  #commit(operations: readonly Operation[]): void {
    this.#options.persist(operations);
    for (const operation of operations) this.state.apply(operation);
    this.state.log.announce();
  }

  /**
   * Does something `count` times (1 by default).
   * @throws MirrorError `NOT_FOUND` for a page or wiki that does not exist, `INVALID_INPUT` for what cannot be done to it
   */
  act(request: ActRequest): ActReport[] {
    const reports: ActReport[] = [];
    for (let index = 0; index < (request.count ?? 1); index += 1) reports.push(this.#actOnce(request, this.#options.now()));
    return reports;
  }

  #actOnce(request: ActRequest, nowMs: number): ActReport {
    const random = randomFor(this.#options.seed, 'act', this.state.acts);
    const project = this.#projectOf(request, random);
    const act = new Act({ state: this.state, project, random, nowMs, seed: this.#options.seed });
    const action = request.action === 'random' ? this.#choose(random, project) : request.action;
    const title = this.#perform(act, { ...request, action }, random);
    this.#commit(act.finish());
    this.#options.logger.debug({ event: 'practice.act', action, project }, 'practice page changed');
    return { action, project, title };
  }

  #projectOf(request: ActRequest, random: Random): string {
    if (request.project === undefined) return random.pick(this.wikis).id;
    if (!this.wikis.some((wiki) => wiki.id === request.project)) {
      throw new MirrorError(
        'NOT_FOUND',
        `There is no practice wiki ${request.project}; there are ${this.wikis.map((wiki) => wiki.id).join(', ')}.`,
      );
    }
    return request.project;
  }

  #choose(random: Random, project: string): PracticeAction {
    let ticket = random.below(1000);
    for (const [action, weight] of WEIGHTS) {
      ticket -= weight;
      if (ticket >= 0) continue;
      const isPossible =
        (action !== 'undelete' || this.#restorable(project).length > 0) &&
        (action !== 'unhide' || this.#hiddenPages(project).length > 0);
      return isPossible ? action : 'edit';
    }
    return 'edit';
  }

  #perform(act: Act, request: ActRequest, random: Random): string {
    const project = act.wiki.id;
    switch (request.action) {
      case 'edit':
        return act.edit(this.#pageFor(project, request, random)).title;
      case 'double-edit':
        return act.doubleEdit(this.#pageFor(project, request, random)).title;
      case 'create':
        if (request.title !== undefined && this.state.page(project, keyOf(request.title)) !== undefined) {
          throw new MirrorError(
            'INVALID_INPUT',
            `${project} already has a page ${request.title}; choose another title or edit it.`,
          );
        }
        return act.create(request.title?.replaceAll('_', ' ')).title;
      case 'move': {
        const target = request.target?.replaceAll('_', ' ');
        if (target !== undefined && this.state.page(project, keyOf(target)) !== undefined) {
          throw new MirrorError('INVALID_INPUT', `${project} already has a page ${target}; choose another target.`);
        }
        return act.move(this.#pageFor(project, request, random, true), target).title;
      }
      case 'delete': {
        const page = this.#pageFor(project, request, random, true);
        act.delete(page);
        return page.title;
      }
      case 'overtake': {
        const page = this.#pageFor(project, request, random, true);
        act.overtake(page);
        return page.title;
      }
      case 'undelete':
        return act.undelete(this.#archivedFor(project, request, random)).title;
      case 'hide': {
        const page = this.#pageFor(project, request, random);
        act.setVisibility(page, request.visibility ?? randomVisibility(random));
        return page.title;
      }
      case 'unhide': {
        const hidden = this.#hiddenPages(project);
        const page =
          request.title === undefined && hidden.length > 0 ? random.pick(hidden) : this.#pageFor(project, request, random);
        act.setVisibility(page, ALL_VISIBLE);
        return page.title;
      }
      case 'replay':
      case 'random': {
        const entries = this.state.log.between(0, Number.MAX_SAFE_INTEGER).filter((entry) => entry.page.project === project);
        act.replay(entries.slice(-20));
        return '';
      }
    }
  }

  /** The named page, or any article. `isWhole` keeps to pages of which nothing is hidden: what becomes of hidden parts is not documented. */
  #pageFor(project: string, request: ActRequest, random: Random, isWhole = false): PageState {
    if (request.title !== undefined) {
      const page = this.state.page(project, keyOf(request.title));
      if (page === undefined) throw new MirrorError('NOT_FOUND', `${project} has no page ${request.title}.`);
      return page;
    }
    const candidates = [...this.state.pagesOf(project).values()].filter(
      (page) => page.namespaceId === 0 && !(isWhole && this.state.visibilityOf(project, keyOf(page.title)) !== undefined),
    );
    if (candidates.length === 0)
      throw new MirrorError('INVALID_INPUT', `${project} has no page left to which this could be done.`);
    return random.pick(candidates);
  }

  #restorable(project: string): PageState[] {
    const archived = [...this.state.archivedOf(project).values()].map((entry) => entry.page);
    return archived.filter((page) => this.state.page(project, keyOf(page.title)) === undefined);
  }

  #archivedFor(project: string, request: ActRequest, random: Random): PageState {
    const candidates = this.#restorable(project).filter(
      (page) => request.title === undefined || keyOf(page.title) === keyOf(request.title),
    );
    if (candidates.length === 0) {
      throw new MirrorError('NOT_FOUND', `${project} has no deleted page ${request.title ?? ''} that could be restored.`);
    }
    return random.pick(candidates);
  }

  #hiddenPages(project: string): PageState[] {
    const pages: PageState[] = [];
    for (const key of this.state.hidden.keys()) {
      const page = key.startsWith(`${project}/`) ? this.state.page(project, key.slice(project.length + 1)) : undefined;
      if (page !== undefined) pages.push(page);
    }
    return pages;
  }

  /** Forgets events and deleted pages older than the retention. */
  trim(retentionMs: number): void {
    const limit = this.#options.now() - retentionMs;
    this.state.log.trim(limit);
    for (const [project, pages] of this.state.archive) {
      for (const [key, archived] of pages) {
        // Restorable for longer than the stream reaches back, so that undeletion of the long forgotten happens too.
        if (archived.deletedAt < limit - retentionMs) this.state.apply({ op: 'unarchived', project, key });
      }
    }
  }

  /** Every live title of a project and namespace, as On-demand would answer it now. */
  *truth(project: string, namespaceId: number): Generator<TruthRow> {
    for (const [title, page] of this.state.pagesOf(project)) {
      if (page.namespaceId !== namespaceId) continue;
      yield { title, record: articleRecord(page), visibility: this.state.visibilityOf(project, title) ?? ALL_VISIBLE };
    }
  }

  /** Events of one project, for the batches. */
  eventsBetween(project: string, namespaceId: number, fromMs: number, untilMs: number): LogEntry[] {
    return this.state.log
      .between(fromMs, untilMs)
      .filter((entry) => entry.page.project === project && entry.page.namespaceId === namespaceId);
  }

  /** A generator of its own for things that are not acts, such as the flaws of an export. */
  randomFor(purpose: string): Random {
    return createRandom(randomFor(this.#options.seed, purpose, this.state.acts).below(2 ** 31));
  }
}

function randomVisibility(random: Random): HiddenParts {
  const combination = 1 + random.below(7);
  return { text: (combination & 1) === 0, editor: (combination & 2) === 0, comment: (combination & 4) === 0 };
}
