import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldTree, matchesFilters, selectFields } from '../../mirror-core/server/selection.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Names that collide often, and some that need escapes. */
const name = fc.constantFrom('a', 'b', 'c', 'name', 'é', 'q"q', 'back\\slash', '__proto__', '1');
const scalar = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ unit: 'binary' }),
);

const { value: json } = fc.letrec<{ value: Json; object: Json }>((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
  object: fc.dictionary(name, tie('value'), { maxKeys: 4 }),
}));
const record = fc.dictionary(name, json, { maxKeys: 6 });
const field = fc
  .array(name, { minLength: 1, maxLength: 4 })
  .chain((path) => fc.constantFrom(path.join('.'), `${path.join('.')}.*`));

/** Whether any of the paths ends here, or leads on. */
function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The rules of contract §3 on the parsed value, path by path; `undefined` when nothing is left. */
function reference(value: Json, paths: readonly (readonly string[])[]): Json | undefined {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) {
    const kept = value.map((element) => reference(element, paths)).filter((element) => element !== undefined);
    return kept.length === 0 ? undefined : kept;
  }
  if (!isObject(value)) return undefined;
  const kept: [string, Json][] = [];
  for (const [key, member] of Object.entries(value)) {
    const below = paths.filter((path) => path[0] === key).map((path) => path.slice(1));
    const rest = below.length === 0 ? undefined : reference(member, below);
    if (rest !== undefined) kept.push([key, rest]);
  }
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function pathsOf(fields: readonly string[]): string[][] {
  return fields.map((text) => text.replace(/\.\*$/, '').split('.'));
}

const layout = fc.constantFrom(undefined, 2, '\t');

describe('§3 fields, against the plain reference', () => {
  it('gives what the rules say for any record, any selection and any white space', () => {
    fc.assert(
      fc.property(record, fc.array(field, { minLength: 1, maxLength: 5 }), layout, (value, fields, space) => {
        const bytes = Buffer.from(JSON.stringify(value, undefined, space));
        const selected = selectFields(bytes, fieldTree(fields)).toString();
        expect(JSON.parse(selected)).toEqual(JSON.parse(JSON.stringify(reference(value, pathsOf(fields)) ?? {})));
      }),
      { numRuns: 500 },
    );
  });

  it('is the same in any order of the fields, and selecting twice changes nothing', () => {
    fc.assert(
      fc.property(record, fc.array(field, { minLength: 1, maxLength: 4 }), (value, fields) => {
        const bytes = Buffer.from(JSON.stringify(value));
        const once = selectFields(bytes, fieldTree(fields));
        expect(selectFields(bytes, fieldTree(fields.toReversed()))).toEqual(once);
        expect(selectFields(once, fieldTree(fields))).toEqual(once);
      }),
    );
  });
});

function scalarsAt(value: Json, path: readonly string[]): Json[] {
  if (Array.isArray(value)) return value.flatMap((element) => scalarsAt(element, path));
  const [first, ...rest] = path;
  if (first === undefined) return [value];
  return isObject(value) && Object.hasOwn(value, first) ? scalarsAt(value[first] ?? null, rest) : [];
}

describe('§3 filters, against the plain reference', () => {
  it('compares texts, any element of an array being enough', () => {
    fc.assert(
      fc.property(
        record,
        fc.array(name, { minLength: 1, maxLength: 3 }),
        scalar,
        fc.boolean(),
        (value, path, other, usePresent) => {
          const found = scalarsAt(value, path);
          const present = found.find((member) => !isObject(member) && !Array.isArray(member));
          const wanted = usePresent && present !== undefined ? (present as null | string | number | boolean) : other;
          const isMatch =
            wanted === null
              ? found.length === 0 || found.includes(null)
              : found.some(
                  (member) => member !== null && !isObject(member) && !Array.isArray(member) && String(member) === String(wanted),
                );
          const bytes = Buffer.from(JSON.stringify(value));
          expect(matchesFilters(bytes, [{ field: path.join('.'), value: wanted }])).toBe(isMatch);
        },
      ),
      { numRuns: 500 },
    );
  });
});
