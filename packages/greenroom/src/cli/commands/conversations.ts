import { existsSync } from 'node:fs';
import type { ChatConversation, ChatEvent } from '@greenroom/sdk/chat';
import { buildCommand } from '@stricli/core';
import { openTranscript, type Transcript } from '../../agent/transcript.ts';
import { action, type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { type AppFlags, appFlags, description, text, wholeNumber } from '../flags.ts';
import { ago } from '../format.ts';
import { findTarget } from '../target.ts';
import { json, plain, plainLines } from '../terminal.ts';

const DAY_MS = 86_400_000;
const SHOWN_EVENTS = 2_000;

interface ConversationsFlags extends AppFlags {
  readonly delete?: string;
  readonly prune?: number;
}

export const conversations = buildCommand<ConversationsFlags, [id?: string], Cli>({
  func: action(async (cli: Cli, flags: ConversationsFlags, id?: string) => {
    if ([id, flags.delete, flags.prune].filter((given) => given !== undefined).length > 1)
      throw new CliError(EXIT.usage, 'usage', 'Give a conversation to show, --delete or --prune: one of them.');
    const { app, layout } = await findTarget(cli, flags);
    if (!existsSync(layout.transcript)) {
      if (id !== undefined || flags.delete !== undefined) throw unknown(id ?? flags.delete ?? '');
      cli.say(flags.json ? '[]' : `Nobody has talked to the agent of "${app.name}" yet. Begin with: greenroom agent "…"`);
      return EXIT.ok;
    }
    const transcript = openTranscript(layout.transcript);
    try {
      if (flags.delete !== undefined) return remove(cli, transcript, flags.delete, flags.json);
      if (flags.prune !== undefined) return prune(cli, transcript, flags.prune, flags.json);
      return id === undefined ? list(cli, transcript, flags.json) : show(cli, transcript, id, flags.json);
    } finally {
      transcript.close();
    }
  }),
  parameters: {
    positional: { kind: 'tuple', parameters: [{ parse: text, optional: true, brief: 'Show this conversation', placeholder: 'ID' }] },
    flags: {
      delete: { kind: 'parsed', parse: text, optional: true, brief: 'Remove this conversation, for good', placeholder: 'ID' },
      prune: {
        kind: 'parsed',
        parse: wholeNumber(1),
        optional: true,
        brief: 'Remove conversations without a word for this many days, for good',
        placeholder: 'DAYS',
      },
      ...appFlags,
    },
  },
  docs: {
    brief: 'List, show and remove conversations with the agent',
    fullDescription: description(
      'What was said and done stays in the transcript until it is removed here, or by the contract’s `agent.keep_days`.',
      [
        ['greenroom conversations', 'the last ones'],
        ['greenroom conversations c1a2b3', 'what was said and done in one'],
        ['greenroom conversations --delete c1a2b3', 'remove one'],
        ['greenroom conversations --prune 90', 'remove those without a word for 90 days'],
      ],
    ),
  },
});

function list(cli: Cli, transcript: Transcript, asJson: boolean): Exit {
  const all = transcript.conversations();
  if (asJson) cli.say(json(all, 2));
  else if (all.length === 0) cli.say('There is no conversation.');
  else for (const conversation of all) cli.say(conversationLine(cli, conversation));
  return EXIT.ok;
}

function conversationLine(cli: Cli, { id, title, user, updated_at }: ChatConversation): string {
  return `${id}  ${plain(title) || '(no title)'}  ${cli.paint('dim', `${plain(user.name)}, ${ago(updated_at, Date.now())}`)}`;
}

function show(cli: Cli, transcript: Transcript, id: string, asJson: boolean): Exit {
  const conversation = transcript.conversation(id);
  if (!conversation) throw unknown(id);
  const { events, more } = transcript.page(id, { limit: SHOWN_EVENTS });
  if (asJson) {
    cli.say(json({ conversation, events, more }, 2));
    return EXIT.ok;
  }
  cli.say(cli.paint('bold', plain(conversation.title)));
  if (more) cli.say(cli.paint('dim', `(older events are left out; --json with the chat's API shows all)`));
  for (const event of wholeTexts(events)) for (const line of eventLines(cli, event)) cli.say(line);
  return EXIT.ok;
}

/** What happened while the agent was in the middle of a sentence is shown before or after it, so its parts follow each other. */
function wholeTexts(events: readonly ChatEvent[]): ChatEvent[] {
  const whole: ChatEvent[] = [];
  for (const event of events) {
    const last = whole.at(-1);
    if (event.kind === 'text' && last?.kind === 'text' && last.turn === event.turn && last.block === event.block)
      whole[whole.length - 1] = { ...last, delta: last.delta + event.delta };
    else whole.push(event);
  }
  return whole;
}

/** A line or more for each event that says something by itself. */
function eventLines(cli: Cli, event: ChatEvent): string[] {
  const time = cli.paint('dim', event.time.slice(0, 16).replace('T', ' '));
  switch (event.kind) {
    case 'message':
      return ['', `${time}  ${cli.paint('bold', plain(event.user.name))}`, ...plainLines(event.text)];
    case 'text':
      return ['', ...plainLines(event.delta)];
    case 'tool':
      return [`  ${event.status === 'failed' ? '✗' : '·'} ${plain(event.title ?? event.call)}`];
    case 'commit':
      return [`  ● ${event.commit.slice(0, 10)} ${plain(event.subject)}`];
    case 'attempt': {
      const { kind, status, commit, error } = event.attempt;
      return [`  ▸ ${kind} of ${commit.slice(0, 10)}: ${status}${error ? `, ${plain(error)}` : ''}`];
    }
    case 'turn':
      return event.status === 'queued' || event.status === 'running' || event.status === 'completed'
        ? []
        : [`  ${event.status}${event.detail ? `: ${plain(event.detail)}` : ''}`];
    case 'notice':
      return plainLines(event.text).map((line) => `  ${line}`);
    case 'permission':
      return event.status === 'answered' ? [`  ${plain(event.title)}: ${plain(event.option ?? '')}, by ${plain(event.by ?? '')}`] : [];
    case 'thought':
    case 'plan':
      return [];
    default: {
      const exhaustive: never = event;
      return exhaustive;
    }
  }
}

function remove(cli: Cli, transcript: Transcript, id: string, asJson: boolean): Exit {
  const outcome = transcript.delete(id);
  if (outcome === false) throw unknown(id);
  if (outcome === 'busy')
    throw new CliError(EXIT.failed, 'conflict', `A turn of conversation ${id} is under way. Cancel it first, or wait until it ends.`);
  cli.say(asJson ? json({ success: true, removed: 1 }) : `Conversation ${id} is removed.`);
  return EXIT.ok;
}

function prune(cli: Cli, transcript: Transcript, days: number, asJson: boolean): Exit {
  const removed = transcript.prune(new Date(Date.now() - days * DAY_MS));
  cli.say(asJson ? json({ success: true, removed }) : `${removed === 1 ? 'One conversation is' : `${removed} conversations are`} removed.`);
  return EXIT.ok;
}

function unknown(id: string): CliError {
  return new CliError(EXIT.failed, 'not_found', `There is no conversation "${id}". "greenroom conversations" lists them.`);
}
