/** What the command line asks of `host/`. Implemented there, loaded on demand by `host.ts`; tests hand in their own. */
import type { Logger } from 'pino';
import type { LoadedConfig } from '../config/load.ts';
import type { MirrorControl, MirrorReader } from '../contracts/control-port.ts';
import type { LogLevel } from '../observability/logger.ts';

/** The mirror opened in this process, without server and schedule. */
export interface OfflineMirror {
  readonly control: MirrorControl;
  readonly reader: MirrorReader;
}

export interface LookupOptions {
  /** Only this project. */
  readonly project: string | undefined;
  /** Members by dotted path; `undefined` for whole records. */
  readonly fields: readonly string[] | undefined;
}

/** The mirror opened for one command. */
export interface LocalDoors extends OfflineMirror {
  /** What the API's look-up by name would answer: the same spellings, order and members. Empty when there is no such article. */
  readonly lookup: (title: string, options: LookupOptions) => Promise<readonly Uint8Array[]>;
}

/** The mirror that runs in this process and serves. */
export interface RunningMirror extends OfflineMirror {
  /** Where the API listens, `http://127.0.0.1:8750`. */
  readonly url: string;
}

export interface DaemonOptions {
  readonly logger: Logger;
  /** For changes of `log.level` while running. */
  readonly setLogLevel: (level: LogLevel) => void;
  /** Stops the daemon cleanly; `runDaemon` then resolves. */
  readonly signal: AbortSignal;
  /** Called once, when the API answers. */
  readonly onReady?: (running: RunningMirror) => void;
}

/** Where the practice upstream answers; one origin for all three services. */
export interface RunningPractice {
  readonly url: string;
}

export interface PracticeOptions {
  /** Its own data; made when absent. */
  readonly directory: string;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Edits, creations, moves, deletions … a minute, made by themselves. 0 for none. */
  readonly changesPerMinute: number;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly onReady?: (running: RunningPractice) => void;
}

export const PRACTICE_ACTIONS = [
  'edit',
  'double-edit',
  'create',
  'move',
  'delete',
  'undelete',
  'hide',
  'unhide',
  'overtake',
  'replay',
  'random',
] as const;
export type PracticeAction = (typeof PRACTICE_ACTIONS)[number];

export interface PracticeActRequest {
  readonly action: PracticeAction;
  readonly count: number;
  readonly project?: string;
  readonly title?: string;
}

/** One thing the practice upstream did. */
export interface PracticeDeed {
  readonly action: string;
  readonly project: string;
  readonly title: string;
}

export interface CorpusRequest {
  /** File to write; `.tar.gz` or `.ndjson`. */
  readonly path: string;
  readonly project: string;
  /** Uncompressed size aimed at. */
  readonly sizeBytes: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (doneBytes: number) => void;
}

export interface CorpusResult {
  readonly path: string;
  readonly records: number;
  readonly rawBytes: number;
}

/** One thing that was looked at. `advice` says what to do unless all is well. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem';
  /** What was looked at, a few words. */
  readonly subject: string;
  readonly message: string;
  readonly advice?: string;
}

export interface HostPort {
  /**
   * Opens the data directory in this process for the time of `work` (host/offline.ts).
   * @throws MirrorError DATA_LOCKED when another process has it, DATA_NEWER, DATA_MISMATCH, DATA_UNWRITABLE
   */
  withMirror<T>(loaded: LoadedConfig, logger: Logger, work: (mirror: LocalDoors) => Promise<T>): Promise<T>;
  /** Runs the mirror until `signal` (host/daemon.ts). It watches the configuration file and the sideload folder and writes `run/daemon.json`. */
  runDaemon(loaded: LoadedConfig, options: DaemonOptions): Promise<void>;
  /** Runs the practice upstream until `signal` (host/practice-process.ts). */
  runPracticeProcess(options: PracticeOptions): Promise<void>;
  /** Makes the practice upstream whose state lies in `directory` (it notes its address and key there while it runs) do something now (host/practice-process.ts). */
  actOnPractice(directory: string, request: PracticeActRequest, signal: AbortSignal): Promise<readonly PracticeDeed[]>;
  setPracticeRate(directory: string, changesPerMinute: number, signal: AbortSignal): Promise<void>;
  /** Makes it publish new snapshots of everything now. */
  exportPractice(directory: string, signal: AbortSignal): Promise<void>;
  writePracticeCorpus(request: CorpusRequest): Promise<CorpusResult>;
  /**
   * Logs in upstream and keeps the refresh token, never the password (host/account.ts).
   * @throws MirrorError AUTH_FAILED, UPSTREAM_UNREACHABLE
   */
  login(loaded: LoadedConfig, logger: Logger, username: string, password: string, signal: AbortSignal): Promise<void>;
  /** Revokes and forgets the stored tokens. `false` when there were none. */
  logout(loaded: LoadedConfig, logger: Logger, signal: AbortSignal): Promise<boolean>;
  /** Whether tokens of an account are stored for this data directory. */
  hasStoredAccount(loaded: LoadedConfig): Promise<boolean>;
  /** Looks at what needs the upstream client: reachability, account, capabilities, quota, clock difference. */
  diagnose(loaded: LoadedConfig, logger: Logger, signal: AbortSignal): Promise<readonly Finding[]>;
}
