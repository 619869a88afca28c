/**
 * Keys of a dataset's index: one byte for the kind of row, then the parts. Numbers are 8 bytes big-endian, so that LevelDB's order is
 * theirs; a text that is not the last part carries its length in front, so that no text can run into the next part.
 */
import type { TitleKey } from '../contracts/identifiers.ts';
import { BinaryReader, BinaryWriter } from './binary.ts';
import { decodeText, encodeText } from './text-bytes.ts';

/** First byte of each key. Numbers are on disk: never reuse or renumber. */
export const ROW = {
  meta: 0x01,
  checkpoint: 0x02,
  /** title → entry */
  title: 0x10,
  /** page id → titles */
  page: 0x11,
  /** (redirect, title) */
  redirect: 0x12,
  /** (QID, title) */
  entity: 0x13,
  /** (title, version id) → visibility mark */
  mark: 0x14,
  /** title → doubt */
  doubt: 0x15,
  /** seq → change */
  change: 0x20,
  /** (title, seq) → body that no live title owns */
  garbage: 0x21,
  /** seq → text that must vanish from disk */
  erase: 0x22,
  /** id → bad line */
  quarantine: 0x23,
} as const;

export type RowKind = (typeof ROW)[keyof typeof ROW];
export type LinkKind = typeof ROW.redirect | typeof ROW.entity;

/** Bounds of a LevelDB iterator. */
export interface KeyRange {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

const TWO_32 = 2 ** 32;
const writer = new BinaryWriter();

export function writeSeq(target: Buffer, seq: number, at: number): void {
  target.writeUInt32BE(Math.floor(seq / TWO_32), at);
  target.writeUInt32BE(seq % TWO_32, at + 4);
}

export function readSeq(source: Buffer, at: number): number {
  return source.readUInt32BE(at) * TWO_32 + source.readUInt32BE(at + 4);
}

/** Key in the body log. */
export function bodyKey(seq: number): Buffer {
  const key = Buffer.allocUnsafe(8);
  writeSeq(key, seq, 0);
  return key;
}

export function seqOfBodyKey(key: Buffer): number {
  return readSeq(key, 0);
}

function numberKey(kind: RowKind, value: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = kind;
  writeSeq(key, value, 1);
  return key;
}

function textKey(kind: RowKind, text: string): Buffer {
  if (!text.isWellFormed()) return Buffer.concat([Buffer.from([kind]), encodeText(text)]);
  const key = Buffer.allocUnsafe(1 + Buffer.byteLength(text));
  key[0] = kind;
  key.write(text, 1);
  return key;
}

export const META_KEY = Buffer.from([ROW.meta]);

export const checkpointKey = (name: string): Buffer => textKey(ROW.checkpoint, name);
export const entryKey = (title: TitleKey): Buffer => textKey(ROW.title, title);
export const doubtKey = (title: TitleKey): Buffer => textKey(ROW.doubt, title);
export const pageKey = (pageId: number): Buffer => numberKey(ROW.page, pageId);
export const changeKey = (seq: number): Buffer => numberKey(ROW.change, seq);
export const eraseKey = (seq: number): Buffer => numberKey(ROW.erase, seq);
export const quarantineKey = (id: number): Buffer => numberKey(ROW.quarantine, id);

export function linkKey(kind: LinkKind, value: string, title: TitleKey): Buffer {
  return writer.byte(kind).text(value).bytes(encodeText(title)).finish();
}

export function markKey(title: TitleKey, versionId: number): Buffer {
  return titleAndNumberKey(ROW.mark, title, versionId);
}

export function garbageKey(title: TitleKey, seq: number): Buffer {
  return titleAndNumberKey(ROW.garbage, title, seq);
}

function titleAndNumberKey(kind: RowKind, title: TitleKey, value: number): Buffer {
  return writer.byte(kind).text(title).bytes(bodyKey(value)).finish();
}

/** The title of an entry or doubt key. */
export function titleOfKey(key: Buffer): TitleKey {
  return decodeText(key, 1) as TitleKey;
}

/** The number of a page, change, erase or quarantine key. */
export function numberOfKey(key: Buffer): number {
  return readSeq(key, 1);
}

export function partsOfLinkKey(key: Buffer): { readonly value: string; readonly title: TitleKey } {
  const reader = new BinaryReader(key, 1);
  return { value: reader.text(), title: decodeText(reader.rest()) as TitleKey };
}

/** Title and number of a mark or garbage key. */
export function partsOfTitleKey(key: Buffer): { readonly title: TitleKey; readonly number: number } {
  const reader = new BinaryReader(key, 1);
  return { title: reader.text() as TitleKey, number: readSeq(reader.bytes(8), 0) };
}

/** All rows of a kind. */
export function rangeOf(kind: RowKind): KeyRange {
  return { gte: Buffer.from([kind]), lt: Buffer.from([kind + 1]) };
}

/** Rows of `kind` whose first part is `text`. 0xFF ends the range because it starts no text and no number below 2^56. */
export function rangeOfText(kind: LinkKind | typeof ROW.garbage | typeof ROW.mark, text: string): KeyRange {
  const prefix = writer.byte(kind).text(text).finish();
  return { gte: prefix, lt: Buffer.concat([prefix, Buffer.from([0xff])]) };
}
