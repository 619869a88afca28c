/** Rows of the index that are rare and read by people: kept as JSON, checked when they are read. */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { TitleKey } from '../contracts/identifiers.ts';
import type { Doubt, QuarantineRow } from '../contracts/store-port.ts';

const DoubtSchema = Type.Object({
  reason: Type.Union([Type.Literal('moved-away'), Type.Literal('absent-from-snapshot'), Type.Literal('text-erased')]),
  since: Type.String(),
  absences: Type.Integer({ minimum: 0 }),
});

const QuarantineSchema = Type.Object({
  id: Type.String(),
  at: Type.String(),
  source: Type.String(),
  line: Type.Integer(),
  reason: Type.String(),
  bytes: Type.Integer(),
  sha256: Type.String(),
  excerpt: Type.String(),
});

export function encodeJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

export function decodeJson(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString('utf8'));
}

export function encodeDoubt({ reason, since, absences }: Doubt): Buffer {
  return encodeJson({ reason, since, absences });
}

/** @throws RangeError when the row is not a doubt */
export function decodeDoubt(title: TitleKey, bytes: Buffer): Doubt {
  const value = decodeJson(bytes);
  if (!Value.Check(DoubtSchema, value)) throw new RangeError(`the doubt on ${title} is damaged`);
  return { title, ...value };
}

/** @throws RangeError when the row is not a bad line */
export function decodeQuarantine(bytes: Buffer): QuarantineRow {
  const value = decodeJson(bytes);
  if (!Value.Check(QuarantineSchema, value)) throw new RangeError('a row of the quarantine is damaged');
  return value;
}
