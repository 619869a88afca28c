// Runs the built program and stands aside: same terminal, same signals, same exit code.
import { spawn } from 'node:child_process';
import { canRunProgram } from './checks.mjs';

const FORWARDED = process.platform === 'win32' ? ['SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'];
/** Signals that must not end the launcher before its child. On Windows the console hands Ctrl-C to the child itself. */
const HELD = [...new Set(['SIGINT', ...FORWARDED])];

/**
 * glibc gives every thread an arena of its own, which the load's threads never give back: two of them keep a load of 2 GB with
 * 20 MiB lines 60 to 80 MB smaller, at no loss of speed that could be measured. Other C libraries ignore it.
 */
const MALLOC_ARENAS = '2';

/** Where relative paths on the command line count from: npm changes into the project's folder and remembers where it was called. */
function workingDirectory(root) {
  const called = process.env.INIT_CWD;
  return process.env.npm_lifecycle_event !== undefined && called !== undefined && process.cwd() === root ? called : process.cwd();
}

function once({ node, program, args, root }) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, ['--disable-warning=ExperimentalWarning', program, ...args], {
      stdio: 'inherit',
      cwd: workingDirectory(root),
      env: { ...process.env, MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? MALLOC_ARENAS },
    });
    // In a terminal Ctrl-C reaches the whole group, npm passes it on once more, and so do we: the program counts signals
    // that arrive together as one.
    const listeners = HELD.map((name) => [name, () => (FORWARDED.includes(name) ? child.kill(name) : undefined)]);
    for (const [name, listener] of listeners) process.on(name, listener);
    const release = () => {
      for (const [name, listener] of listeners) process.off(name, listener);
    };
    child.once('error', (error) => {
      release();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      release();
      resolve({ code, signal });
    });
  });
}

/** Runs the program and returns its exit code; ends by the same signal when the program did. */
export async function runProgram({ node, program, args, root, say }) {
  let end;
  try {
    end = await once({ node, program, args, root });
  } catch (error) {
    if (node === process.execPath || !canRunProgram(process.versions.node)) {
      say(
        `error: ${node} does not run on this machine (${error.code ?? error.message}); install Node.js 24 or newer from https://nodejs.org`,
      );
      return 1;
    }
    // The pinned Node is made for glibc; a system such as Alpine brings its own.
    end = await once({ node: process.execPath, program, args, root });
  }
  if (end.signal === null) return end.code ?? 1;
  process.kill(process.pid, end.signal);
  return 1;
}
