/** `login` and `logout`. */
import { MirrorError } from '../../contracts/errors.ts';
import type { CliContext } from '../context.ts';

export interface LoginOptions {
  readonly username?: string;
  readonly passwordStdin?: boolean;
}

/** Longest password read from standard input, in characters; more is a file piped in by mistake. */
const MAX_PASSWORD = 4096;

async function readFirstLine(stdin: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const piece of stdin) {
    text += piece.toString('utf8');
    if (text.includes('\n')) break;
    if (text.length > MAX_PASSWORD) throw new MirrorError('USAGE', 'standard input is too long for a password');
  }
  return text.split(/\r?\n/)[0] ?? '';
}

async function findPassword(context: CliContext, configured: string, options: LoginOptions): Promise<string> {
  if (options.passwordStdin === true) return readFirstLine(context.environment.stdin);
  if (configured !== '') return configured;
  if (context.canAsk) return context.questions.askHidden('Password: ');
  throw new MirrorError('AUTH_REQUIRED', 'no password given; set WME_PASSWORD, or use --password-stdin');
}

/** Tests the account and keeps its refresh token; the password is not stored. */
export async function logIn(context: CliContext, options: LoginOptions): Promise<void> {
  const loaded = await context.loaded();
  const { upstream } = loaded.config;
  let username = options.username ?? upstream.username;
  if (username === '' && context.canAsk) username = (await context.questions.ask(`Username at ${upstream.auth}: `)).trim();
  if (username === '') throw new MirrorError('AUTH_REQUIRED', 'no username given; use --username or set WME_USERNAME');
  const password = await findPassword(context, upstream.password, options);
  if (password === '') throw new MirrorError('AUTH_REQUIRED', 'the password is empty; try again');
  await context.host.login(loaded, context.quietLogger(loaded), username, password, context.signal);
  if (context.isJson) return context.printJson({ loggedIn: true, username });
  await context.print(`Logged in as ${username} at ${upstream.auth}. The password was not stored.`);
  context.message(
    'Next: wikimirror projects, then wikimirror add simplewiki_namespace_0, then npm start. A Wikimirror that runs already takes the account at its next start.',
  );
}

export async function logOut(context: CliContext): Promise<void> {
  const loaded = await context.loaded();
  const hadAccount = await context.host.logout(loaded, context.quietLogger(loaded), context.signal);
  if (context.isJson) return context.printJson({ loggedOut: hadAccount });
  await context.print(hadAccount ? 'Logged out; the stored tokens are revoked and gone.' : 'Nobody was logged in.');
}
