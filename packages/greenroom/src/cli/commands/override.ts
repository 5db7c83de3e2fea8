import { OVERRIDABLE_CODES, type OverridableCode } from '@greenroom/sdk/wire';
import { buildCommand } from '@stricli/core';
import { action, type Cli } from '../context.ts';
import { type AppFlags, appFlags, description, text } from '../flags.ts';
import { shortCommit } from '../format.ts';
import { operatorCall, why } from '../operator.ts';
import { plain } from '../terminal.ts';

interface OverrideFlags extends AppFlags {
  readonly code: OverridableCode;
  readonly fingerprint?: string;
  readonly reason: string;
}

export const override = buildCommand<OverrideFlags, [string], Cli>({
  func: action(async (cli: Cli, flags: OverrideFlags, commit: string) => {
    const { code, fingerprint, reason } = flags;
    return await operatorCall(
      cli,
      flags,
      'override',
      (client) => client.override({ commit, code, reason, ...(fingerprint === undefined ? {} : { fingerprint }) }),
      (answer) => {
        const id = shortCommit(plain(answer.commit));
        const what = fingerprint === undefined ? code : `${code} for ${plain(fingerprint)}`;
        cli.say(`${cli.paint('green', '✓')} ${id} may pass ${what} until it has gone live. Deploy it: greenroom deploy ${id}`);
      },
    );
  }),
  parameters: {
    flags: {
      code: { kind: 'enum', values: OVERRIDABLE_CODES, brief: 'The refusal that does not count', placeholder: 'CODE' },
      fingerprint: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Only this finding of gate_secret, as the refusal printed it (default: all of the commit)',
        placeholder: 'FINGERPRINT',
      },
      reason: { kind: 'parsed', parse: why, brief: 'Why; it stays in the journal', placeholder: 'TEXT' },
      ...appFlags,
    },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: text, brief: 'The refused commit: id, branch or tag', placeholder: 'COMMIT' }],
    },
  },
  docs: {
    brief: 'Let one refusal of the gate pass, for one commit',
    fullDescription: description(
      'For the operator only: an agent cannot. Every other rule still counts, and the override is used up when the commit goes live.',
      [
        ['greenroom override 1a2b3c4 --code gate_diff_lines --reason "generated file"', 'one commit, one rule'],
        ['greenroom override 1a2b3c4 --code gate_secret --fingerprint 0123456789abcdef --reason "revoked"', 'one finding'],
      ],
    ),
  },
});
