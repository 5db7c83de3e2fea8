import type { Cli } from '../context.ts';
import { plain } from '../terminal.ts';
import type { Finding } from './examine.ts';

const MARKS = { ok: ['green', '✓'], warn: ['yellow', '!'], fail: ['red', '✗'] } as const;

/** A finding of either examination; lines of evidence stand between what it says and what to do. */
type Shown = Finding & { evidence?: readonly string[] };

/** One block each, then how many want attention. */
export function showFindings(cli: Cli, findings: readonly Shown[], allWell: string): void {
  const width = Math.max(...findings.map((finding) => finding.check.length));
  const indent = ' '.repeat(width);
  for (const { check, level, says, evidence, remedy } of findings) {
    const [color, mark] = MARKS[level];
    cli.say(`${cli.paint(color, mark)} ${check.padEnd(width)}  ${plain(says)}`);
    for (const line of evidence ?? []) cli.say(`  ${indent}    ${plain(line)}`);
    if (remedy) cli.say(`  ${indent}  → ${plain(remedy)}`);
  }
  const { fail, warn } = count(findings);
  cli.say(fail + warn === 0 ? allWell : `${fail} to repair, ${warn} to look at.`);
}

export function count(findings: readonly Pick<Finding, 'level'>[]): { fail: number; warn: number } {
  const of = (level: Finding['level']): number => findings.filter((finding) => finding.level === level).length;
  return { fail: of('fail'), warn: of('warn') };
}
