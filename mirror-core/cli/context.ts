/** What every command gets: streams, environment, signal, configuration, the way to the mirror. */
import type { Logger } from 'pino';
import { type ConfigSources, loadConfig, type LoadedConfig } from '../config/load.ts';
import { createLogger, type ProcessLogger } from '../observability/logger.ts';
import type { HostPort } from './host-port.ts';
import { type Paint, painter, wantsColor } from './terminal/colors.ts';
import { terminalQuestions, type Questions } from './terminal/prompt.ts';

export interface OutputStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
  once(event: 'drain', listener: () => void): unknown;
}

/** The process around a command, as values, so that tests run commands without one. */
export interface CliEnvironment {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly host: HostPort;
  /** Instead of the machine's usual place; for tests. */
  readonly defaultData?: string;
  /** Asks questions on the terminal; for tests. */
  readonly questions?: Questions;
}

/** Options that every command takes. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly data?: string;
  readonly config?: string;
  readonly url?: string;
}

export class CliContext {
  readonly environment: CliEnvironment;
  readonly options: GlobalOptions;
  readonly paint: Paint;
  /** Colours for standard error. */
  readonly paintMessages: Paint;
  #loaded: LoadedConfig | undefined;
  #processLogger: ProcessLogger | undefined;

  constructor(environment: CliEnvironment, options: GlobalOptions) {
    this.environment = environment;
    this.options = options;
    this.paint = painter(wantsColor(environment.stdout.isTTY === true, environment.env));
    this.paintMessages = painter(wantsColor(environment.stderr.isTTY === true, environment.env));
  }

  get host(): HostPort {
    return this.environment.host;
  }

  get signal(): AbortSignal {
    return this.environment.signal;
  }

  get isJson(): boolean {
    return this.options.json === true;
  }

  /** Whether a person can be asked. */
  get canAsk(): boolean {
    return this.environment.stdin.isTTY === true && this.environment.stderr.isTTY === true && !this.isJson;
  }

  get questions(): Questions {
    const { questions, stdin, signal } = this.environment;
    return questions ?? terminalQuestions(stdin, process.stderr, signal);
  }

  /** Sources of the configuration for this call; `flags` come from the command's own options. */
  sources(flags: ConfigSources['flags'] = {}): ConfigSources {
    const { env, cwd, defaultData } = this.environment;
    return {
      env,
      cwd,
      ...(defaultData === undefined ? {} : { defaultData }),
      file: this.options.config,
      flags: { data: this.options.data, ...flags },
    };
  }

  /** The effective configuration, read once; warnings go to standard error. */
  async loaded(flags?: ConfigSources['flags']): Promise<LoadedConfig> {
    if (this.#loaded !== undefined && flags === undefined) return this.#loaded;
    const loaded = await loadConfig(this.sources(flags));
    if (this.#loaded === undefined) for (const warning of loaded.warnings) this.message(`warning: ${warning}`);
    this.#loaded = loaded;
    return loaded;
  }

  /** Log for work done in this process. One-off commands stay quiet below warnings unless the level was asked for. */
  logger(loaded: LoadedConfig, isDaemon = false): ProcessLogger {
    const isChosen = loaded.origins.get('log.level') !== 'default';
    const level = isDaemon || isChosen ? loaded.config.log.level : 'error';
    this.#processLogger ??= createLogger({
      level,
      stream: this.environment.stderr,
      useColor: wantsColor(this.environment.stderr.isTTY === true, this.environment.env),
    });
    return this.#processLogger;
  }

  quietLogger(loaded: LoadedConfig): Logger {
    return this.logger(loaded).logger;
  }

  /** A line of the answer, on standard output. Waits while the reader does not keep up. */
  async print(line: string): Promise<void> {
    const { stdout } = this.environment;
    if (!stdout.write(`${line}\n`)) await new Promise<void>((resolve) => stdout.once('drain', resolve));
  }

  /** The answer as one JSON document. */
  async printJson(value: unknown): Promise<void> {
    const isForPeople = this.environment.stdout.isTTY === true;
    await this.print(JSON.stringify(value, undefined, isForPeople ? 2 : undefined));
  }

  /** A line about the answer, on standard error. */
  message(line: string): void {
    this.environment.stderr.write(`${line}\n`);
  }
}
