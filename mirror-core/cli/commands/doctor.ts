/** `doctor`: what is wrong with this machine or account, in words. */
import { EXIT } from '../../contracts/errors.ts';
import { connectDaemon } from '../connect.ts';
import type { CliContext } from '../context.ts';
import { checkMachine } from '../doctor/checks.ts';
import type { Finding } from '../host-port.ts';
import type { Tone } from '../terminal/colors.ts';
import { harmless, pad } from '../terminal/text.ts';
import { countOf } from '../terminal/units.ts';

const MARKS: Readonly<Record<Finding['level'], readonly [mark: string, tone: Tone]>> = {
  ok: ['✓', 'good'],
  warning: ['!', 'waiting'],
  problem: ['✗', 'bad'],
};
const SUBJECT_WIDTH = 16;

/** Prints what was found. @returns the exit code: 1 when something must be mended */
export async function runDoctor(context: CliContext): Promise<number> {
  const loaded = await context.loaded();
  const daemon = await connectDaemon(context);
  const facts = { nodeVersion: process.versions.node, nowMs: context.environment.now(), daemonUrl: daemon?.where };
  const machine = await checkMachine(loaded, facts);
  const hasAccount = loaded.config.upstream.username !== '' || (await context.host.hasStoredAccount(loaded));
  const account: readonly Finding[] = hasAccount
    ? await context.host.diagnose(loaded, context.quietLogger(loaded), context.signal)
    : [
        {
          level: 'warning',
          subject: 'account',
          message: 'none; npm start runs in practice mode',
          advice: 'for the real service: wikimirror login, or WME_USERNAME and WME_PASSWORD',
        },
      ];
  const findings = [...machine, ...account];
  const problems = findings.filter((finding) => finding.level === 'problem').length;
  if (context.isJson) await context.printJson(findings);
  else {
    for (const { level, subject, message, advice } of findings) {
      const [mark, tone] = MARKS[level];
      await context.print(`${context.paint(mark, tone)} ${pad(subject, SUBJECT_WIDTH)} ${harmless(message)}`);
      if (advice !== undefined && level !== 'ok') await context.print(`  ${pad('', SUBJECT_WIDTH)} → ${harmless(advice)}`);
    }
    context.message(problems === 0 ? 'Nothing stands in the way.' : `${countOf(problems, 'problem')} to mend.`);
  }
  return problems === 0 ? EXIT.ok : EXIT.unexpected;
}
