/** What one dataset's sync is given by the mirror. */
import type { Logger } from 'pino';
import type PQueue from 'p-queue';
import type { Codec } from '../contracts/article.ts';
import type { DatasetId } from '../contracts/identifiers.ts';
import type { DatasetWriter } from '../contracts/store-port.ts';
import type { SyncState } from '../contracts/sync-state.ts';
import type { Capabilities, UpstreamPort } from '../contracts/upstream-port.ts';
import type { ProgressFigures } from './progress.ts';
import type { RealtimeService } from './realtime/realtime-service.ts';

export interface DatasetSettings {
  readonly snapshotCheckMs: number;
  readonly silenceMs: number;
  readonly retentionMs: number;
}

export interface DatasetSyncOptions {
  readonly store: DatasetWriter;
  readonly upstream: UpstreamPort;
  readonly capabilities: (signal: AbortSignal) => Promise<Capabilities>;
  readonly realtime: RealtimeService;
  /** Few loads at a time: two of them already fill the disk's bandwidth. */
  readonly loads: PQueue;
  readonly codec: Codec;
  readonly downloads: string;
  readonly settings: () => DatasetSettings;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
  readonly ensureSpace: (bytes: number) => Promise<void>;
  readonly spendLookup: () => boolean;
  readonly onState: (id: DatasetId, from: SyncState, to: SyncState) => void;
  readonly onProgress: (id: DatasetId, figures: ProgressFigures) => void;
  readonly onNotice: (type: string, id: DatasetId, message: string) => void;
}
