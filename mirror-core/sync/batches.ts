/**
 * The middle path: accounts without the stream are kept current by hourly batches (contract §9, §15.4). Hours are applied in order
 * through the same table; files overlap, contain deletions and never visibility changes.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Codec } from '../contracts/article.ts';
import { isMirrorError, MirrorError } from '../contracts/errors.ts';
import type { DatasetWriter } from '../contracts/store-port.ts';
import type { BatchHour, UpstreamPort } from '../contracts/upstream-port.ts';
import { timeFromMs, timeToMs, type UpstreamTime } from '../contracts/upstream-time.ts';
import { readRecords, type BadLine } from '../pipeline/read-records.ts';
import { decodeBatch, type BatchCheckpoint } from './checkpoints.ts';
import type { LostStretch } from './gaps.ts';
import { toChange } from './record-change.ts';

export const HOUR_MS = 3_600_000;
/** A batch is published some minutes after its hour has ended. */
const PUBLICATION_DELAY_MS = 10 * 60_000;
const COMMIT_BYTES = 4 * 1024 * 1024;
const REMEMBERED_HOURS = 24;
/** A project that had a batch in so many of the last hours is expected to have one in the next. */
const USUALLY_PRESENT = 20;

export interface BatchContext {
  readonly upstream: UpstreamPort;
  readonly store: DatasetWriter;
  readonly codec: Codec;
  readonly downloads: string;
  readonly retentionMs: number;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly onLost: (lost: LostStretch) => Promise<void>;
  readonly onBadLine: (source: string, bad: BadLine) => void;
  readonly onHour: (doneUntilMs: number) => void;
}

export function batchHour(ms: number): BatchHour {
  const iso = new Date(ms).toISOString();
  return { date: iso.slice(0, 10), hour: iso.slice(11, 13) };
}

/** The first hour to read after a snapshot: the one before its export began. */
export function firstHour(exportedAfter: UpstreamTime): number {
  return Math.floor(timeToMs(exportedAfter) / HOUR_MS) * HOUR_MS - HOUR_MS;
}

/** When the batch of the hour that begins at `hourMs` can be expected. */
export function dueAt(hourMs: number): number {
  return hourMs + HOUR_MS + PUBLICATION_DELAY_MS;
}

/**
 * Applies every batch that is due, in order, each with its checkpoint.
 * @returns time up to which the dataset is complete, ms since the epoch
 */
export async function applyBatches(context: BatchContext, startMs: number): Promise<number> {
  const { store, now, signal } = context;
  let checkpoint: BatchCheckpoint = decodeBatch(await store.checkpoint('batch')) ?? { nextHourMs: startMs, present: [] };
  const reachMs = Math.ceil((now() - context.retentionMs) / HOUR_MS) * HOUR_MS;
  if (checkpoint.nextHourMs < reachMs) {
    await context.onLost({ cause: 'snapshot-too-old', from: timeFromMs(checkpoint.nextHourMs), until: timeFromMs(reachMs) });
    checkpoint = { nextHourMs: reachMs, present: [] };
    await store.commit({ batch: checkpoint });
  }
  while (dueAt(checkpoint.nextHourMs) <= now()) {
    signal.throwIfAborted();
    const hourMs = checkpoint.nextHourMs;
    const isPresent = await applyHour(context, hourMs);
    const usual = checkpoint.present.filter(Boolean).length >= USUALLY_PRESENT;
    if (!isPresent && usual) {
      await context.onLost({ cause: 'batch-missing', from: timeFromMs(hourMs), until: timeFromMs(hourMs + HOUR_MS) });
    }
    checkpoint = { nextHourMs: hourMs + HOUR_MS, present: [...checkpoint.present, isPresent].slice(-REMEMBERED_HOURS) };
    await store.commit({ batch: checkpoint });
    context.onHour(checkpoint.nextHourMs);
  }
  return checkpoint.nextHourMs;
}

async function applyHour(context: BatchContext, hourMs: number): Promise<boolean> {
  const { upstream, store, codec, signal } = context;
  const hour = batchHour(hourMs);
  const info = await upstream.batch(store.id, hour, signal);
  if (info === undefined) return false;
  const folder = join(context.downloads, store.id);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const source = `${store.id} batch ${hour.date} ${hour.hour}:00`;
  let path: string;
  try {
    const file = await upstream.download({
      target: { kind: 'batch', dataset: store.id, hour },
      path: join(folder, `batch_${hour.date}_${hour.hour}.tar.gz`),
      md5: info.version,
      signal,
    });
    path = file.path;
  } catch (error) {
    // Listed a moment ago and gone now: it left upstream's retention.
    if (isMirrorError(error, 'NOT_FOUND')) return false;
    throw error;
  }
  const batches = readRecords({ path, name: source }, { codec, signal, onBadLine: (bad) => context.onBadLine(source, bad) });
  for (;;) {
    const step = await batches.next();
    if (step.done === true) {
      if (step.value.isDamaged) {
        throw new MirrorError(
          'ARCHIVE_DAMAGED',
          `${source} is damaged: ${step.value.badLines} of ${step.value.lines} lines could not be read.`,
        );
      }
      break;
    }
    await store.stage(
      step.value.records.filter((record) => record.keys.project === store.project).map((record) => toChange(record, 'batch')),
    );
    // Bounded memory; the hour's checkpoint moves only after its last record.
    if (store.stagedBytes >= COMMIT_BYTES) await store.commit();
  }
  await rm(path, { force: true });
  return true;
}
