/** Colour where the terminal and the person want it (https://no-color.org); never the only signal. */
export type Tone = 'good' | 'busy' | 'waiting' | 'bad' | 'quiet' | 'strong';

const CODES: Readonly<Record<Tone, string>> = { good: '32', busy: '36', waiting: '33', bad: '31', quiet: '90', strong: '1' };

export type Paint = (text: string, tone: Tone) => string;

/** Whether to colour: a terminal, `NO_COLOR` not set, and not a `dumb` one. */
export function wantsColor(isTTY: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  const isRefused = env['NO_COLOR'] !== undefined && env['NO_COLOR'] !== '';
  return isTTY && !isRefused && env['TERM'] !== 'dumb';
}

export function painter(useColor: boolean): Paint {
  return (text, tone) => (useColor && text !== '' ? `\u001B[${CODES[tone]}m${text}\u001B[0m` : text);
}
