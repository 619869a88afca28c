/** Upstream's metadata objects, as types and schemas (article-schema §7). Unknown members are kept: validate, never rebuild. */
import { Type, type Static } from 'typebox';

const SizeSchema = Type.Object({ value: Type.Number(), unit_text: Type.Optional(Type.String()) });
const RefSchema = Type.Object({ identifier: Type.String() });

export const CodeSchema = Type.Object({
  identifier: Type.String(),
  name: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
});
export const LanguageSchema = Type.Object({
  identifier: Type.String(),
  name: Type.Optional(Type.String()),
  alternate_name: Type.Optional(Type.String()),
  direction: Type.Optional(Type.String()),
});
export const ProjectSchema = Type.Object({
  identifier: Type.String(),
  name: Type.Optional(Type.String()),
  url: Type.Optional(Type.String()),
  code: Type.Optional(Type.String()),
  in_language: Type.Optional(RefSchema),
});
export const NamespaceSchema = Type.Object({
  identifier: Type.Number(),
  name: Type.Optional(Type.String()),
  alternate_name: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
});
/** Snapshot, chunk and batch share one shape; only a snapshot has `chunks`. `version` is the MD5 of the .tar.gz. */
export const SnapshotSchema = Type.Object({
  identifier: Type.String(),
  version: Type.Optional(Type.String()),
  date_modified: Type.Optional(Type.String()),
  is_part_of: Type.Optional(RefSchema),
  in_language: Type.Optional(RefSchema),
  namespace: Type.Optional(Type.Object({ identifier: Type.Number() })),
  size: Type.Optional(SizeSchema),
  chunks: Type.Optional(Type.Array(Type.String())),
});

export type Code = Static<typeof CodeSchema>;
export type Language = Static<typeof LanguageSchema>;
export type Project = Static<typeof ProjectSchema>;
export type Namespace = Static<typeof NamespaceSchema>;
export type SnapshotInfo = Static<typeof SnapshotSchema>;

/** Bytes of an upstream `size` (megabytes of 10^6, contract §7.2), or `undefined` when it is absent. */
export function sizeBytesOf(info: SnapshotInfo): number | undefined {
  return info.size === undefined ? undefined : Math.round(info.size.value * 1e6);
}

/** The body of every error answer of the v1 and v2 routes (contract §1.5). */
export const WmeErrorSchema = Type.Object({ status: Type.Integer(), message: Type.String() });
