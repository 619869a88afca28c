/** `/practice/…`: how the made-up world is driven. Needs a key, so that no web page can drive it through the reader's browser. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import { MirrorError } from '../../contracts/errors.ts';
import { parseDatasetId } from '../../contracts/identifiers.ts';
import { goStringify } from '../go-json.ts';
import { ACTIONS, type ActReport, type ActRequest, type TruthRow } from '../world.ts';
import type { HiddenParts } from '../page-state.ts';
import { parseJsonObject, readBody } from './parameters.ts';
import { JSON_TYPE, NDJSON_TYPE, sendText } from './respond.ts';

export const PRACTICE_KEY_HEADER = 'x-practice-key';
const MAX_COUNT = 100_000;

/** What the control routes may ask of the server. */
export interface PracticeControl {
  readonly key: string;
  act(request: ActRequest): Promise<ActReport[]>;
  setRate(editsPerSecond: number): void;
  exportSnapshots(): Promise<void>;
  truth(datasetId: string): Iterable<TruthRow>;
  status(): PracticeStatus;
}

export interface PracticeStatus {
  readonly url: string;
  readonly storeUrl: string;
  readonly account: string;
  readonly editsPerSecond: number;
  readonly acts: number;
  /** Events held in the log. */
  readonly events: number;
  /** Open Realtime connections whose positions are set. */
  readonly streams: number;
  /** Realtime connections since the start. */
  readonly subscriptions: number;
  readonly isExporting: boolean;
  readonly wikis: readonly {
    readonly project: string;
    readonly name: string;
    readonly pages: number;
    readonly deleted: number;
  }[];
  readonly snapshots: readonly string[];
}

function invalid(message: string): MirrorError {
  return new MirrorError('INVALID_INPUT', message);
}

function hasKey(request: IncomingMessage, key: string): boolean {
  const given = request.headers[PRACTICE_KEY_HEADER];
  if (typeof given !== 'string') return false;
  const [a, b] = [Buffer.from(given), Buffer.from(key)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function optionalText(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || value === '') throw invalid(`${name} must be a text`);
  return value;
}

function visibilityOf(value: unknown): HiddenParts | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object') throw invalid('visibility must be an object with text, editor and comment');
  const { text, editor, comment } = value as Partial<Record<keyof HiddenParts, unknown>>;
  return { text: text !== false, editor: editor !== false, comment: comment !== false };
}

function actRequestOf(body: Readonly<Record<string, unknown>>): ActRequest {
  const action = ACTIONS.find((candidate) => candidate === body['action']);
  if (action === undefined) throw invalid(`action must be one of ${ACTIONS.join(', ')}`);
  const count = body['count'] ?? 1;
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 1 || count > MAX_COUNT)
    throw invalid(`count must be 1 to ${MAX_COUNT}`);
  const project = optionalText(body['project'], 'project');
  const title = optionalText(body['title'], 'title');
  const target = optionalText(body['target'], 'target');
  const visibility = visibilityOf(body['visibility']);
  return {
    action,
    count,
    ...(project === undefined ? {} : { project }),
    ...(title === undefined ? {} : { title }),
    ...(target === undefined ? {} : { target }),
    ...(visibility === undefined ? {} : { visibility }),
  };
}

async function sendTruth(response: ServerResponse, rows: Iterable<TruthRow>): Promise<void> {
  response.writeHead(200, { 'Content-Type': NDJSON_TYPE });
  for (const row of rows) {
    const line = `${goStringify({ title: row.title, record: row.record, visibility: { ...row.visibility } })}\n`;
    if (!response.write(line)) await once(response, 'drain');
  }
  response.end();
}

/** Answers one request whose path begins with `/practice/`. */
export async function answerControl(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  control: PracticeControl,
): Promise<void> {
  if (!hasKey(request, control.key)) {
    throw new MirrorError('FORBIDDEN', `The practice controls need their key in the header ${PRACTICE_KEY_HEADER}.`);
  }
  const reply = (value: unknown): void => sendText(response, 200, JSON_TYPE, JSON.stringify(value));
  const truth = /^\/practice\/truth\/([^/]+)$/.exec(path)?.[1];
  if (request.method === 'GET' && truth !== undefined) return sendTruth(response, control.truth(truth));
  switch (`${request.method ?? ''} ${path}`) {
    case 'GET /practice/status':
      reply(control.status());
      return;
    case 'POST /practice/act':
      reply(await control.act(actRequestOf(parseJsonObject(await readBody(request)))));
      return;
    case 'POST /practice/rate': {
      const rate = parseJsonObject(await readBody(request))['editsPerSecond'];
      if (typeof rate !== 'number' || !(rate >= 0 && rate <= 1000))
        throw invalid('editsPerSecond must be a number from 0 to 1000');
      control.setRate(rate);
      reply(control.status());
      return;
    }
    case 'POST /practice/export':
      await control.exportSnapshots();
      reply(control.status());
      return;
    default:
      throw new MirrorError('NOT_FOUND', `There is no practice control ${path}.`);
  }
}

/** The project and namespace of a dataset id. @throws MirrorError `NOT_FOUND` */
export function datasetOf(id: string): { readonly project: string; readonly namespaceId: number } {
  const dataset = parseDatasetId(id);
  if (dataset === undefined) throw new MirrorError('NOT_FOUND', `${id} is not a dataset id such as practiceenwiki_namespace_0.`);
  return dataset;
}
