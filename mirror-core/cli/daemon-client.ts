/** Typed client of a running daemon's control API, for the commands. Everything that arrives is checked against the contract. */
import { Value } from 'typebox/value';
import { Type, type Static, type TSchema } from 'typebox';
import {
  CatalogueProjectSchema,
  DatasetStatusSchema,
  ImportResultSchema,
  MirrorEventSchema,
  MirrorStatusSchema,
  QuarantineRowSchema,
  RemoveResultSchema,
  type CatalogueProject,
  type DatasetStatus,
  type ImportResult,
  type MirrorEvent,
  type MirrorStatus,
} from '../contracts/control-api.ts';
import { ERROR_CATALOGUE, type ErrorCode, isAbortError, messageOf, MirrorError } from '../contracts/errors.ts';
import type { ManifestRow, QuarantineRow } from '../contracts/store-port.ts';
import type { ImportOptions, LookupRequest, MirrorAccess, VerifyOptions, VerifyOutcome } from './mirror-access.ts';
import { readEvents, readLines } from './wire-streams.ts';

export interface DaemonAddress {
  /** `http://127.0.0.1:8750`, without a slash at the end. */
  readonly url: string;
  readonly token: string;
}

const ProblemSchema = Type.Object({
  title: Type.Union([Type.String(), Type.Null()]),
  seq: Type.Union([Type.Number(), Type.Null()]),
  problem: Type.String(),
});
const ReportSchema = Type.Object({
  dataset: Type.String(),
  checked: Type.Integer(),
  problems: Type.Integer(),
  examples: Type.Array(ProblemSchema),
});
const VerifyProgressSchema = Type.Object({ checked: Type.Integer(), total: Type.Integer() });
const ImportProgressSchema = Type.Object({ readBytes: Type.Integer(), records: Type.Integer() });
const ErrorBodySchema = Type.Object({
  status: Type.Optional(Type.Integer()),
  code: Type.Optional(Type.String()),
  message: Type.String(),
});

function isErrorCode(text: string | undefined): text is ErrorCode {
  return text !== undefined && Object.hasOwn(ERROR_CATALOGUE, text);
}

/** Codes for answers that carry none, such as those of a proxy in between. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  400: 'USAGE',
  401: 'AUTH_REQUIRED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  422: 'INVALID_INPUT',
  429: 'QUOTA_EXHAUSTED',
  507: 'NO_SPACE',
};

function errorFrom(body: unknown, status: number, url: string): MirrorError {
  if (!Value.Check(ErrorBodySchema, body)) {
    return new MirrorError(
      CODE_OF_STATUS[status] ?? 'DAEMON_UNREACHABLE',
      `${url} answered with status ${status} and no explanation; is it a Wikimirror?`,
    );
  }
  const code = isErrorCode(body.code) ? body.code : (CODE_OF_STATUS[body.status ?? status] ?? 'INTERNAL');
  return new MirrorError(code, body.message);
}

function checked<T extends TSchema>(schema: T, value: unknown, what: string): Static<T> {
  if (Value.Check(schema, value)) return value;
  const first = Value.Errors(schema, value)[0];
  throw new MirrorError(
    'DAEMON_UNREACHABLE',
    `the running Wikimirror answered ${what} in a form that this version does not know (${first?.instancePath ?? ''} ${first?.message ?? ''}); stop it and start it again with the same version`,
    { retryable: false },
  );
}

function isMember<K extends string>(value: unknown, name: K): value is Readonly<Record<K, unknown>> {
  return typeof value === 'object' && value !== null && name in value;
}

/** The mirror behind a URL. Methods throw MirrorError with the daemon's own code, or DAEMON_UNREACHABLE. */
export class DaemonClient implements MirrorAccess {
  readonly where: string;
  readonly #address: DaemonAddress;
  readonly #signal: AbortSignal;

  constructor(address: DaemonAddress, signal: AbortSignal) {
    this.where = address.url;
    this.#address = address;
    this.#signal = signal;
  }

