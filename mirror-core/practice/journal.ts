/** Keeps the practice state on disk: one file of operations, a line per act, rewritten now and then to what still counts. */
import { closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { MirrorError } from '../contracts/errors.ts';
import type { Operation } from './world-state.ts';

const FILE = 'practice-journal.ndjson';
/** The journal is rewritten when it has grown to this many lines more than it began with. */
const COMPACT_AFTER_LINES = 20_000;

/** What the first line of a journal says, so that a directory is not continued with other options by mistake. */
export interface JournalIdentity {
  readonly format: 1;
  readonly seed: number;
  readonly wikis: readonly string[];
}

export class Journal {
  readonly #path: string;
  readonly #identity: JournalIdentity;
  #file: number | undefined;
  #lines = 0;

  constructor(directory: string, identity: JournalIdentity) {
    this.#path = join(directory, FILE);
    this.#identity = identity;
  }

  get exists(): boolean {
    return existsSync(this.#path);
  }

  /**
   * Reads everything kept. A last line that was cut off by a crash is left out: its act had not been seen by anybody.
   * @throws MirrorError `DATA_MISMATCH` when the directory belongs to other practice wikis
   */
  async *read(): AsyncGenerator<readonly Operation[]> {
    const file = await open(this.#path);
    let isFirst = true;
    for await (const line of file.readLines()) {
      const parsed = parseLine(line);
      if (isFirst) {
        if (JSON.stringify(parsed) !== JSON.stringify(this.#identity)) {
          throw new MirrorError(
            'DATA_MISMATCH',
            `${this.#path} was made with other options (seed, wikis or version): remove the directory or start with the options it was made with.`,
          );
        }
        isFirst = false;
      } else if (Array.isArray(parsed)) {
        yield parsed as Operation[];
      }
    }
  }

  /** Writes the journal anew, whole or not at all, and keeps it open for what follows. */
  rewrite(operations: Iterable<Operation>): void {
    const fresh = `${this.#path}.new`;
    rmSync(fresh, { force: true });
    const file = openSync(fresh, 'a', 0o600);
    let text = `${JSON.stringify(this.#identity)}\n`;
    for (const operation of operations) {
      text += `${JSON.stringify([operation])}\n`;
      if (text.length > 1_000_000) {
        writeSync(file, text);
        text = '';
      }
    }
    writeSync(file, text);
    this.close();
    renameSync(fresh, this.#path);
    this.#file = file;
    this.#lines = 0;
  }

  /**
   * Adds one act. Written before anybody can see its events: otherwise a killed and restarted upstream would give
   * offsets out twice, which the real one never does.
   */
  append(operations: readonly Operation[]): void {
    if (this.#file === undefined) return;
    writeSync(this.#file, `${JSON.stringify(operations)}\n`);
    this.#lines += 1;
  }

  get isLong(): boolean {
    return this.#lines > COMPACT_AFTER_LINES;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
