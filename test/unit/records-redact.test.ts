import { describe, expect, it } from 'vitest';
import { FULLY_VISIBLE, type Visibility } from '../../mirror-core/contracts/article.ts';
import { redactRecord } from '../../mirror-core/records/redact.ts';

function redact(json: string, visibility: Partial<Visibility>): string {
  return Buffer.from(redactRecord(Buffer.from(json), { ...FULLY_VISIBLE, ...visibility })).toString();
}

const HIDDEN_TEXT = '"visibility":{"text":false,"editor":true,"comment":true}';
const HIDDEN_EDITOR = '"visibility":{"text":true,"editor":false,"comment":true}';

describe('redactRecord', () => {
  it('returns a fully visible record as it is', () => {
    const record = Buffer.from('{"name":"a"}');
    expect(redactRecord(record, FULLY_VISIBLE)).toBe(record);
  });

  it.each([
    [
      'body and abstract',
      '{"name":"a", "abstract":"x", "article_body":{"html":"y"}, "event":{}}',
      `{"name":"a", ${HIDDEN_TEXT},"event":{}}`,
    ],
    ['a body at the end', '{"name":"a","article_body":{"html":"y"}}', `{"name":"a",${HIDDEN_TEXT}}`],
    ['nothing but a body', '{ "article_body":{"html":"y"} }', `{${HIDDEN_TEXT}  }`],
    ['an empty record', '{}', `{${HIDDEN_TEXT}}`],
    ['a body under an escaped key', '{"name":"a","article\\u005fbody":{"html":"y"}}', `{"name":"a",${HIDDEN_TEXT}}`],
    ['a body that comes twice', '{"article_body":1,"name":"a","article_body":2}', `{"name":"a",${HIDDEN_TEXT}}`],
    ['an older mark', `{"name":"a",${HIDDEN_EDITOR},"event":{}}`, `{"name":"a",${HIDDEN_TEXT},"event":{}}`],
    ['an older mark at the end', `{"name":"a",${HIDDEN_EDITOR}}`, `{"name":"a",${HIDDEN_TEXT}}`],
  ])('hides the text: %s', (_case, record, expected) => {
    expect(redact(record, { text: false })).toBe(expected);
  });

  it('cuts editor and comment out of the version and leaves the rest of it', () => {
    const record = '{"name":"a","version":{"identifier":5,"comment":"c","tags":["t"],"editor":{"name":"e"}},"x":1.50}';
    expect(redact(record, { editor: false })).toBe(
      `{"name":"a","version":{"identifier":5,"comment":"c","tags":["t"]},"x":1.50,${HIDDEN_EDITOR}}`,
    );
    expect(redact(record, { editor: false, comment: false })).toBe(
      '{"name":"a","version":{"identifier":5,"tags":["t"]},"x":1.50,"visibility":{"text":true,"editor":false,"comment":false}}',
    );
  });

  it('copes with a version that holds nothing else, or is no object', () => {
    expect(redact('{"version":{"editor":{},"comment":""}}', { editor: false, comment: false })).toContain('{"version":{},');
    expect(redact('{"version":null}', { editor: false })).toBe(`{"version":null,${HIDDEN_EDITOR}}`);
  });

  it('refuses what is no object', () => {
    expect(() => redact('[]', { text: false })).toThrow(/not JSON/);
  });
});
