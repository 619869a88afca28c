/** Questions at a terminal. Callers make sure that there is one. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { MirrorError } from '../../contracts/errors.ts';

export interface Questions {
  ask(question: string): Promise<string>;
  /** Like `ask`, without showing what is typed. */
  askHidden(question: string): Promise<string>;
}

/** Asks on `output` (standard error, so that standard output stays clean). @throws MirrorError USAGE when the input ends. */
export function terminalQuestions(input: NodeJS.ReadableStream, output: NodeJS.WritableStream, signal: AbortSignal): Questions {
  const ask = async (question: string, isHidden: boolean): Promise<string> => {
    let isMuted = false;
    const screen = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!isMuted) output.write(chunk);
        done();
      },
    });
    const lines = createInterface({ input, output: screen, terminal: true });
    const interrupted = new AbortController();
    // In raw mode Ctrl-C is a key, not a signal.
    lines.once('SIGINT', () => interrupted.abort());
    const ended = new Promise<never>((_resolve, reject) => {
      lines.once('close', () => reject(new MirrorError('USAGE', 'the input ended before the question was answered')));
    });
    try {
      const answer = lines.question(question, { signal: AbortSignal.any([signal, interrupted.signal]) });
      isMuted = isHidden;
      return await Promise.race([answer, ended]);
    } finally {
      // A close after the answer is ours, not the end of the input.
      ended.catch(() => undefined);
      lines.close();
      if (isHidden) output.write('\n');
    }
  };
  return { ask: (question) => ask(question, false), askHidden: (question) => ask(question, true) };
}
