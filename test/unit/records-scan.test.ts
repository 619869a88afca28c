import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isMirrorError } from '../../mirror-core/contracts/errors.ts';
import { scanRecord } from '../../mirror-core/records/scan.ts';
import { referenceKeys } from '../support/record-reference.ts';

const fixtures = fileURLToPath(new URL('../../../shared/data/articles.ndjson', import.meta.url));
const hasFixtures = existsSync(fixtures);

function reasonOf(line: string | Uint8Array): string {
  try {
    scanRecord(typeof line === 'string' ? Buffer.from(line) : line);
  } catch (error) {
    if (isMirrorError(error, 'RECORD_INVALID')) return error.message;
    throw error;
  }
  return 'accepted';
}

const minimal = { name: 'Lake Corvane', is_part_of: { identifier: 'enwiki' } };

function scanJson(record: unknown): ReturnType<typeof scanRecord> {
  return scanRecord(Buffer.from(JSON.stringify(record)));
}

describe('scanRecord', () => {
  it('reads the members of an update event', () => {
    const keys = scanJson({
      name: 'Lake Corvane',
      identifier: 48211907,
      date_modified: '2026-03-18T12:38:20Z',
      version: { identifier: 1381204477, editor: { identifier: 5 } },
      namespace: { identifier: 14 },
      in_language: { identifier: 'en' },
      main_entity: { identifier: 'Q99111222' },
      redirects: [{ name: 'Corvane (lake)' }, { name: 'The "Corvane"' }],
      is_part_of: { identifier: 'enwiki' },
      article_body: { html: '<p>"}</p>'.repeat(2000), wikitext: "'''Lake'''\\".repeat(1000) },
      license: [{ identifier: 'CC-BY-SA-4.0' }],
      event: { type: 'update', date_created: '2026-03-18T12:38:21.104512Z', partition: 0, offset: 90412233 },
    });
    expect(keys).toEqual({
      name: 'Lake Corvane',
      title: 'Lake_Corvane',
      project: 'enwiki',
      namespaceId: 14,
      pageId: 48211907,
      versionId: 1381204477,
      eventType: 'update',
      eventTime: { seconds: 1773837501, nanos: 104512000 },
      publishedTime: undefined,
      modifiedTime: { seconds: 1773837500, nanos: 0 },
      position: { partition: 0, offset: 90412233 },
      visibility: undefined,
      hasBody: true,
      entityId: 'Q99111222',
      languageId: 'en',
      redirects: ['Corvane_(lake)', 'The_"Corvane"'],
      licenses: ['CC-BY-SA-4.0'],
    });
  });

  it('falls back from the event time to the published, the modified and the zero time', () => {
    const published = { date_published: '2026-01-02T00:00:00Z' };
    const modified = { date_modified: '2026-01-01T00:00:00Z' };
    expect(scanJson({ ...minimal, ...modified, event: published }).eventTime.seconds).toBe(Date.UTC(2026, 0, 2) / 1000);
    expect(scanJson({ ...minimal, ...modified, event: { date_created: '0001-01-01T00:00:00Z' } }).eventTime.seconds).toBe(
      Date.UTC(2026, 0, 1) / 1000,
    );
    expect(scanJson(minimal).eventTime).toEqual({ seconds: 0, nanos: 0 });
  });

  it('decodes escapes in titles, surrogate pairs and lone surrogates included', () => {
    const spelled = Buffer.from(`{"n\\u0061me":"A \\u0026 \\ud83d\\ude00 \\ud800 \\"b\\"","is_part_of":{"identifier":"enwiki"}}`);
    expect(scanRecord(spelled).name).toBe('A & 😀 \ud800 "b"');
    expect(scanRecord(spelled).title).toBe('A_&_😀_\ud800_"b"');
  });

  it('takes the last of duplicate members, on either side of the body', () => {
    const line = `{"name":"first","is_part_of":{"identifier":"enwiki"},"article_body":{},"name":"second","event":{"type":"x"},"event":{"type":"delete"}}`;
    expect(scanRecord(Buffer.from(line))).toMatchObject({ name: 'second', eventType: 'delete' });
  });

  it('does not mistake the end of an escaped quote for the begin of a string, wherever the look into the body ends', () => {
    for (let shift = 0; shift < 40; shift += 1) {
      const body = { html: 'x', wikitext: '\\"\\\\"'.repeat(1500) + 'y'.repeat(shift) };
      const keys = scanJson({ ...minimal, article_body: body, license: [{ identifier: 'L' }], event: { type: 'delete' } });
      expect(keys).toMatchObject({ eventType: 'delete', licenses: ['L'], hasBody: true });
    }
  });

  it('tells an empty body from one with text', () => {
    expect(scanJson({ ...minimal, article_body: {} }).hasBody).toBe(false);
    expect(scanJson({ ...minimal, article_body: { html: '' } }).hasBody).toBe(true);
    expect(scanJson({ ...minimal, article_body: null }).hasBody).toBe(false);
  });

  it('never looks at the body when all else was found: the cost is that damage inside it goes unseen', () => {
    const html = `${'x'.repeat(9000)}MIDDLE${'y'.repeat(9000)}`;
    const line = JSON.stringify({ ...minimal, article_body: { html }, event: { type: 'update' } });
    expect(reasonOf(line.replace('MIDDLE', '"{{'))).toBe('accepted');
  });

  it.each([
    ['', /^not JSON/],
    ['hello', /^not JSON/],
    ['[1,2]', /not a JSON object/],
    ['{"name":"a"', /^not JSON/],
    ['{"name":"a","is_part_of":{"identifier":"enwiki"},"article_body":{}', /^not JSON/],
    ['{"name":"a" "is_part_of":{"identifier":"enwiki"}}', /^not JSON/],
    ['{"name":"a","is_part_of":{"identifier":"enwiki"}} x', /^not JSON/],
    ['{"is_part_of":{"identifier":"enwiki"}}', /no name/],
    ['{"name":7,"is_part_of":{"identifier":"enwiki"}}', /no name/],
    ['{"name":"a"}', /no is_part_of\.identifier/],
    ['{"name":"a","is_part_of":{"identifier":"../etc"}}', /not a project id/],
    [`{"name":"${'a'.repeat(2000)}","is_part_of":{"identifier":"enwiki"}}`, /2000 characters/],
  ])('refuses %j', (line, reason) => {
    expect(reasonOf(line)).toMatch(reason);
  });

  it('is not overthrown by deep nesting', () => {
    const deep = `{"x":${'['.repeat(200_000)}${']'.repeat(200_000)},"name":"a","is_part_of":{"identifier":"enwiki"}}`;
    expect(scanRecord(Buffer.from(deep)).name).toBe('a');
  });
});

describe.skipIf(!hasFixtures)(`scanRecord on real records (skipped where ${fixtures} is absent)`, () => {
  it('equals JSON.parse on every one, also with the members in reverse order', () => {
    const lines = hasFixtures ? readFileSync(fixtures, 'utf8').trimEnd().split('\n') : [];
    expect(lines.length).toBeGreaterThanOrEqual(7);
    for (const line of lines) {
      expect(scanRecord(Buffer.from(line))).toEqual(referenceKeys(Buffer.from(line)));
      const parsed: unknown = JSON.parse(line);
      const reversed = Buffer.from(JSON.stringify(Object.fromEntries(Object.entries(parsed as object).reverse())));
      expect(scanRecord(reversed)).toEqual(referenceKeys(reversed));
    }
  });
});
