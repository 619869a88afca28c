/** How the index stores its smaller rows. The first byte of each value is the version of its layout. */
import type { EventType } from '../contracts/article.ts';
import type { TitleKey } from '../contracts/identifiers.ts';
import type { ChangeRow, ChangeSource } from '../contracts/store-port.ts';
import { BinaryReader, BinaryWriter } from './binary.ts';
import type { VisibilityMark } from './decision-table.ts';
import { hiddenBits, visibilityOf } from './entry-codec.ts';

const LAYOUT = 1;

/** Positions in these lists are on disk: append only. */
const EVENT_TYPES: readonly EventType[] = ['update', 'delete', 'visibility-change'];
const SOURCES: readonly ChangeSource[] = ['snapshot', 'batch', 'realtime', 'on-demand', 'import', 'reconcile'];
const ERASE_KINDS: readonly EraseTask['kind'][] = ['removed', 'hidden'];

const writer = new BinaryWriter();

function open(bytes: Buffer, row: string): BinaryReader {
  const reader = new BinaryReader(bytes);
  const layout = reader.byte();
  if (layout !== LAYOUT) throw new RangeError(`a ${row} row has the unknown layout ${layout}`);
  return reader;
}

function at<T>(list: readonly T[], position: number, row: string): T {
  const value = list[position];
  if (value === undefined) throw new RangeError(`a ${row} row has the unknown code ${position}`);
  return value;
}

export function encodeChange(row: Omit<ChangeRow, 'seq'>): Buffer {
  const flags = (row.publishedTime === undefined ? 0 : 1) | (row.position === undefined ? 0 : 2);
  writer
    .byte(LAYOUT)
    .byte(EVENT_TYPES.indexOf(row.type))
    .byte(SOURCES.indexOf(row.source))
    .byte(flags)
    .text(row.title)
    .varint(row.versionId)
    .time(row.eventTime);
  if (row.publishedTime !== undefined) writer.time(row.publishedTime);
  if (row.position !== undefined) writer.varint(row.position.partition).varint(row.position.offset);
  return writer.finish();
}

export function decodeChange(seq: number, bytes: Buffer): ChangeRow {
  const reader = open(bytes, 'change');
  const type = at(EVENT_TYPES, reader.byte(), 'change');
  const source = at(SOURCES, reader.byte(), 'change');
  const flags = reader.byte();
  const title = reader.text() as TitleKey;
  const versionId = reader.varint();
  const eventTime = reader.time();
  const publishedTime = (flags & 1) === 0 ? undefined : reader.time();
  const position = (flags & 2) === 0 ? undefined : { partition: reader.varint(), offset: reader.varint() };
  return { seq, type, title, versionId, eventTime, publishedTime, position, source };
}

export function encodeMark(mark: VisibilityMark): Buffer {
  return writer.byte(LAYOUT).byte(hiddenBits(mark.visibility)).time(mark.eventTime).finish();
}

export function decodeMark(bytes: Buffer): VisibilityMark {
  const reader = open(bytes, 'visibility');
  return { visibility: visibilityOf(reader.byte()), eventTime: reader.time() };
}

/** Live titles that have a page id. Nearly always one; two for a while after a move. */
export function encodePageTitles(titles: readonly TitleKey[]): Buffer {
  writer.byte(LAYOUT);
  for (const title of titles) writer.text(title);
  return writer.finish();
}

export function decodePageTitles(bytes: Buffer): readonly TitleKey[] {
  const reader = open(bytes, 'page');
  const titles: TitleKey[] = [];
  while (!reader.isAtEnd) titles.push(reader.text() as TitleKey);
  return titles;
}

/** A body that no live title owns. */
export interface GarbageRow {
  readonly versionId: number;
  readonly storedBytes: number;
}

export function encodeGarbage(row: GarbageRow): Buffer {
  return writer.byte(LAYOUT).varint(row.versionId).varint(row.storedBytes).finish();
}

export function decodeGarbage(bytes: Buffer): GarbageRow {
  const reader = open(bytes, 'garbage');
  return { versionId: reader.varint(), storedBytes: reader.varint() };
}

/** Text that has to vanish from the files, not only from view. Its key is the sequence number of the change that asked for it. */
export interface EraseTask {
  /** `removed`: every body of the title up to the task's number. `hidden`: the hidden parts of every body of that version. */
  readonly kind: 'removed' | 'hidden';
  readonly title: TitleKey;
  readonly versionId: number;
  /** Ms since the epoch. */
  readonly dueMs: number;
}

export function encodeErase(task: EraseTask): Buffer {
  return writer
    .byte(LAYOUT)
    .byte(ERASE_KINDS.indexOf(task.kind))
    .text(task.title)
    .varint(task.versionId)
    .varint(task.dueMs)
    .finish();
}

export function decodeErase(bytes: Buffer): EraseTask {
  const reader = open(bytes, 'erase');
  return {
    kind: at(ERASE_KINDS, reader.byte(), 'erase'),
    title: reader.text() as TitleKey,
    versionId: reader.varint(),
    dueMs: reader.varint(),
  };
}
