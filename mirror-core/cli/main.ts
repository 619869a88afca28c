/** The program behind `wikimirror`: wires the process to the command line. Started by launch.mjs. */
import { EXIT } from '../contracts/errors.ts';
import { host } from './host.ts';
import { runCli } from './program.ts';

/** Signals that arrive together are one: a terminal, npm and the launcher each pass the same Ctrl-C on. */
const SAME_SIGNAL_MS = 500;

// What is mirrored, logged and kept secret is for the owner alone, whatever the directory's own mode; LevelDB asks for no mode at all.
process.umask(0o077);

const args = process.argv.slice(2);
const stopping = new AbortController();
let firstSignalAt: number | undefined;

function onSignal(): void {
  const now = performance.now();
  if (firstSignalAt === undefined) {
    firstSignalAt = now;
    stopping.abort();
  } else if (now - firstSignalAt > SAME_SIGNAL_MS) {
    process.exit(EXIT.interrupted);
  }
}

// A practice upstream with a parent ends when the parent is done with it, not by the Ctrl-C that both receive.
const onInterrupt = args.includes('--with-parent') ? (): void => undefined : onSignal;
process.on('SIGINT', onInterrupt);
process.on('SIGTERM', onSignal);
process.on('SIGHUP', onSignal);

// `wikimirror manifest … | head`: the reader has enough, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});
// `npm start 2>&1 | head`, or a terminal that was closed: nobody is left to tell, so the work ends as by Ctrl-C. A log on a full disk
// comes here too; the mirror goes on without those lines.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || error.code === 'EIO') stopping.abort();
});

process.exitCode = await runCli(args, {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: stopping.signal,
  now: Date.now,
  host,
});
// Sockets kept open for reuse and half-read standard input must not hold a finished command; what is printed must still get out.
process.stdout.write('', () => process.exit());
