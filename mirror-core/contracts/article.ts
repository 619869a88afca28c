/**
 * What the mirror reads of an article record. The record itself is kept as the bytes received (unknown members included);
 * these are only the members that decide where it goes and which version wins. Facts: article-schema.md.
 */
import type { ProjectId, TitleKey } from './identifiers.ts';
import type { UpstreamTime } from './upstream-time.ts';

/** `true` means visible, as upstream has it. */
export interface Visibility {
  readonly text: boolean;
  readonly editor: boolean;
  readonly comment: boolean;
}

export const FULLY_VISIBLE: Visibility = { text: true, editor: true, comment: true };

export function isFullyVisible(visibility: Visibility): boolean {
  return visibility.text && visibility.editor && visibility.comment;
}

export type EventType = 'update' | 'delete' | 'visibility-change';

/** A place on the Realtime stream. */
export interface StreamPosition {
  /** 0 to 49. */
  readonly partition: number;
  /** Strictly increasing within a partition; jumps are normal. */
  readonly offset: number;
}

/** The members of one record that the mirror decides by. Everything optional may be missing in real records (article-schema §12). */
export interface RecordKeys {
  /** `name` as received. */
  readonly name: string;
  readonly title: TitleKey;
  readonly project: ProjectId;
  /** 0 when the record has no namespace object. */
  readonly namespaceId: number;
  /** 0 when absent: page id 0 is never valid. */
  readonly pageId: number;
  /** 0 when absent. */
  readonly versionId: number;
  /** `event.type` as received; `update` when the record has no event. */
  readonly eventType: string;
  /** `event.date_created`, else `event.date_published`, else `date_modified`, else the epoch (contract §15.2). */
  readonly eventTime: UpstreamTime;
  readonly publishedTime: UpstreamTime | undefined;
  readonly modifiedTime: UpstreamTime | undefined;
  /** Only on the stream. */
  readonly position: StreamPosition | undefined;
  /** `visibility`, when the record has that member. */
  readonly visibility: Visibility | undefined;
  readonly hasBody: boolean;
  /** `main_entity.identifier`, a QID. */
  readonly entityId: string | undefined;
  readonly languageId: string | undefined;
  /** Store keys of the pages that redirect to this one. */
  readonly redirects: readonly TitleKey[];
  /** `license[].identifier` in record order. */
  readonly licenses: readonly string[];
}

/** How stored bytes are compressed; also the `Content-Encoding` under which they can be sent unchanged. */
export type Codec = 'identity' | 'zstd' | 'br';

/** One record ready to be stored: compressed once, by whoever reads it, and never parsed again on its way to disk. */
export interface EncodedRecord {
  readonly keys: RecordKeys;
  readonly codec: Codec;
  /** The compressed record. Owned by the receiver: the producer never writes to it again. */
  readonly stored: Uint8Array;
  /** Length of the record as received, in bytes, without its line end. */
  readonly rawBytes: number;
  /** SHA-256 of the record as received, 32 bytes. */
  readonly sha256: Uint8Array;
}
