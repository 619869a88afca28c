/**
 * A small model of upstream's page histories (contract §10.4, §15.2) makes every event upstream could publish of a title; the table
 * must lead from any arrival order of them to the state the history ended in.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Visibility } from '../../mirror-core/contracts/article.ts';
import type { LiveEntry, TitleEntry } from '../../mirror-core/contracts/store-port.ts';
import type { UpstreamTime } from '../../mirror-core/contracts/upstream-time.ts';
import { decideDelete, decideRecord, decideVisibility, type VisibilityMark } from '../../mirror-core/store/decision-table.ts';

type Op =
  | { readonly kind: 'edit'; readonly delay: number }
  | { readonly kind: 'delete' }
  | { readonly kind: 'undelete'; readonly revision: number; readonly delay: number }
  | { readonly kind: 'hide'; readonly visibility: Visibility };

type Message =
  | { readonly kind: 'update'; readonly t: number; readonly published: number; readonly version: number }
  | { readonly kind: 'delete'; readonly t: number; readonly published: number }
  | {
      readonly kind: 'visibility';
      readonly t: number;
      readonly published: number;
      readonly version: number;
      readonly visibility: Visibility;
    };

interface History {
  readonly messages: readonly Message[];
  readonly finalVersion: number | undefined;
  readonly finalVisibility: Visibility;
}

const VISIBLE: Visibility = { text: true, editor: true, comment: true };
const time = (seconds: number): UpstreamTime => ({ seconds, nanos: 0 });
/** Operations lie ten seconds apart; a delay of up to 35 lets an update be overtaken by three of them. */
const STEP = 10;

/** Plays the operations and publishes their events: an update carries the page as it is when it is fetched, just before publishing. */
function play(ops: readonly Op[]): History {
  let lastRevision = 0;
  const states: { readonly at: number; readonly version: number | undefined }[] = [];
  const marks = new Map<number, Visibility>();
  let version: number | undefined;
  const kept: number[] = [];
  const updates: { readonly t: number; readonly fetchedAt: number }[] = [];
  const messages: Message[] = [];
  ops.forEach((op, index) => {
    const at = (index + 1) * STEP;
    if (op.kind === 'edit') {
      lastRevision += 1;
      version = lastRevision;
      kept.push(lastRevision);
      updates.push({ t: at, fetchedAt: at + op.delay });
    } else if (op.kind === 'delete') {
      if (version === undefined) return;
      version = undefined;
      messages.push({ kind: 'delete', t: at, published: at + 1 });
    } else if (op.kind === 'undelete') {
      if (version !== undefined || kept.length === 0) return;
      // Often only older revisions are restored: the version is lower than before the deletion.
      version = kept[op.revision % kept.length];
      updates.push({ t: at, fetchedAt: at + op.delay });
    } else {
      if (version === undefined) return;
      marks.set(version, op.visibility);
      messages.push({ kind: 'visibility', t: at, published: at + 1, version, visibility: op.visibility });
    }
    states.push({ at, version });
  });
  for (const { t, fetchedAt } of updates) {
    const seen = states.findLast((state) => state.at <= fetchedAt)?.version;
    // The page is gone by the time of the fetch: upstream drops the update silently.
    if (seen !== undefined) messages.push({ kind: 'update', t, published: fetchedAt, version: seen });
  }
  return { messages, finalVersion: version, finalVisibility: version === undefined ? VISIBLE : (marks.get(version) ?? VISIBLE) };
}

/** The store's use of the table, reduced to what decides. */
class Title {
  entry: TitleEntry | undefined;
  readonly marks = new Map<number, VisibilityMark>();
  readonly #knowsPublished: boolean;

  /** Records of older shapes do not say when they were published. */
  constructor(knowsPublished = true) {
    this.#knowsPublished = knowsPublished;
  }

  apply(message: Message): void {
    const eventTime = time(message.t);
    if (message.kind === 'visibility') {
      const incoming = { eventTime, visibility: message.visibility, versionId: message.version };
      if (decideVisibility(this.entry, this.marks.get(message.version), incoming).keep) this.marks.set(message.version, incoming);
    } else if (message.kind === 'delete') {
      const decision = decideDelete(this.entry, { eventTime });
      if (decision.action === 'delete' || decision.action === 'tombstone') {
        this.entry = {
          kind: 'tombstone',
          seq: 0,
          pageId: 1,
          versionId: 0,
          eventTime: decision.eventTime,
          generation: 0,
          mirroredAtMs: 0,
        };
      } else if (decision.action === 'remember' && this.entry?.kind === 'live') {
        this.entry = { ...this.entry, deletedTime: decision.deletedTime };
      }
    } else {
      const incoming = {
        eventTime,
        publishedTime: this.#knowsPublished ? time(message.published) : undefined,
        versionId: message.version,
        sha256: Uint8Array.of(message.version),
        replacesEqual: false,
      };
      const decision = decideRecord(this.entry, incoming);
      if (decision.action === 'insert' || decision.action === 'replace')
        this.entry = live(incoming, decision.eventTime, decision.deletedTime);
    }
  }

