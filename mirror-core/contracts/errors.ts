/**
 * Every error thrown on purpose, and the one catalogue that says what each code means at our boundaries:
 * the HTTP status of the API, the exit code of the command line, and whether trying again can help.
 */

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Exit codes of `wikimirror`; documented in docs/cli.md, stable. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  config: 3,
  auth: 4,
  forbidden: 5,
  quota: 6,
  notFound: 7,
  noSpace: 8,
  damaged: 9,
  portInUse: 10,
  dataDirectory: 11,
  unreachable: 12,
  interrupted: 130,
} as const;

interface CatalogueEntry {
  readonly http: number;
  readonly exit: number;
  readonly retryable: boolean;
}

export const ERROR_CATALOGUE = {
  USAGE: { http: 400, exit: EXIT.usage, retryable: false },
  CONFIG_INVALID: { http: 422, exit: EXIT.config, retryable: false },
  AUTH_REQUIRED: { http: 401, exit: EXIT.auth, retryable: false },
  AUTH_FAILED: { http: 401, exit: EXIT.auth, retryable: false },
  FORBIDDEN: { http: 403, exit: EXIT.forbidden, retryable: false },
  QUOTA_EXHAUSTED: { http: 429, exit: EXIT.quota, retryable: false },
  NOT_FOUND: { http: 404, exit: EXIT.notFound, retryable: false },
  UNKNOWN_PROJECT: { http: 404, exit: EXIT.notFound, retryable: false },
  INVALID_INPUT: { http: 422, exit: EXIT.usage, retryable: false },
  CONFLICT: { http: 409, exit: EXIT.usage, retryable: false },
  NO_SPACE: { http: 507, exit: EXIT.noSpace, retryable: true },
  ARCHIVE_DAMAGED: { http: 422, exit: EXIT.damaged, retryable: false },
  RECORD_INVALID: { http: 422, exit: EXIT.damaged, retryable: false },
  LINE_TOO_LONG: { http: 422, exit: EXIT.damaged, retryable: false },
  CHECKSUM_MISMATCH: { http: 502, exit: EXIT.damaged, retryable: true },
  SNAPSHOT_CHANGED: { http: 502, exit: EXIT.unreachable, retryable: true },
  UPSTREAM_UNREACHABLE: { http: 502, exit: EXIT.unreachable, retryable: true },
  UPSTREAM_ERROR: { http: 502, exit: EXIT.unreachable, retryable: true },
  UPSTREAM_RATE_LIMITED: { http: 503, exit: EXIT.quota, retryable: true },
  UPSTREAM_PROTOCOL: { http: 502, exit: EXIT.unreachable, retryable: false },
  PORT_IN_USE: { http: 500, exit: EXIT.portInUse, retryable: false },
  DATA_LOCKED: { http: 503, exit: EXIT.dataDirectory, retryable: false },
  DATA_NEWER: { http: 500, exit: EXIT.dataDirectory, retryable: false },
  DATA_MISMATCH: { http: 500, exit: EXIT.dataDirectory, retryable: false },
  DATA_UNWRITABLE: { http: 500, exit: EXIT.dataDirectory, retryable: false },
  STORE_CORRUPT: { http: 500, exit: EXIT.damaged, retryable: false },
  STORE_IO: { http: 500, exit: EXIT.damaged, retryable: true },
  DAEMON_UNREACHABLE: { http: 502, exit: EXIT.unreachable, retryable: true },
  DAEMON_REQUIRED: { http: 503, exit: EXIT.unreachable, retryable: false },
  INTERNAL: { http: 500, exit: EXIT.unexpected, retryable: false },
} as const satisfies Record<string, CatalogueEntry>;

/** Stable API: clients and scripts may compare these. */
export type ErrorCode = keyof typeof ERROR_CATALOGUE;

export interface MirrorErrorDetails {
  readonly cause?: unknown;
  /** Overrides the catalogue where the case at hand knows better (a 401 in the middle of a refresh, say). */
  readonly retryable?: boolean;
  /** Facts for logs and `--json`; never secrets. */
  readonly context?: Readonly<Record<string, JsonValue>>;
  /** Milliseconds the other side asked us to wait (`Retry-After`). */
  readonly retryAfterMs?: number;
}

/** Base of every error we throw on purpose. `code` is stable; `message` is for people: what happened, to what, what to do. */
export class MirrorError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly context: Readonly<Record<string, JsonValue>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: MirrorErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MirrorError';
    this.code = code;
    this.retryable = details.retryable ?? ERROR_CATALOGUE[code].retryable;
    this.context = details.context ?? {};
    this.retryAfterMs = details.retryAfterMs;
  }
}

/** Whether `error` is one of ours, optionally with this code. */
export function isMirrorError(error: unknown, code?: ErrorCode): error is MirrorError {
  return error instanceof MirrorError && (code === undefined || error.code === code);
}

/** Whether `error` is how an aborted operation ends (DOMException or Node's own AbortError). */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
