import { randomUUID } from 'node:crypto';
import type { ChatConversation, ChatUser } from '@greenroom/sdk/chat';
import { buildCommand } from '@stricli/core';
import { mayBeginTurn } from '../../agent/limits.ts';
import type { Transcript, Turn } from '../../agent/transcript.ts';
import type { AgentSetup } from '../agent/setup.ts';
import { action, type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { type AppFlags, appFlags, description, text } from '../flags.ts';
import { findTarget } from '../target.ts';
import { json, plain } from '../terminal.ts';

interface AgentFlags extends AppFlags {
  readonly conversation?: string;
  readonly detach: boolean;
  readonly cancel: boolean;
  readonly continue: boolean;
}

const CONTINUE = 'Continue where you were interrupted.';

export const agent = buildCommand<AgentFlags, [message?: string], Cli>({
  func: action(async (cli: Cli, flags: AgentFlags, message?: string) => {
    if ([message !== undefined, flags.cancel, flags.continue].filter(Boolean).length !== 1) {
      throw new CliError(EXIT.usage, 'usage', 'Say what the agent shall do, as one argument in quotes; or give --cancel or --continue.');
    }
    const { agentSetup } = await import('../agent/setup.ts');
    const setup = await agentSetup(cli, await findTarget(cli, flags));
    const transcript = await setup.open();
    try {
      await setup.reap(transcript, () => undefined);
      if (flags.cancel) return cancel(cli, transcript, flags);
      return await post(cli, setup, transcript, flags, message);
    } finally {
      transcript.close();
    }
  }),
  parameters: {
    positional: { kind: 'tuple', parameters: [{ parse: said, optional: true, brief: 'What the agent shall do', placeholder: 'MESSAGE' }] },
    flags: {
      conversation: {
        kind: 'parsed',
        parse: text,
        optional: true,
        brief: 'Go on with this conversation (default: a new one)',
        placeholder: 'ID',
      },
      detach: { kind: 'boolean', default: false, withNegated: false, brief: 'Do not wait: the agent works on by itself' },
      cancel: { kind: 'boolean', default: false, withNegated: false, brief: 'Stop the turn that runs now, and nothing else' },
      continue: { kind: 'boolean', default: false, withNegated: false, brief: 'Go on with the turn that was interrupted last' },
      ...appFlags,
    },
    aliases: { d: 'detach' },
  },
  docs: {
    brief: 'Have the coding agent change, ship or undo something, and watch it',
    fullDescription: description(
      'The agent works in a copy of its own and deploys through the same gate as everybody. One turn at a time; more wait in line. Ctrl-C asks it to stop, a second one leaves it to work on.',
      [
        ['greenroom agent "make the header blue"', 'a new conversation'],
        ['greenroom agent "darker" --conversation c1a2b3', 'go on with one'],
        ['greenroom agent --cancel', 'stop what runs'],
        ['greenroom agent --continue', 'after an interruption'],
      ],
    ),
  },
});

async function post(cli: Cli, setup: AgentSetup, transcript: Transcript, flags: AgentFlags, message: string | undefined): Promise<Exit> {
  const found = await setup.find();
  if (!found.ok) throw new CliError(EXIT.failed, 'no_agent', found.problem);
  const allowed = mayBeginTurn(transcript, setup.settings, new Date());
  if (!allowed.ok) throw new CliError(EXIT.failed, 'rate_limited', allowed.problem);
  const user = terminalUser(cli.env);
  const conversation = place(transcript, flags) ?? transcript.createConversation({ title: '', user });
  const posted = transcript.post({ conversation: conversation.id, id: randomUUID(), text: message ?? CONTINUE, user });
  const problem = await setup.startRunner();
  if (problem)
    throw new CliError(EXIT.failed, 'not_started', `${problem} The message waits; the next one, or "greenroom chat", starts it again.`);
  if (!flags.detach) {
    const { followTurn } = await import('../agent/follow.ts');
    return await followTurn(
      cli,
      setup,
      transcript,
      { conversation: conversation.id, turn: posted.turn, seq: posted.seq, by: user.name },
      flags.json,
    );
  }
  if (flags.json) cli.say(json({ success: true, conversation: conversation.id, turn: posted.turn, seq: posted.seq }));
  else cli.say(`The agent has the message. See: greenroom conversations ${conversation.id}`);
  return EXIT.ok;
}

/** The conversation that the flags mean; undefined for a new one. */
function place(transcript: Transcript, flags: AgentFlags): ChatConversation | undefined {
  if (flags.continue) {
    const interrupted = lastInterrupted(transcript, flags.conversation);
    if (!interrupted) throw new CliError(EXIT.failed, 'not_found', 'No turn was interrupted: there is nothing to continue.');
    return transcript.conversation(interrupted.conversation) ?? undefined;
  }
  if (flags.conversation === undefined) return undefined;
  const known = transcript.conversation(flags.conversation);
  if (!known)
    throw new CliError(EXIT.failed, 'not_found', `There is no conversation "${flags.conversation}". "greenroom conversations" lists them.`);
  return known;
}

/** Of a conversation whose last turn it was. */
function lastInterrupted(transcript: Transcript, conversation: string | undefined): Turn | undefined {
  const ids = conversation === undefined ? transcript.conversations().map(({ id }) => id) : [conversation];
  return ids.map((id) => transcript.turns(id).at(-1)).find((turn) => turn?.status === 'interrupted' || turn?.status === 'limited');
}

function cancel(cli: Cli, transcript: Transcript, flags: AgentFlags): Exit {
  const running = transcript.running();
  if (!running) throw new CliError(EXIT.failed, 'not_found', 'The agent is not at work: there is nothing to cancel.');
  transcript.request(running.id, { kind: 'cancel', by: terminalUser(cli.env).name });
  if (flags.json) cli.say(json({ success: true, conversation: running.conversation, turn: running.id }));
  else cli.say(`Asked the agent to stop: ${plain(running.text)}`);
  return EXIT.ok;
}

/** Whoever sits at the terminal. */
function terminalUser(env: NodeJS.ProcessEnv): ChatUser {
  const name = env['USER'] ?? env['LOGNAME'] ?? 'operator';
  return { id: `terminal:${name}`, name };
}

function said(input: string): string {
  if (input.trim() !== '') return input;
  throw new SyntaxError('say in a few words what the agent shall do');
}