  get visible(): { readonly version: number | undefined; readonly visibility: Visibility } {
    const version = this.entry?.kind === 'live' ? this.entry.versionId : undefined;
    return { version, visibility: version === undefined ? VISIBLE : (this.marks.get(version)?.visibility ?? VISIBLE) };
  }
}

function live(
  incoming: { readonly publishedTime: UpstreamTime | undefined; readonly versionId: number; readonly sha256: Uint8Array },
  eventTime: UpstreamTime,
  deletedTime: UpstreamTime | undefined,
): LiveEntry {
  return {
    kind: 'live',
    seq: 0,
    pageId: 1,
    versionId: incoming.versionId,
    namespaceId: 0,
    eventTime,
    publishedTime: incoming.publishedTime,
    deletedTime,
    visibility: VISIBLE,
    isRedacted: false,
    isSuspect: false,
    generation: 0,
    rawBytes: 1,
    storedBytes: 1,
    sha256: incoming.sha256,
    mirroredAtMs: 0,
  };
}

const delay = fc.integer({ min: 1, max: 35 });
const visibility = fc.record({ text: fc.boolean(), editor: fc.boolean(), comment: fc.boolean() });
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('edit' as const), delay }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'delete' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('undelete' as const), revision: fc.nat(20), delay }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('hide' as const), visibility }) },
);
const history = fc.array(op, { minLength: 1, maxLength: 12 }).map(play);

function expectTruth(title: Title, { finalVersion, finalVisibility }: History): void {
  expect(title.visible).toEqual({ version: finalVersion, visibility: finalVisibility });
}

const RUNS = { numRuns: 3000 };

describe('the decision table (contract §15.2)', () => {
  it('reaches the truth from the stream alone, in order of publication', () => {
    fc.assert(
      fc.property(history, (past) => {
        const title = new Title();
        for (const message of past.messages.toSorted((a, b) => a.published - b.published)) title.apply(message);
        expectTruth(title, past);
      }),
      RUNS,
    );
  });

  it('reaches the truth from any order and any duplication of all events', () => {
    fc.assert(
      fc.property(
        history.chain((past) =>
          fc.tuple(
            fc.constant(past),
            fc.shuffledSubarray([...past.messages, ...past.messages], {
              minLength: past.messages.length * 2,
              maxLength: past.messages.length * 2,
            }),
          ),
        ),
        ([past, arrivals]) => {
          const title = new Title();
          for (const message of arrivals) title.apply(message);
          expectTruth(title, past);
        },
      ),
      RUNS,
    );
  });

  it.each([true, false])(
    'changes nothing when everything is replayed once more in any order (publication times known: %s)',
    (knowsPublished) => {
      fc.assert(
        fc.property(
          history.chain((past) =>
            fc.tuple(
              fc.constant(past),
              fc.shuffledSubarray([...past.messages], { minLength: past.messages.length, maxLength: past.messages.length }),
            ),
          ),
          ([past, replay]) => {
            const title = new Title(knowsPublished);
            for (const message of past.messages.toSorted((a, b) => a.published - b.published)) title.apply(message);
            const before = structuredClone(title.entry);
            for (const message of replay) title.apply(message);
            expect(title.entry).toEqual(before);
          },
        ),
        RUNS,
      );
    },
  );

  it('reaches the truth when an old snapshot record arrives before, among or after the events that the stream replays from its start', () => {
    fc.assert(
      fc.property(history, fc.nat(200), fc.nat(30), fc.nat(200), (past, exportedAt, position, replayFrom) => {
        const stream = past.messages.toSorted((a, b) => a.published - b.published);
        // The snapshot holds the last update published before its export, also of a page deleted since (a ghost).
        const snapshot = stream.findLast((message) => message.kind === 'update' && message.published <= exportedAt);
        const arrivals: Message[] = [...stream];
        if (snapshot !== undefined) arrivals.splice(position % (arrivals.length + 1), 0, snapshot);
        arrivals.push(...stream.filter((message) => message.published >= replayFrom));
        const title = new Title();
        for (const message of arrivals) title.apply(message);
        expectTruth(title, past);
      }),
      RUNS,
    );
  });
});
