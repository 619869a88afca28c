#!/usr/bin/env node
// Starts Wikimirror on a machine that has nothing but Node 20 or newer and npm: installs what is missing, builds when the sources
// are newer than the build, then runs the program under the Node version it is made for. Plain JavaScript, no dependencies:
// it runs before either exists. Words go to standard error; standard output belongs to the program.
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OLDEST_NODE } from './launch/checks.mjs';
import { runProgram } from './launch/run.mjs';
import { SetupFailure, SetupInterrupted, setUp } from './launch/setup.mjs';

const root = dirname(dirname(dirname(realpathSync(fileURLToPath(import.meta.url)))));
const say = (line) => process.stderr.write(`${line}\n`);

async function main(args) {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < OLDEST_NODE) {
    say(
      `Wikimirror needs Node.js ${OLDEST_NODE} or newer to start; this is ${process.versions.node}. Get it from https://nodejs.org`,
    );
    return 1;
  }
  const isSetupOnly = args[0] === '--setup-only';
  // The test suite, which runs after a setup alone, needs the development packages too.
  const node = await setUp({ root, say, isForDevelopment: isSetupOnly });
  if (isSetupOnly) return 0;
  return runProgram({ node, program: join(root, 'dist/mirror-core/cli/main.js'), args, root, say });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof SetupInterrupted) {
    say('Stopped. Nothing is broken: the next start continues.');
    // Ends the way the signal would have, so that npm and shells see an interrupted program and add no complaint of their own.
    process.kill(process.pid, error.signal);
  } else if (error instanceof SetupFailure) {
    say(`error: ${error.message}`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
