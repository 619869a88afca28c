/** What a practice upstream can be told. */
import type { Logger } from 'pino';
import type { AccountKind, Counter } from './accounts.ts';
import type { SnapshotFlaws } from './snapshots.ts';

export interface PracticeOptions {
  /** Where the whole state is kept, so that a restart goes on with the same pages, offsets, snapshots and tokens; `null` for memory only. */
  readonly directory: string | null;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Port of the main origin (auth, API and Realtime on one); 0 (default) for any free one. The store origin always takes a free one. */
  readonly port?: number;
  /** Content is made from it alone. Default 1. */
  readonly seed?: number;
  /** Project ids of some of the practice wikis; default all. */
  readonly wikis?: readonly string[];
  /** Things that happen by themselves; default 0, none. */
  readonly editsPerSecond?: number;
  /** `free`: snapshots, chunks and On-demand; `batches`: hourly batches too; `realtime` (default): everything. */
  readonly account?: AccountKind;
  /** When given, only these sign in; otherwise any. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** `true`: GET on a download answers 200 or 206 itself; `false` (default): 307 to the store origin. */
  readonly directDownloads?: boolean;
  /** Of the stream and the batches, in ms; default 48 h. */
  readonly retentionMs?: number;
  /** A new generation of all snapshots every so many ms; 0 (default) only by command. */
  readonly snapshotEveryMs?: number;
  /** Raw size of a chunk, about; default 1 MiB, which gives the larger practice wikis several chunks and members. */
  readonly chunkBytes?: number;
  /** Pause after each step of an export, in ms; default 0. Larger: a client can meet a half-replaced chunk set. */
  readonly exportStepMs?: number;
  /** Imperfections of snapshots, as shares. Defaults: half of the gone pages as ghosts, 0.5 % duplicates, 0.5 % holes. */
  readonly flaws?: Partial<SnapshotFlaws>;
  /** Monthly caps; 429 beyond. Default: the documented ones for a free account, none for the others. */
  readonly quotas?: Readonly<Partial<Record<Counter, number>>>;
  /** Of access tokens, in ms; default 24 h. */
  readonly tokenLifetimeMs?: number;
  /** Events a second of a Realtime connection to all parts; 0 (default) for no throttle. Upstream's own is 50. */
  readonly streamThrottle?: number;
  /** How long after the hour a batch appears, in ms; default 60 s. */
  readonly batchDelayMs?: number;
  /** Things that happened in the six hours before the first start; default 60. */
  readonly historyActs?: number;
  readonly now?: () => number;
  readonly logger?: Logger;
}

export const DEFAULTS = {
  host: '127.0.0.1',
  seed: 1,
  chunkBytes: 1024 * 1024,
  flaws: { ghostRate: 0.5, duplicateRate: 0.005, holeRate: 0.005 },
  tokenLifetimeMs: 86_400_000,
  batchDelayMs: 60_000,
  historyActs: 60,
} as const;