  async status(): Promise<MirrorStatus> {
    return checked(MirrorStatusSchema, await this.#json('GET', '/api/status'), 'the status');
  }

  async dataset(id: string): Promise<DatasetStatus> {
    return checked(DatasetStatusSchema, await this.#json('GET', `/api/datasets/${encodeURIComponent(id)}`), 'a dataset');
  }

  async projects(search?: string): Promise<readonly CatalogueProject[]> {
    const query = search === undefined ? '' : `?search=${encodeURIComponent(search)}`;
    return checked(Type.Array(CatalogueProjectSchema), await this.#json('GET', `/api/projects${query}`), 'the projects');
  }

  async add(ids: readonly string[]): Promise<readonly DatasetStatus[]> {
    return checked(Type.Array(DatasetStatusSchema), await this.#json('POST', '/api/datasets', { datasets: ids }), 'the datasets');
  }

  async remove(id: string): Promise<{ freedBytes: number }> {
    return checked(RemoveResultSchema, await this.#json('DELETE', `/api/datasets/${encodeURIComponent(id)}`), 'the removal');
  }

  async act(id: string, action: 'pause' | 'resume' | 'sync'): Promise<DatasetStatus> {
    return checked(
      DatasetStatusSchema,
      await this.#json('POST', `/api/datasets/${encodeURIComponent(id)}/${action}`),
      'a dataset',
    );
  }

  async *manifest(id: string, tombstones: boolean): AsyncGenerator<ManifestRow> {
    const response = await this.#call('GET', `/api/datasets/${encodeURIComponent(id)}/manifest?tombstones=${String(tombstones)}`);
    // Rows come from our own server of the same version; checking millions of them would double the time.
    for await (const row of readLines(response)) yield row as ManifestRow;
  }

  async quarantine(id: string): Promise<readonly QuarantineRow[]> {
    const response = await this.#call('GET', `/api/datasets/${encodeURIComponent(id)}/quarantine`);
    return checked(Type.Array(QuarantineRowSchema), await response.json(), 'the quarantine');
  }

  async verify(id: string, options: VerifyOptions): Promise<VerifyOutcome> {
    const response = await this.#call('POST', `/api/datasets/${encodeURIComponent(id)}/verify`, { signal: options.signal });
    const report = await this.#job(response, (progress) => {
      const { checked: done, total } = checked(VerifyProgressSchema, progress, 'progress');
      options.onProgress(done, total);
    });
    return checked(ReportSchema, report, 'the report');
  }

  async import(options: ImportOptions): Promise<ImportResult> {
    const complete =
      options.completeSnapshotOf === undefined ? '' : `&complete=${encodeURIComponent(options.completeSnapshotOf)}`;
    const response = await this.#call('POST', `/api/import?name=${encodeURIComponent(options.sourceName)}${complete}`, {
      body: options.source,
      signal: options.signal,
    });
    const result = await this.#job(response, (progress) => {
      const { readBytes, records } = checked(ImportProgressSchema, progress, 'progress');
      options.onProgress(readBytes, records);
    });
    return checked(ImportResultSchema, result, 'the result');
  }

  async lookup(request: LookupRequest): Promise<readonly unknown[]> {
    const filters = request.project === undefined ? [] : [{ field: 'is_part_of.identifier', value: request.project }];
    const body = {
      ...(filters.length > 0 ? { filters } : {}),
      ...(request.fields === undefined ? {} : { fields: request.fields }),
    };
    const answer: unknown = await this.#json('POST', `/v2/articles/${encodeURIComponent(request.title)}`, body);
    return Array.isArray(answer) ? answer.map((record: unknown) => record) : [answer];
  }

  /** Events from now on, until the signal. Ends when the daemon closes the stream. */
  async *events(signal: AbortSignal): AsyncGenerator<MirrorEvent> {
    const response = await this.#call('GET', '/api/events', { signal });
    for await (const event of readEvents(response)) {
      if (event.type === 'message') yield checked(MirrorEventSchema, JSON.parse(event.text), 'an event');
    }
  }

  async #json(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await this.#call(method, path, body === undefined ? {} : { json: body });
    try {
      return await response.json();
    } catch (error) {
      if (isAbortError(error)) throw error;
      throw new MirrorError('DAEMON_UNREACHABLE', `${this.where} broke off its answer (${messageOf(error)})`, { cause: error });
    }
  }

  /** Reads the lines of a long job: progress, then the result or the error. */
  async #job(response: Response, onProgress: (progress: unknown) => void): Promise<unknown> {
    for await (const line of readLines(response)) {
      if (isMember(line, 'progress')) onProgress(line.progress);
      else if (isMember(line, 'error')) throw errorFrom(line.error, 500, this.where);
      else if (isMember(line, 'result')) return line.result;
    }
    throw new MirrorError('DAEMON_UNREACHABLE', `${this.where} ended its answer without a result; see its log`);
  }

  async #call(
    method: string,
    path: string,
    request: { json?: unknown; body?: AsyncIterable<Uint8Array>; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#address.token}`, accept: 'application/json, */*' };
    // The API takes calls that change something only with a content type that no foreign web page can send unasked.
    const text =
      request.json !== undefined
        ? JSON.stringify(request.json)
        : method === 'POST' && request.body === undefined
          ? '{}'
          : undefined;
    if (text !== undefined) headers['content-type'] = 'application/json';
    if (request.body !== undefined) headers['content-type'] = 'application/octet-stream';
    const signal = request.signal === undefined ? this.#signal : AbortSignal.any([this.#signal, request.signal]);
    let response: Response;
    try {
      response = await fetch(this.where + path, {
        method,
        headers,
        signal,
        redirect: 'error',
        ...(text === undefined ? {} : { body: text }),
        ...(request.body === undefined ? {} : { body: ReadableStream.from(request.body), duplex: 'half' as const }),
      });
    } catch (error) {
      if (signal.aborted) throw error;
      throw this.#unreachable(error);
    }
    if (response.ok) return response;
    throw errorFrom(await response.json().catch(() => undefined), response.status, this.where);
  }

  #unreachable(error: unknown): MirrorError {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return new MirrorError(
      'DAEMON_UNREACHABLE',
      `no Wikimirror answers at ${this.where} (${messageOf(cause)}); start it with npm start, or check --url`,
      {
        cause: error,
      },
    );
  }
}
