/** Long jobs over HTTP: progress as lines of JSON while they run, the outcome as the last line. */
import { PassThrough } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isAbortError, MirrorError } from '../contracts/errors.ts';
import { MEDIA_TYPE } from './negotiation.ts';
import { failureOf } from './failures.ts';

/** Progress lines are at least so far apart. */
const PROGRESS_INTERVAL_MS = 250;

export interface JobContext<Progress> {
  /** Aborted when the client goes away or the server stops. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

export interface JobStreamOptions {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly shutdown: AbortSignal;
  readonly now: () => number;
}

function stoppedError(): MirrorError {
  return new MirrorError(
    'DAEMON_UNREACHABLE',
    'The mirror was stopped before this was done; what it had stored by then is kept. Please start it again and repeat the command.',
  );
}

/**
 * Runs `job` for the client of `reply`. Lines: `{"progress":…}`, at last `{"result":…}` or `{"error":{status,code,message}}`.
 * An error before the first progress still becomes a plain error answer, since nothing was sent.
 */
export async function streamJob<Progress, Result>(
  { request, reply, shutdown, now }: JobStreamOptions,
  job: (context: JobContext<Progress>) => Promise<Result>,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  // A job may be silent for longer than other answers.
  request.raw.socket.setTimeout(0);
  const signal = AbortSignal.any([gone.signal, shutdown]);
  const lines = new PassThrough();
  const started = Promise.withResolvers<undefined>();
  let lastProgressMs = Number.NEGATIVE_INFINITY;
  const onProgress = (progress: Progress): void => {
    // A reader that does not keep up misses progress, never the result.
    if (now() - lastProgressMs < PROGRESS_INTERVAL_MS || lines.writableNeedDrain || lines.destroyed) return;
    lastProgressMs = now();
    lines.write(`${JSON.stringify({ progress })}\n`);
    started.resolve(undefined);
  };
  const running = job({ signal, onProgress }).then(
    (result) => {
      lines.end(`${JSON.stringify({ result })}\n`);
    },
    (thrown: unknown) => {
      const error = shutdown.aborted && isAbortError(thrown) ? stoppedError() : thrown;
      if (lastProgressMs === Number.NEGATIVE_INFINITY) throw error;
      const { status, code, message } = failureOf(error);
      request.log.warn({ event: 'job.failed', code, err: error }, 'job failed after it began');
      lines.end(`${JSON.stringify({ error: { status, code, message } })}\n`);
    },
  );
  await Promise.race([started.promise, running]);
  return (
    reply
      .header('content-type', MEDIA_TYPE.ndjson)
      .header('cache-control', 'no-store')
      // The connection ends with the job, so that stopping the mirror does not wait for it to fall idle.
      .header('connection', 'close')
      .send(lines)
  );
}
