import type { AttemptView, Origin } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { verifyJournal } from '../../orchestrator/adapters/journal/verify.ts';
import { callerText } from '../../orchestrator/core/called-by.ts';
import { action, type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { type AppFlags, appFlags, description, text, wholeNumber } from '../flags.ts';
import { duration } from '../format.ts';
import { stepLine } from '../progress/lines.ts';
import { evidenceLines } from '../progress/outcome.ts';
import { attemptLines } from '../status-lines.ts';
import { connect, findTarget, type Target } from '../target.ts';
import { json, plain, plainLines } from '../terminal.ts';

const DEFAULT_LIMIT = 20;

interface LogFlags extends AppFlags {
  readonly limit?: number;
  readonly verify: boolean;
}

export const log = buildCommand<LogFlags, [id?: string], Cli>({
  func: action(async (cli: Cli, flags: LogFlags, id?: string) => {
    const target = await findTarget(cli, flags);
    if (flags.verify) return await verify(cli, target, flags.json);
    const client = await connect(target);
    if (id !== undefined) {
      const attempt = await client.attempt(id);
      if (!attempt)
        throw new CliError(
          EXIT.failed,
          'not_found',
          `There is no attempt "${id}" of "${target.app.name}". "greenroom log" lists the last ones.`,
        );
      if (flags.json) cli.say(json(attempt, 2));
      else for (const line of attemptDetail(cli, attempt)) cli.say(line);
      return EXIT.ok;
    }
    const attempts = await client.deploys({ limit: flags.limit ?? DEFAULT_LIMIT });
    if (flags.json) cli.say(json(attempts, 2));
    else if (attempts.length === 0) cli.say('No attempts yet. The first one: greenroom deploy');
    else for (const line of attemptLines(attempts, cli.paint, Date.now())) cli.say(line);
    return EXIT.ok;
  }),
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, optional: true, brief: 'Show this attempt with its steps', placeholder: 'ID' }],
    },
    flags: {
      limit: {
        kind: 'parsed',
        parse: wholeNumber(1),
        optional: true,
        brief: `How many attempts (default: ${DEFAULT_LIMIT})`,
        placeholder: 'N',
      },
      verify: {
        kind: 'boolean',
        default: false,
        withNegated: false,
        brief: 'Check that no record of the journal was changed or is missing; needs no orchestrator',
      },
      ...appFlags,
    },
    aliases: { n: 'limit' },
  },
  docs: {
    brief: 'Show the attempts, newest first, or one of them in full',
    fullDescription: description('Every deploy and rollback, refused ones too, with its steps, times and evidence.', [
      ['greenroom log', 'the last attempts'],
      ['greenroom log d-12', 'one attempt with its steps'],
      ['greenroom log --verify', 'check the journal itself; exits with 1 when it was damaged'],
    ]),
  },
});

async function verify(cli: Cli, { layout }: Target, asJson: boolean): Promise<Exit> {
  const verdict = await verifyJournal(layout);
  if (asJson) cli.say(json(verdict, 2));
  else if (verdict.ok) cli.say(`${cli.paint('green', '✓')} ${layout.journal}: ${verdict.records} records, none changed, none missing`);
  else {
    cli.warn(`${cli.paintError('red', '✗')} ${layout.journal}: ${verdict.problems.length} problems in ${verdict.records} records`);
    for (const { line, seq, problem } of verdict.problems) cli.warn(`  line ${line}, record ${seq}: ${plain(problem)}`);
  }
  return verdict.ok ? EXIT.ok : EXIT.failed;
}

function attemptDetail(cli: Cli, attempt: AttemptView): string[] {
  const facts: [string, string][] = [
    ['commit', attempt.commit],
    ['branch', attempt.branch],
    ['slot', attempt.slot],
    ['previous', attempt.previous_commit],
    ['asked for', `${attempt.requested_at} by ${attempt.trigger}${attempt.caller ? ` (${callerText(attempt)})` : ''}`],
    ['chat', attempt.origin ? chatOf(attempt.origin) : ''],
    ['reason', attempt.reason],
    ['took', attempt.duration_ms > 0 ? duration(attempt.duration_ms) : ''],
  ];
  const lines = [`${cli.paint('bold', plain(attempt.id))}  ${attempt.kind} ${attempt.status}${attempt.promoted ? ', promoted' : ''}`];
  lines.push(
    ...facts.filter(([, value]) => value !== '').map(([name, value]) => `  ${cli.paint('dim', name.padEnd(9))}  ${plain(value)}`),
    '',
  );
  lines.push(...attempt.steps.map((step) => `  ${stepLine(step, cli.paint)}`));
  if (attempt.code)
    lines.push('', `  ${cli.paint('red', plain(attempt.code))}`, ...plainLines(attempt.error ?? '').map((line) => `  ${line}`));
  lines.push(...evidenceLines(attempt.evidence ?? {}).map((line) => `  ${line}`));
  return lines;
}

function chatOf({ conversation, turn }: Origin): string {
  return turn === '' ? `conversation ${conversation}, by a person` : `conversation ${conversation}, turn ${turn}`;
}
