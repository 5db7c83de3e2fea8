import { buildCommand } from '@stricli/core';
import { action, type Cli, EXIT } from '../context.ts';
import { type AppFlags, appFlags, description } from '../flags.ts';
import { json, plain } from '../terminal.ts';

const MARKS = { ok: ['green', '✓'], warn: ['yellow', '!'], fail: ['red', '✗'] } as const;

export const doctor = buildCommand<AppFlags, [], Cli>({
  func: action(async (cli: Cli, flags: AppFlags) => {
    const { examine } = await import('../doctor/examine.ts');
    const findings = await examine(cli, flags);
    const fails = findings.filter((finding) => finding.level === 'fail').length;
    const warnings = findings.filter((finding) => finding.level === 'warn').length;
    if (flags.json) cli.say(json({ ok: fails === 0, findings }, 2));
    else {
      const width = Math.max(...findings.map((finding) => finding.check.length));
      for (const { check, level, says, remedy } of findings) {
        const [color, mark] = MARKS[level];
        cli.say(`${cli.paint(color, mark)} ${check.padEnd(width)}  ${plain(says)}`);
        if (remedy) cli.say(`  ${' '.repeat(width)}  → ${plain(remedy)}`);
      }
      cli.say(fails + warnings === 0 ? 'All is well.' : `${fails} to repair, ${warnings} to look at.`);
    }
    return fails === 0 ? EXIT.ok : EXIT.failed;
  }),
  parameters: { flags: appFlags },
  docs: {
    brief: 'Check the machine and the app, and say what to do about each problem',
    fullDescription: description('Changes nothing. Exits with 1 when something must be repaired before a deploy can work.', [
      ['greenroom doctor', 'the app of this folder'],
      ['greenroom doctor --json', 'for scripts and bug reports'],
    ]),
  },
});
