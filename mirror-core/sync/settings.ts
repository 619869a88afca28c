/** The part of the configuration that the engine follows; read again at every use, so that a reloaded file takes effect. */
export interface SyncSettings {
  readonly snapshotCheckMs: number;
  readonly silenceMs: number;
  readonly watchdogMs: number;
  readonly retentionMs: number;
  readonly settlePerDay: number;
  readonly tombstoneMs: number;
  readonly eraseDelayMs: number;
  readonly reserveBytes: number;
}
