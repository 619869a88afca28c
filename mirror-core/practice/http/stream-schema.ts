/** The stream's own engine: it walks the schema of an article and refuses what is not in it (contract §3, §10.5). */
import { MirrorError } from '../../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../go-json.ts';
import type { Filter } from './parameters.ts';

type Leaf = 'text' | 'integer' | 'number' | 'boolean';
interface Tree {
  readonly [member: string]: Leaf | Tree | readonly [Tree | Leaf];
}
type Node = Tree[string];

const ENTITY: Tree = { identifier: 'text', url: 'text' };
const NAMED: Tree = { name: 'text', url: 'text' };
const PREDICTION: Tree = { prediction: 'boolean', probability: { false: 'number', true: 'number' } };
const EVENT: Tree = {
  identifier: 'text',
  type: 'text',
  date_created: 'text',
  fail_count: 'integer',
  fail_reason: 'text',
  date_published: 'text',
  partition: 'integer',
  offset: 'integer',
};
const SIZE: Tree = { value: 'number', unit_text: 'text' };

/** Members in the order of article-schema §3 and §4. */
const ARTICLE: Tree = {
  name: 'text',
  identifier: 'integer',
  abstract: 'text',
  date_created: 'text',
  date_modified: 'text',
  date_previously_modified: 'text',
  protection: [{ type: 'text', level: 'text', expiry: 'text' }],
  version: {
    identifier: 'integer',
    comment: 'text',
    tags: ['text'],
    is_minor_edit: 'boolean',
    is_flagged_stable: 'boolean',
    has_tag_needs_citation: 'boolean',
    scores: {
      damaging: PREDICTION,
      goodfaith: PREDICTION,
      revertrisk: PREDICTION,
      referencerisk: { reference_risk_score: 'number' },
      referenceneed: { reference_need_score: 'number' },
    },
    editor: {
      identifier: 'integer',
      name: 'text',
      edit_count: 'integer',
      groups: ['text'],
      is_bot: 'boolean',
      is_anonymous: 'boolean',
      is_admin: 'boolean',
      is_patroller: 'boolean',
      has_advanced_rights: 'boolean',
      date_started: 'text',
    },
    number_of_characters: 'integer',
    size: SIZE,
    event: EVENT,
    is_breaking_news: 'boolean',
    noindex: 'boolean',
    maintenance_tags: {
      citation_needed_count: 'integer',
      pov_count: 'integer',
      clarification_needed_count: 'integer',
      update_count: 'integer',
    },
  },
  previous_version: { identifier: 'integer', number_of_characters: 'integer' },
  url: 'text',
  watchers_count: 'integer',
  namespace: { name: 'text', identifier: 'integer', alternate_name: 'text', description: 'text' },
  in_language: { identifier: 'text', name: 'text', alternate_name: 'text', direction: 'text' },
  main_entity: ENTITY,
  additional_entities: [{ ...ENTITY, aspects: ['text'] }],
  categories: [NAMED],
  templates: [NAMED],
  redirects: [NAMED],
  is_part_of: { name: 'text', identifier: 'text', url: 'text' },
  article_body: { html: 'text', wikitext: 'text' },
  license: [{ name: 'text', identifier: 'text', url: 'text' }],
  visibility: { text: 'boolean', editor: 'boolean', comment: 'boolean' },
  event: EVENT,
  image: { content_url: 'text', width: 'integer', height: 'integer', alternative_text: 'text', caption: 'text' },
};

function isTree(node: Node): node is Tree {
  return typeof node === 'object' && !Array.isArray(node);
}

function descend(node: Node, member: string): Node | undefined {
  const inner = Array.isArray(node) ? (node as readonly [Tree | Leaf])[0] : node;
  return isTree(inner) ? inner[member] : undefined;
}

type Selection = ReadonlyMap<string, Selection | 'whole'>;
type Growing = Map<string, Growing | 'whole'>;

