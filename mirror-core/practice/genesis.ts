/** How the practice wikis look before anything happens: pages imported long ago, beyond the reach of stream and batches. */
import { subjectsFor, namespaceOf, titleOf, type Subject } from './content/subjects.ts';
import type { PracticeWiki } from './content/wikis.ts';
import { EDITOR_COUNT, editorName } from './editors.ts';
import { keyOf, type PageState } from './page-state.ts';
import { randomFor, uuidFrom } from './random.ts';
import type { Operation } from './world-state.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Events of the pages at the start are older than any retention, so that the log can begin empty and still be true. */
const NEWEST_AGE_MS = 3 * DAY_MS;

/** RFC 3339 with whole seconds. */
export function wholeSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with six decimals. */
export function sixDecimals(micros: number): string {
  const ms = Math.floor(micros / 1000);
  return `${new Date(ms).toISOString().slice(0, 23)}${String(micros - ms * 1000).padStart(3, '0')}Z`;
}

export interface NewPage {
  readonly wiki: PracticeWiki;
  readonly subject: Subject;
  readonly title: string;
  readonly pageId: number;
  readonly revision: number;
}

function firstPage(seed: number, startMs: number, input: NewPage): PageState {
  const random = randomFor(seed, 'genesis', input.wiki.id, input.title);
  const publishedMs = startMs - NEWEST_AGE_MS - random.below(27 * DAY_MS);
  const modifiedMs = publishedMs - random.below(300 * DAY_MS);
  const isBulk = random.chance(0.3);
  const editCount = 1 + random.below(40);
  const editor = random.below(EDITOR_COUNT);
  const createdMs = Date.UTC(2005 + random.below(18), random.below(12), 1 + random.below(28), random.below(24), random.below(60));
  const alternative = `${input.title} ${input.wiki.phrases.label.code}`;
  return {
    project: input.wiki.id,
    pageId: input.pageId,
    namespaceId: namespaceOf(input.subject),
    title: input.title,
    subject: input.subject,
    created: wholeSeconds(createdMs),
    modified: wholeSeconds(modifiedMs),
    previouslyModified: editCount > 1 ? wholeSeconds(modifiedMs - 1000 - random.below(90 * DAY_MS)) : undefined,
    revision: input.revision,
    previousRevision: editCount > 1 ? input.revision - 1 - random.below(900) : undefined,
    previousCharacters: editCount > 1 ? 2000 + random.below(9000) : undefined,
    comment: input.wiki.phrases.comment.edit,
    editor,
    isMinor: random.chance(0.3),
    tags: random.chance(0.4) ? [random.pick(['visualeditor', 'mobile edit', 'wikieditor'])] : [],
    editCount,
    history: isBulk ? [] : [{ at: wholeSeconds(modifiedMs), editor: editorName(editor), number: editCount }],
    redirects: namespaceOf(input.subject) === 0 && random.chance(0.25) ? [alternative] : [],
    isBulk,
    event: {
      identifier: uuidFrom(random),
      dateCreated: sixDecimals((publishedMs - 40) * 1000 + random.below(1000)),
      datePublished: sixDecimals(publishedMs * 1000 + random.below(1000)),
    },
  };
}

/** The pages every wiki starts with. Two subjects of one name are told apart by their code. */
export function genesis(seed: number, wikis: readonly PracticeWiki[], startMs: number): Operation[] {
  const operations: Operation[] = [];
  for (const wiki of wikis) {
    const taken = new Set<string>();
    let pageId = wiki.firstPageId;
    let revision = wiki.firstRevision;
    for (const subject of subjectsFor(wiki, seed).initial) {
      const plain = titleOf(wiki, subject);
      const title = taken.has(keyOf(plain)) ? `${plain} (${subject.code})` : plain;
      taken.add(keyOf(title));
      pageId += 1;
      revision += 1000;
      operations.push({ op: 'live', page: firstPage(seed, startMs, { wiki, subject, title, pageId, revision }) });
    }
    operations.push({ op: 'counters', project: wiki.id, pageId, revision, later: 0 });
  }
  return operations;
}
