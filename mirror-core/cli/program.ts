/** The command line as a tree of commands, and the one way every command ends. */
import { Command, CommanderError, type OutputConfiguration } from 'commander';
import { EXIT } from '../contracts/errors.ts';
import { VERSION } from '../host/version.ts';
import { logIn, logOut } from './commands/account.ts';
import { showConfig } from './commands/config.ts';
import { actOnDatasets, addDatasets, listProjects, removeDatasets } from './commands/datasets.ts';
import { runDoctor } from './commands/doctor.ts';
import { getArticle } from './commands/get.ts';
import { byteSize, plainNumber, wholeNumber } from './commands/ids.ts';
import { actInPractice, exportPractice, makeCorpus, servePractice, setPracticeRate } from './commands/practice.ts';
import { importFile, printManifest, printQuarantine, verifyDatasets } from './commands/records.ts';
import { serve, start } from './commands/serve.ts';
import { showStatus } from './commands/status.ts';
import { CliContext, type CliEnvironment, type GlobalOptions } from './context.ts';
import { describeFailure } from './failure.ts';
import { PRACTICE_ACTIONS } from './host-port.ts';

/** What a command does; a number is its exit code. */
type Work = (context: CliContext) => Promise<unknown>;
/** Hands the work of the chosen command to the runner. */
type Choose = (work: Work) => void;

function addServing(program: Command, choose: Choose): void {
  const withSettings = (command: Command): Command =>
    command
      .option('--host <address>', 'address to listen on')
      .option('--port <number>', 'port to listen on, 0 for any free one')
      .option('--allow-remote', 'let other machines reach the API')
      .option('--datasets <list>', 'datasets to mirror, with commas')
      .option('--log-level <level>', 'debug, info, warn, error or silent');
  withSettings(program.command('start').summary('mirror, and say what happens; practice mode without an account'))
    .description(
      'Starts the mirror. Without an account it runs in practice mode: a made-up Wikimedia on this machine is mirrored.',
    )
    .action((options: Parameters<typeof start>[1]) => choose((context) => start(context, options)));
  withSettings(program.command('serve').summary('mirror with exactly the configuration, for services and containers'))
    .description('Runs the mirror with exactly the configuration and logs to standard error.')
    .action((options: Parameters<typeof serve>[1]) => choose((context) => serve(context, options)));
}

function addPractice(program: Command, choose: Choose): void {
  const directory = ['--directory <path>', 'its own data (default: practice/upstream in the data directory)'] as const;
  const practice = program
    .command('practice')
    .summary('run the practice upstream, a small made-up Wikimedia')
    .option(...directory)
    .option('--port <number>', 'port to listen on, 0 for any free one', wholeNumber(0), 0)
    .option('--rate <number>', 'changes a minute that happen by themselves', plainNumber, 0)
    .option('--with-parent', 'stop when standard input ends')
    .action((options: Parameters<typeof servePractice>[1]) => choose((context) => servePractice(context, options)));
  practice
    .command('act <action>')
    .summary('make something happen')
    .description(`Makes something happen in the practice wikis now: ${PRACTICE_ACTIONS.join(', ')}.`)
    .option('--count <number>', 'how often', wholeNumber(1), 1)
    .option('--project <project>', 'in this wiki')
    .option('--title <title>', 'to this page')
    .action((action: string, _own: unknown, command: Command) =>
      choose((context) => actInPractice(context, action, command.optsWithGlobals())),
    );
  practice
    .command('rate <changes-per-minute>')
    .summary('how much happens by itself')
    .action((rate: string, _own: unknown, command: Command) =>
      choose((context) => setPracticeRate(context, plainNumber(rate), command.optsWithGlobals())),
    );
  practice
    .command('export')
    .summary('publish new snapshots now')
    .action((_own: unknown, command: Command) => choose((context) => exportPractice(context, command.optsWithGlobals())));
  practice
    .command('corpus <file>')
    .summary('write made-up records of any amount (.tar.gz or .ndjson)')
    .option('--size <amount>', 'uncompressed size', byteSize, 100_000_000)
    .option('--seed <number>', 'the same seed gives the same records', wholeNumber(0), 1)
    .option('--project <project>', 'project the records belong to', 'practicebigwiki')
    .action((file: string, options: Parameters<typeof makeCorpus>[2]) => choose((context) => makeCorpus(context, file, options)));
}

function addChoosing(program: Command, choose: Choose): void {
  program
    .command('login')
    .summary('test an account and keep its refresh token')
    .option('--username <name>', 'else WME_USERNAME, else asked for')
    .option('--password-stdin', 'read the password from standard input')
    .action((options: Parameters<typeof logIn>[1]) => choose((context) => logIn(context, options)));
  program
    .command('logout')
    .summary('revoke and forget the stored tokens')
    .action(() => choose(logOut));
  program
    .command('projects [search]')
    .summary('what upstream offers')
    .action((search?: string) => choose((context) => listProjects(context, search)));
  program
    .command('add <dataset...>')
    .summary('mirror datasets')
    .action((names: string[]) => choose((context) => addDatasets(context, names)));
  program
    .command('remove <dataset...>')
    .summary('stop mirroring datasets and erase them from disk')
    .option('-y, --yes', 'do not ask')
    .action((names: string[], options: { yes?: boolean }) => choose((context) => removeDatasets(context, names, options)));
  const actions = [
    ['pause', 'stop working on datasets for now (all when none is named)'],
    ['resume', 'go on with paused datasets (all when none is named)'],
    ['sync', 'look for something newer at once (all when none is named)'],
  ] as const;
  for (const [verb, summary] of actions) {
    program
      .command(`${verb} [dataset...]`)
      .summary(summary)
      .action((names: string[]) => choose((context) => actOnDatasets(context, names, verb)));
  }
}