function compileFields(fields: readonly string[]): Selection | undefined {
  if (fields.length === 0) return undefined;
  const selection: Growing = new Map();
  for (const field of fields) addField(selection, field);
  // Where an event was is part of what it is: both members come with any of the event's.
  const event = selection.get('event');
  if (event !== undefined && event !== 'whole') for (const member of ['partition', 'offset']) event.set(member, 'whole');
  return selection;
}

function addField(selection: Growing, field: string): void {
  let node: Node | undefined = ARTICLE;
  let level = selection;
  const path = field.split('.');
  for (const [index, member] of path.entries()) {
    const next: Node | undefined = descend(node, member);
    if (next === undefined) throw new MirrorError('INVALID_INPUT', `field with such path '${field}' does not exist`);
    const isLast = index === path.length - 1;
    const isStar = index === path.length - 2 && path[index + 1] === '*';
    if (isLast && typeof next !== 'string') {
      throw new MirrorError('INVALID_INPUT', `field '${field}' is an object or a list: use '${field}.*' or name its members`);
    }
    if (isLast || isStar) {
      level.set(member, 'whole');
      return;
    }
    const inner = level.get(member);
    if (inner === 'whole') return;
    const opened: Growing = inner ?? new Map<string, Growing | 'whole'>();
    level.set(member, opened);
    level = opened;
    node = next;
  }
}

function cut(record: JsonObject, selection: Selection): JsonObject {
  const kept: Record<string, Json> = {};
  for (const [member, value] of Object.entries(record)) {
    const wanted = selection.get(member);
    if (wanted === 'whole') kept[member] = value;
    else if (wanted !== undefined && isJsonObject(value)) kept[member] = cut(value, wanted);
    else if (wanted !== undefined && Array.isArray(value)) {
      kept[member] = (value as readonly Json[]).map((item) => (isJsonObject(item) ? cut(item, wanted) : item));
    }
  }
  return kept;
}

interface CompiledFilter {
  readonly path: readonly string[];
  readonly wanted: string;
}

function compileFilter(filter: Filter): CompiledFilter {
  if (filter.value === null)
    throw new MirrorError('INTERNAL', 'runtime error: invalid memory address or nil pointer dereference');
  let node: Node | undefined = ARTICLE;
  const path = filter.field.split('.');
  for (const member of path) {
    node = descend(node, member);
    if (node === undefined) throw new MirrorError('INVALID_INPUT', `filter field '${filter.field}' does not exist`);
  }
  if (typeof node !== 'string') throw new MirrorError('INVALID_INPUT', `filter field '${filter.field}' is an object`);
  const fits =
    node === 'boolean' ? typeof filter.value === 'boolean' : node === 'text' ? true : Number.isFinite(Number(filter.value));
  if (!fits) throw new MirrorError('INVALID_INPUT', `the value of filter '${filter.field}' is not a ${node}`);
  return { path, wanted: String(filter.value) };
}

/** Text of a value as the filter compares it: large integers come out in exponent form and never match (upstream's bug). */
function textOf(value: Json | undefined): string | undefined {
  if (typeof value === 'number' && Math.abs(value) >= 1_000_000) return value.toExponential();
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

function passes(value: Json | undefined, path: readonly string[], wanted: string): boolean {
  if (Array.isArray(value)) return (value as readonly Json[]).every((item) => passes(item, path, wanted));
  const [member, ...rest] = path;
  if (member === undefined) return textOf(value) === wanted;
  return isJsonObject(value) && passes(value[member], rest, wanted);
}

/**
 * Compiles a subscription's selection; the result gives the record to send, or `undefined` when a filter holds it back.
 * @throws MirrorError `INVALID_INPUT` for what upstream answers with 422, `INTERNAL` for the null filter that crashes it
 */
export function compileSelection(
  fields: readonly string[],
  filters: readonly Filter[],
): (record: JsonObject) => JsonObject | undefined {
  const selection = compileFields(fields);
  // The same field given twice: the last one counts.
  const compiled = [...new Map(filters.map((filter) => [filter.field, compileFilter(filter)])).values()];
  return (record) => {
    if (!compiled.every(({ path, wanted }) => passes(record, path, wanted))) return undefined;
    return selection === undefined ? record : cut(record, selection);
  };
}
