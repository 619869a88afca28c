/** `status`, once or live. */
import { stripVTControlCharacters } from 'node:util';
import type { MirrorStatus } from '../../contracts/control-api.ts';
import { isAbortError, isMirrorError, MirrorError } from '../../contracts/errors.ts';
import { connectDaemon, withAccess } from '../connect.ts';
import type { CliContext } from '../context.ts';
import type { MirrorAccess } from '../mirror-access.ts';
import { statusLines } from '../terminal/status-view.ts';
import { fit } from '../terminal/text.ts';

/** Events come in bursts while loading: the picture changes at most so often. */
const REDRAW_EVERY_MS = 250;

async function show(context: CliContext, status: MirrorStatus): Promise<void> {
  if (context.isJson) return context.printJson(status);
  for (const line of statusLines(status, context.paint)) await context.print(line);
}

/** Draws over what was drawn before. Lines are cut to the width: a wrapped line could not be counted. */
function createPicture(context: CliContext): (status: MirrorStatus) => void {
  const { stdout } = context.environment;
  let drawn = 0;
  return (status) => {
    // Terminals that do not tell their size say 0.
    const columns = stdout.columns || 80;
    const room = (stdout.rows || 24) - 1;
    // Colours would be cut too; the live picture does without where it must cut.
    const lines = statusLines(status, context.paint)
      .slice(0, room)
      .map((line, index, all) => (index === all.length ? line : cut(line, columns)));
    const up = drawn > 0 ? `\u001B[${drawn}A` : '';
    stdout.write(`${up}${lines.map((line) => `\r\u001B[2K${line}\n`).join('')}\u001B[0J`);
    drawn = lines.length;
  };
}

function cut(line: string, columns: number): string {
  const plain = fit(stripVTControlCharacters(line), columns - 1);
  return plain.endsWith('…') ? plain : line;
}

/** Calls `draw` at the start and after events, no oftener than the picture may change. Ends with the event stream or the signal. */
async function follow(
  mirror: MirrorAccess,
  signal: AbortSignal,
  draw: (status: MirrorStatus) => Promise<void> | void,
): Promise<void> {
  await draw(await mirror.status());
  let isDue = false;
  let timer: NodeJS.Timeout | undefined;
  let drawing: Promise<void> = Promise.resolve();
  const failed = new AbortController();
  const schedule = (): void => {
    isDue = true;
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!isDue) return;
      isDue = false;
      drawing = mirror
        .status()
        .then(draw)
        .catch((error: unknown) => failed.abort(error));
    }, REDRAW_EVERY_MS);
  };
  try {
    for await (const event of mirror.events(AbortSignal.any([signal, failed.signal]))) if (event.id >= 0) schedule();
  } catch (error) {
    // Ctrl-C is how watching ends.
    if (!isAbortError(error) || failed.signal.aborted) throw failed.signal.aborted ? failed.signal.reason : error;
  } finally {
    clearTimeout(timer);
    await drawing;
  }
}

export async function showStatus(context: CliContext, options: { readonly watch?: boolean }): Promise<void> {
  if (options.watch !== true) {
    return show(context, await withAccess(context, { mayCreate: false }, (mirror) => mirror.status()));
  }
  const daemon = await connectDaemon(context);
  if (daemon === undefined) {
    throw new MirrorError(
      'DAEMON_REQUIRED',
      'there is nothing to watch, because no Wikimirror is running here; start it with npm start or wikimirror serve',
    );
  }
  const isLive = context.environment.stdout.isTTY === true && !context.isJson;
  try {
    await follow(daemon, context.signal, isLive ? createPicture(context) : (status) => show(context, status));
  } catch (error) {
    if (!isMirrorError(error, 'DAEMON_UNREACHABLE') || context.signal.aborted) throw error;
    throw new MirrorError(
      'DAEMON_UNREACHABLE',
      `the Wikimirror at ${daemon.where} has stopped answering; start it again with npm start`,
      { cause: error },
    );
  }
  if (!context.signal.aborted) context.message('The Wikimirror has stopped.');
}
