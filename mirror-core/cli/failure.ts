/** The one place that turns whatever was thrown into words and an exit code. */
import { CommanderError } from 'commander';
import { ERROR_CATALOGUE, EXIT, isAbortError, isMirrorError, messageOf, type MirrorError } from '../contracts/errors.ts';

export interface FailureWords {
  readonly exitCode: number;
  readonly code: string;
  /** Empty when everything was said already. */
  readonly message: string;
}

/** What to do, for codes whose messages leave it open. */
const ADVICE: Partial<Record<MirrorError['code'], string>> = {
  AUTH_REQUIRED: 'log in with wikimirror login, or set WME_USERNAME and WME_PASSWORD',
  AUTH_FAILED: 'check the username and the password, then run wikimirror login again',
  FORBIDDEN: 'the account may not do this; see what it may do with wikimirror status',
  QUOTA_EXHAUSTED: 'wait for the next month or ask for a larger quota; wikimirror status shows its use',
  UNKNOWN_PROJECT: 'wikimirror projects lists what there is',
  NO_SPACE: 'free some space, or choose another place with --data',
  ARCHIVE_DAMAGED: 'get the file again',
  CHECKSUM_MISMATCH: 'try again; if it happens again, the file is damaged at its source',
  UPSTREAM_UNREACHABLE: 'check the connection and the addresses in wikimirror config show, then try again',
  PORT_IN_USE: 'stop the other program, or choose another port with --port (WIKIMIRROR_PORT)',
  DATA_LOCKED: 'use the Wikimirror that runs there, or stop it first',
  DATA_NEWER: 'update Wikimirror, or choose another place with --data',
  DATA_UNWRITABLE: 'check who owns the directory, or choose another place with --data',
  STORE_CORRUPT: 'remove the dataset and add it again; it is then loaded anew',
};

function withAdvice(error: MirrorError): string {
  const advice = ADVICE[error.code];
  // A message that already names a way out needs no second one.
  const saysWhatToDo =
    /[;:.] (?:use|check|choose|free|start|stop|run|set|try|log in|update|remove|delete|restore)\b|wikimirror [a-z]+/i.test(
      error.message,
    );
  return advice === undefined || saysWhatToDo ? error.message : `${error.message.replace(/[.\s]+$/, '')}; ${advice}`;
}

/** Words and exit code of anything thrown by a command. */
export function describeFailure(error: unknown): FailureWords {
  if (isMirrorError(error)) return { exitCode: ERROR_CATALOGUE[error.code].exit, code: error.code, message: withAdvice(error) };
  if (isAbortError(error)) return { exitCode: EXIT.interrupted, code: 'INTERRUPTED', message: 'interrupted' };
  if (error instanceof CommanderError) {
    // Help and version were printed on request; usage errors were explained by commander itself.
    return {
      exitCode: error.exitCode === 0 ? EXIT.ok : EXIT.usage,
      code: 'USAGE',
      message: error.message.replace(/^error: /, ''),
    };
  }
  return {
    exitCode: EXIT.unexpected,
    code: 'INTERNAL',
    message: `something went wrong that should not have: ${messageOf(error)}; please report it (WIKIMIRROR_DEBUG=1 shows where)`,
  };
}
