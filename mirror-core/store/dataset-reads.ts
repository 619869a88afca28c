/** Everything that is read from a committed dataset. Readers never see what is only staged. */
import { MirrorError } from '../contracts/errors.ts';
import type { TitleKey } from '../contracts/identifiers.ts';
import type {
  ChangeRow,
  Doubt,
  LiveEntry,
  ManifestRow,
  QuarantineRow,
  StoredRecord,
  TitleEntry,
} from '../contracts/store-port.ts';
import { isFullyVisible } from '../contracts/article.ts';
import { compareTimes, formatUpstreamTime, type UpstreamTime } from '../contracts/upstream-time.ts';
import { decodeBodyAsync } from '../records/codec.ts';
import { redactRecord } from '../records/redact.ts';
import { decodeBodyValue } from './body-codec.ts';
import { decodeDoubt, decodeJson, decodeQuarantine } from './json-rows.ts';
import type { DatasetFiles } from './dataset-files.ts';
import { decodeHead, mustRedact, type EntryHead } from './entry-codec.ts';
import {
  bodyKey,
  changeKey,
  checkpointKey,
  entryKey,
  numberOfKey,
  pageKey,
  partsOfLinkKey,
  rangeOf,
  rangeOfText,
  ROW,
  titleOfKey,
  type LinkKind,
} from './index-keys.ts';
import { withStoreErrors } from './level-errors.ts';
import { decodeChange, decodePageTitles } from './row-codecs.ts';

/** A body can be reclaimed between the two reads of a look-up; then the entry points elsewhere already. More often is damage. */
const READ_ATTEMPTS = 5;

export class DatasetReads {
  readonly #files: DatasetFiles;
  readonly #namespaceId: number;

  constructor(files: DatasetFiles, namespaceId: number) {
    this.#files = files;
    this.#namespaceId = namespaceId;
  }

  async #head(title: TitleKey): Promise<EntryHead | undefined> {
    if (this.#files.settled !== undefined) await this.#files.settled;
    const bytes = await this.#files.index.get(entryKey(title));
    return bytes === undefined ? undefined : decodeHead(bytes);
  }

  async entry(title: TitleKey): Promise<TitleEntry | undefined> {
    return withStoreErrors(this.#files.id, async () => (await this.#head(title))?.entry);
  }

  async read(title: TitleKey): Promise<StoredRecord | undefined> {
    return withStoreErrors(this.#files.id, async () => {
      for (let attempt = 0; attempt < READ_ATTEMPTS; attempt += 1) {
        const head = await this.#head(title);
        if (head?.kind !== 'live') return undefined;
        const value = await this.#files.bodies.get(bodyKey(head.entry.seq));
        if (value === undefined) continue;
        const { codec, stored } = decodeBodyValue(value);
        return { entry: head.entry, codec, stored, mustRedact: mustRedact(head) };
      }
      throw new MirrorError(
        'STORE_CORRUPT',
        `the record of ${title} is missing from ${this.#files.id}: run "wikimirror verify"`,
        {
          context: { dataset: this.#files.id },
        },
      );
    });
  }

  async readJson(record: StoredRecord): Promise<Uint8Array> {
    const json = await decodeBodyAsync(record.stored, record.codec, record.entry.rawBytes);
    return record.mustRedact ? redactRecord(json, record.entry.visibility) : json;
  }

  async titlesOfPage(pageId: number): Promise<readonly TitleKey[]> {
    return withStoreErrors(this.#files.id, async () => {
      await this.#files.settled;
      const bytes = await this.#files.index.get(pageKey(pageId));
      if (bytes === undefined) return [];
      return this.#liveOnes(decodePageTitles(bytes), ({ entry }) => entry.pageId === pageId);
    });
  }

  async redirectTargets(title: TitleKey): Promise<readonly TitleKey[]> {
    return this.#linkedTitles(ROW.redirect, title);
  }

  async titlesOfEntity(entityId: string): Promise<readonly TitleKey[]> {
    return this.#linkedTitles(ROW.entity, entityId);
  }

