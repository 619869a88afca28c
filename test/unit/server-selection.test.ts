import { describe, expect, it } from 'vitest';
import { isMirrorError } from '../../mirror-core/contracts/errors.ts';
import { fieldTree, matchesFilters, selectFields, type Filter } from '../../mirror-core/server/selection.ts';

const record = Buffer.from(
  '{"name":"Lake \\u003cCorvane\\u003e","identifier":12345678901234567890,"score":1.50e-3,' +
    '"version":{"identifier":7,"size":{"value":12,"unit_text":"B"},"is_minor_edit":true,' +
    '"scores":{"revertrisk":{"probability":{"false":0.25,"true":0.75}}}},"namespace":{"identifier":0},' +
    '"image":{"content_url":"https://example.org/i.png"},"categories":[{"name":"A","url":"u"},{"url":"v"},{"name":"B"}],' +
    '"tags":["one","two"],"empty":{},"none":[]}',
);

function select(...fields: string[]): string {
  return selectFields(record, fieldTree(fields)).toString();
}

function matches(...filters: [field: string, value: Filter['value']][]): boolean {
  return matchesFilters(
    record,
    filters.map(([field, value]) => ({ field, value })),
  );
}

describe('§3 rule 1 and 2: fields', () => {
  it.each([
    ['text keeps its escapes', ['name'], '{"name":"Lake \\u003cCorvane\\u003e"}'],
    ['numbers keep their digits', ['identifier', 'score'], '{"identifier":12345678901234567890,"score":1.50e-3}'],
    ['a whole object', ['namespace'], '{"namespace":{"identifier":0}}'],
    ['a whole object by a.*', ['namespace.*'], '{"namespace":{"identifier":0}}'],
    ['a scalar by a.*', ['score.*'], '{"score":1.50e-3}'],
    [
      'order of the record, not of the request',
      ['tags', 'version.identifier'],
      '{"version":{"identifier":7},"tags":["one","two"]}',
    ],
    ['through arrays', ['categories.name'], '{"categories":[{"name":"A"},{"name":"B"}]}'],
    ['unknown members are left out', ['nothing', 'version.nothing', 'categories.nothing', 'score.deeper'], '{}'],
    [
      'the larger selection wins',
      ['version.size.value', 'version.size', 'version.size.unit_text'],
      '{"version":{"size":{"value":12,"unit_text":"B"}}}',
    ],
    ['what is present and empty stays', ['empty', 'none'], '{"empty":{},"none":[]}'],
    ['alias version.sizes', ['version.sizes.value'], '{"version":{"size":{"value":12}}}'],
    ['alias image.contentUrl', ['image.contentUrl'], '{"image":{"content_url":"https://example.org/i.png"}}'],
    [
      'alias truthy, which upstream swaps',
      ['version.scores.revertrisk.probability.truthy'],
      '{"version":{"scores":{"revertrisk":{"probability":{"false":0.25}}}}}',
    ],
  ])('%s', (_what, fields, expected) => {
    expect(select(...fields)).toBe(expected);
  });

  it('* gives the record as it is', () => {
    expect(select('name', '*')).toBe(record.toString());
  });

  it('names the record that is not JSON instead of sending half of it', () => {
    const attempt = (): Buffer => selectFields(Buffer.from('{"a":1,"b"'), fieldTree(['a']));
    expect(attempt).toThrow(expect.toSatisfy((error) => isMirrorError(error, 'RECORD_INVALID')));
  });
});

describe('§3 rule 3: filters', () => {
  it.each([
    ['namespace.identifier', 0, true],
    ['namespace.identifier', '0', true],
    ['namespace.identifier', 1, false],
    ['version.identifier', 6, false], // no "greater than"
    ['version.is_minor_edit', true, true],
    ['version.is_minor_edit', 'true', true],
    ['version.is_minor_edit', false, false],
    ['name', 'Lake <Corvane>', true],
    ['name', 'lake <corvane>', false],
    ['identifier', '12345678901234567890', true],
    ['score', 0.0015, true],
    ['tags', 'two', true],
    ['categories.name', 'B', true],
    ['categories.name', 'C', false],
    ['nothing', 'x', false],
    ['nothing', null, true],
    ['name', null, false],
    ['version', '[object Object]', false],
  ] as const)('%s = %j is %s', (field, value, expected) => {
    expect(matches([field, value])).toBe(expected);
  });

  it('different fields must all match, one field given twice may match either way', () => {
    expect(matches(['tags', 'one'], ['namespace.identifier', 0])).toBe(true);
    expect(matches(['tags', 'one'], ['namespace.identifier', 1])).toBe(false);
    expect(matches(['namespace.identifier', 14], ['namespace.identifier', 0])).toBe(true);
  });
});