function addReading(program: Command, choose: Choose): void {
  program
    .command('status')
    .summary('what is mirrored and how fresh it is')
    .option('-w, --watch', 'live, until Ctrl-C')
    .action((options: { watch?: boolean }) => choose((context) => showStatus(context, options)));
  program
    .command('get <title>')
    .summary('one article from the mirror')
    .option('--project <project>', 'of this project alone')
    .option('--fields <list>', 'only these members, with commas: name,version.identifier')
    .option('--html', 'only the HTML of the article')
    .option('--wikitext', 'only the wikitext of the article')
    .action((title: string, options: Parameters<typeof getArticle>[2]) =>
      choose((context) => getArticle(context, title, options)),
    );
  program
    .command('import <file>')
    .summary('load records from a file, or from standard input with -')
    .option('--dataset <dataset>', 'the dataset of which the file is the whole; goes with --complete')
    .option('--complete', 'the file is a whole snapshot: titles absent from it may be dropped')
    .action((file: string, options: Parameters<typeof importFile>[2]) => choose((context) => importFile(context, file, options)));
  program
    .command('verify [dataset...]')
    .summary('check every stored record (all datasets when none is named)')
    .action((names: string[]) => choose((context) => verifyDatasets(context, names)));
  program
    .command('manifest <dataset>')
    .summary('the inventory of a dataset, one JSON object a line')
    .option('--tombstones', 'deleted titles too')
    .action((name: string, options: { tombstones?: boolean }) => choose((context) => printManifest(context, name, options)));
  program
    .command('quarantine [dataset...]')
    .summary('lines that could not be read, with file, line and reason')
    .action((names: string[]) => choose((context) => printQuarantine(context, names)));
  program
    .command('config')
    .summary('look at the configuration')
    .command('show')
    .summary('every setting with its value and where it comes from')
    .action(() => choose(showConfig));
  program
    .command('doctor')
    .summary('what is wrong with this machine or account')
    .action(() => choose(runDoctor));
}

/** The whole command line. `choose` is called with the work of the chosen command. */
export function buildProgram(choose: Choose, output: OutputConfiguration): Command {
  const program = new Command('wikimirror')
    .description('Mirrors Wikimedia projects and answers the Enterprise API from local disk.')
    .version(VERSION, '-V, --version')
    .option('--json', 'machine-readable answer on standard output')
    .option('--data <directory>', 'directory that holds the mirror')
    .option('--config <file>', 'configuration file')
    .option('--url <address>', 'talk to the Wikimirror at this address (with WIKIMIRROR_TOKEN)')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .configureOutput(output)
    .exitOverride()
    .showHelpAfterError('(wikimirror --help shows all commands)');
  addServing(program, choose);
  addChoosing(program, choose);
  addReading(program, choose);
  addPractice(program, choose);
  return program;
}

function reportFailure(context: CliContext | undefined, environment: CliEnvironment, error: unknown, wantsJson: boolean): number {
  const failure = describeFailure(error);
  const isExplained = error instanceof CommanderError && !wantsJson;
  if (failure.exitCode !== EXIT.ok && !isExplained) {
    const words = wantsJson
      ? JSON.stringify({ error: { code: failure.code, message: failure.message, exitCode: failure.exitCode } })
      : `${context?.paintMessages('error:', 'bad') ?? 'error:'} ${failure.message}`;
    environment.stderr.write(`${words}\n`);
  }
  if (environment.env['WIKIMIRROR_DEBUG'] === '1' && error instanceof Error && error.stack !== undefined)
    environment.stderr.write(`${error.stack}\n`);
  return failure.exitCode;
}

/**
 * Runs one command line to its end.
 * @param args without the program's own name
 * @returns the exit code (contracts/errors.ts, EXIT)
 */
export async function runCli(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const wantsJson = args.includes('--json');
  let work: Work | undefined;
  let context: CliContext | undefined;
  try {
    const program = buildProgram((chosen) => (work = chosen), {
      writeOut: (text) => environment.stdout.write(text),
      writeErr: (text) => (wantsJson ? undefined : environment.stderr.write(text)),
      getOutHelpWidth: () => environment.stdout.columns || 80,
      getErrHelpWidth: () => environment.stderr.columns || 80,
    });
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync([...args], { from: 'user' });
    context = new CliContext(environment, program.opts<GlobalOptions>());
    environment.signal.throwIfAborted();
    const outcome = await work?.(context);
    return typeof outcome === 'number' ? outcome : EXIT.ok;
  } catch (error) {
    return reportFailure(context, environment, error, wantsJson);
  }
}