  async #linkedTitles(kind: LinkKind, value: string): Promise<readonly TitleKey[]> {
    return withStoreErrors(this.#files.id, async () => {
      await this.#files.settled;
      const keys = await this.#files.index.keys(rangeOfText(kind, value)).all();
      return this.#liveOnes(
        keys.map((key) => partsOfLinkKey(key).title),
        () => true,
      );
    });
  }

  /** The rows and the entries are two reads: a title that changed in between must not be answered. */
  async #liveOnes(
    titles: readonly TitleKey[],
    isMeant: (head: Extract<EntryHead, { kind: 'live' }>) => boolean,
  ): Promise<readonly TitleKey[]> {
    const heads = await Promise.all(titles.map((title) => this.#head(title)));
    return titles.filter((_, position) => {
      const head = heads[position];
      return head?.kind === 'live' && isMeant(head);
    });
  }

  /** All titles in their order, from one state of the index. */
  async *titles(): AsyncGenerator<{ readonly title: TitleKey; readonly entry: TitleEntry }> {
    await this.#files.settled;
    for await (const [key, value] of this.#files.index.iterator(rangeOf(ROW.title))) {
      yield { title: titleOfKey(key), entry: decodeHead(value).entry };
    }
  }

  async *manifest(options: { readonly tombstones?: boolean } = {}): AsyncGenerator<ManifestRow> {
    for await (const { title, entry } of this.titles()) {
      if (entry.kind === 'live') yield liveRow(title, entry);
      else if (options.tombstones === true) {
        yield {
          title,
          page_id: entry.pageId,
          namespace: this.#namespaceId,
          version: entry.versionId,
          event_time: formatUpstreamTime(entry.eventTime),
          state: 'deleted',
        };
      }
    }
  }

  async *absentees(
    generation: number,
    before: UpstreamTime,
  ): AsyncGenerator<{ readonly title: TitleKey; readonly entry: LiveEntry }> {
    for await (const { title, entry } of this.titles()) {
      if (entry.kind !== 'live' || entry.generation >= generation) continue;
      if (compareTimes(entry.eventTime, before) < 0) yield { title, entry };
    }
  }

  async *doubts(): AsyncGenerator<Doubt> {
    await this.#files.settled;
    for await (const [key, value] of this.#files.index.iterator(rangeOf(ROW.doubt))) yield decodeDoubt(titleOfKey(key), value);
  }

  /** Changes with numbers from `fromSeq` (included), oldest first. */
  async *changes(fromSeq: number): AsyncGenerator<ChangeRow> {
    await this.#files.settled;
    const range = { gte: changeKey(fromSeq), lt: rangeOf(ROW.change).lt };
    for await (const [key, value] of this.#files.index.iterator(range)) yield decodeChange(numberOfKey(key), value);
  }

  /** The newest `limit` bad lines, in ascending order of their ids. */
  async quarantine(limit: number): Promise<readonly QuarantineRow[]> {
    return withStoreErrors(this.#files.id, async () => {
      await this.#files.settled;
      const rows = await this.#files.index.values({ ...rangeOf(ROW.quarantine), reverse: true, limit }).all();
      return rows.map(decodeQuarantine).reverse();
    });
  }

  async checkpoint(name: string): Promise<unknown> {
    return withStoreErrors(this.#files.id, async () => {
      await this.#files.settled;
      const bytes = await this.#files.index.get(checkpointKey(name));
      return bytes === undefined ? undefined : decodeJson(bytes);
    });
  }
}

function liveRow(title: TitleKey, entry: LiveEntry): ManifestRow {
  return {
    title,
    page_id: entry.pageId,
    namespace: entry.namespaceId,
    version: entry.versionId,
    event_time: formatUpstreamTime(entry.eventTime),
    state: 'live',
    ...(isFullyVisible(entry.visibility) ? {} : { visibility: entry.visibility }),
    bytes: entry.rawBytes,
    sha256: Buffer.from(entry.sha256).toString('hex'),
    ...(entry.isRedacted ? { redacted: true } : {}),
  };
}
