/** How the index stores what it knows of a title. The first byte is the version of the layout. */
import type { Visibility } from '../contracts/article.ts';
import type { TitleKey } from '../contracts/identifiers.ts';
import type { LiveEntry, Tombstone } from '../contracts/store-port.ts';
import { BinaryReader, BinaryWriter } from './binary.ts';

const LAYOUT = 1;
const SHA256_BYTES = 32;

/** Bits of the second byte. */
const FLAG = { live: 1, published: 2, deleted: 4, suspect: 8 } as const;

/** Which parts of a version: bit 0 text, bit 1 editor, bit 2 comment. */
export type PartBits = number;
export const PART = { text: 1, editor: 2, comment: 4 } as const;

/** What a record names beside itself. Kept with the entry so that the secondary indexes can be corrected without reading the body. */
export interface Links {
  readonly entityId: string | undefined;
  readonly redirects: readonly TitleKey[];
}

export interface IndexedLive {
  readonly kind: 'live';
  readonly entry: LiveEntry;
  /** Parts that were cut out of the stored bytes. */
  readonly cut: PartBits;
  /** Number of the record's list of licences in the dataset's table. */
  readonly licenseSet: number;
  readonly links: Links;
}

export interface IndexedTombstone {
  readonly kind: 'tombstone';
  readonly entry: Tombstone;
  /** Generation that was running or last when the title was deleted: only later ones can confirm the deletion. */
  readonly sinceGeneration: number;
}

export type IndexedTitle = IndexedLive | IndexedTombstone;

const VISIBILITIES: readonly Visibility[] = Array.from({ length: 8 }, (_, hidden) =>
  Object.freeze({
    text: (hidden & PART.text) === 0,
    editor: (hidden & PART.editor) === 0,
    comment: (hidden & PART.comment) === 0,
  }),
);

export function hiddenBits(visibility: Visibility): PartBits {
  return (visibility.text ? 0 : PART.text) | (visibility.editor ? 0 : PART.editor) | (visibility.comment ? 0 : PART.comment);
}

export function visibilityOf(hidden: PartBits): Visibility {
  const visibility = VISIBILITIES[hidden & 7];
  if (visibility === undefined) throw new RangeError(`no visibility has the bits ${hidden}`);
  return visibility;
}

/** Whether a hidden part is still inside the stored bytes. */
export function mustRedact(title: { readonly entry: LiveEntry; readonly cut: PartBits }): boolean {
  return (hiddenBits(title.entry.visibility) & ~title.cut) !== 0;
}

const writer = new BinaryWriter();

export function encodeIndexed(title: IndexedTitle): Buffer {
  return title.kind === 'live' ? encodeLive(title) : encodeTombstone(title);
}

function encodeLive(title: IndexedLive): Buffer {
  const { entry, links } = title;
  writer
    .byte(LAYOUT)
    .byte(
      FLAG.live |
        (entry.publishedTime === undefined ? 0 : FLAG.published) |
        (entry.deletedTime === undefined ? 0 : FLAG.deleted) |
        (entry.isSuspect ? FLAG.suspect : 0),
    )
    .byte(hiddenBits(entry.visibility) | (title.cut << 4))
    .varint(entry.seq)
    .varint(entry.pageId)
    .varint(entry.versionId)
    .varint(entry.namespaceId)
    .varint(entry.generation)
    .varint(entry.rawBytes)
    .varint(entry.storedBytes)
    .varint(entry.mirroredAtMs)
    .varint(title.licenseSet)
    .time(entry.eventTime);
  if (entry.publishedTime !== undefined) writer.time(entry.publishedTime);
  if (entry.deletedTime !== undefined) writer.time(entry.deletedTime);
  writer.bytes(entry.sha256).text(links.entityId ?? '');
  for (const redirect of links.redirects) writer.text(redirect);
  return writer.finish();
}

function encodeTombstone(title: IndexedTombstone): Buffer {
  const { entry } = title;
  return writer
    .byte(LAYOUT)
    .byte(0)
    .varint(entry.seq)
    .varint(entry.pageId)
    .varint(entry.versionId)
    .varint(entry.generation)
    .varint(title.sinceGeneration)
    .varint(entry.mirroredAtMs)
    .time(entry.eventTime)
    .finish();
}

/** An entry whose links have not been read yet: all that a look-up needs. */
export type EntryHead = (Omit<IndexedLive, 'links'> & { readonly linksAt: number }) | IndexedTombstone;

/** @throws RangeError when the bytes are cut short or of an unknown layout */
export function decodeHead(bytes: Buffer): EntryHead {
  const reader = new BinaryReader(bytes);
  const layout = reader.byte();
  if (layout !== LAYOUT) throw new RangeError(`an index entry has the unknown layout ${layout}`);
  const flags = reader.byte();
  return (flags & FLAG.live) === 0 ? decodeTombstone(reader) : decodeLive(reader, flags);
}

function decodeLive(reader: BinaryReader, flags: number): EntryHead {
  const parts = reader.byte();
  const cut = parts >> 4;
  const seq = reader.varint();
  const pageId = reader.varint();
  const versionId = reader.varint();
  const namespaceId = reader.varint();
  const generation = reader.varint();
  const rawBytes = reader.varint();
  const storedBytes = reader.varint();
  const mirroredAtMs = reader.varint();
  const licenseSet = reader.varint();
  const eventTime = reader.time();
  const publishedTime = (flags & FLAG.published) === 0 ? undefined : reader.time();
  const deletedTime = (flags & FLAG.deleted) === 0 ? undefined : reader.time();
  const sha256 = reader.bytes(SHA256_BYTES);
  const entry: LiveEntry = {
    kind: 'live',
    seq,
    pageId,
    versionId,
    namespaceId,
    eventTime,
    publishedTime,
    deletedTime,
    visibility: visibilityOf(parts),
    isRedacted: cut !== 0,
    isSuspect: (flags & FLAG.suspect) !== 0,
    generation,
    rawBytes,
    storedBytes,
    sha256,
    mirroredAtMs,
  };
  return { kind: 'live', entry, cut, licenseSet, linksAt: reader.at };
}

function decodeTombstone(reader: BinaryReader): IndexedTombstone {
  const seq = reader.varint();
  const pageId = reader.varint();
  const versionId = reader.varint();
  const generation = reader.varint();
  const sinceGeneration = reader.varint();
  const mirroredAtMs = reader.varint();
  const eventTime = reader.time();
  return {
    kind: 'tombstone',
    entry: { kind: 'tombstone', seq, pageId, versionId, eventTime, generation, mirroredAtMs },
    sinceGeneration,
  };
}

/** @throws RangeError when the bytes are cut short or of an unknown layout */
export function decodeIndexed(bytes: Buffer): IndexedTitle {
  const head = decodeHead(bytes);
  if (head.kind === 'tombstone') return head;
  const reader = new BinaryReader(bytes, head.linksAt);
  const entityId = reader.text();
  const redirects: TitleKey[] = [];
  while (!reader.isAtEnd) redirects.push(reader.text() as TitleKey);
  const { kind, entry, cut, licenseSet } = head;
  return { kind, entry, cut, licenseSet, links: { entityId: entityId === '' ? undefined : entityId, redirects } };
}
