import { createInterface } from 'node:readline/promises';
import type { ChatEvent } from '@greenroom/sdk/chat';
import type { Transcript } from '../../agent/transcript.ts';
import { type Cli, CliError, EXIT, type Exit } from '../context.ts';
import { plain } from '../terminal.ts';
import type { AgentSetup } from './setup.ts';
import { createShow } from './show.ts';

const READ_EVENTS = 500;
/** How often the turn's runner is looked after, in case it died. */
const LOOK_AFTER_MS = 2_000;
/** After so many looks at a turn that no runner takes another one is started, and after so many it is given up. */
const START_AGAIN_LOOKS = 3;
const GIVE_UP_LOOKS = 15;

export interface Followed {
  conversation: string;
  turn: string;
  /** Of the message: what comes after it is shown. */
  seq: number;
  /** Who answers and cancels. */
  by: string;
}

/**
 * Shows a turn on the terminal until it is over, and lets the person there answer and cancel. Ctrl-C asks the agent to stop, a second one leaves it
 * to itself. Answers the exit code.
 */
export async function followTurn(cli: Cli, setup: AgentSetup, transcript: Transcript, followed: Followed, asJson: boolean): Promise<Exit> {
  const { conversation, turn, by } = followed;
  const show = createShow(cli, asJson);
  const over = Promise.withResolvers<Exit>();
  const abort = new AbortController();
  let seq = followed.seq;
  let isOver = false;
  let asked = false;
  let looks = 0;

  const read = (): void => {
    for (let events = next(); events.length > 0 && !isOver; events = next()) for (const event of events) take(event);
  };
  const next = (): ChatEvent[] => transcript.eventsAfter(conversation, seq, READ_EVENTS);
  const take = (event: ChatEvent): void => {
    seq = event.seq;
    if (event.turn !== turn || isOver) return;
    show.event(event);
    if (event.kind === 'permission' && event.status === 'asked') void question(event).catch(over.reject);
    if (event.kind !== 'turn' || event.status === 'queued' || event.status === 'running') return;
    isOver = true;
    over.resolve(tellEnd(cli, show, event, asJson));
  };

  async function lookAfter(): Promise<void> {
    await setup.reap(transcript, () => undefined);
    looks = transcript.running() || transcript.turn(turn)?.status !== 'queued' ? 0 : looks + 1;
    if (looks === START_AGAIN_LOOKS) await setup.startRunner();
    if (looks < GIVE_UP_LOOKS) return;
    const { logs } = setup.layout;
    throw new CliError(
      EXIT.failed,
      'not_started',
      `No runner takes the message, which waits on. The newest agent-….log in ${logs} says why.`,
    );
  }

  async function question(event: Extract<ChatEvent, { kind: 'permission' }>): Promise<void> {
    show.line();
    if (asJson) return;
    cli.say(`${cli.paint('yellow', '?')} The agent asks: ${plain(event.title)}`);
    if (!cli.stdout.isTTY || !process.stdin.isTTY) return;
    for (const [index, option] of event.options.entries()) cli.say(`  ${index + 1}  ${plain(option.name)}`);
    const terminal = createInterface({ input: process.stdin, output: cli.stdout });
    terminal.on('SIGINT', interrupt);
    try {
      const answer = await terminal.question('  Number: ', { signal: abort.signal });
      const option = event.options[Number(answer) - 1];
      if (option) transcript.request(turn, { kind: 'permission', request: event.request, option: option.id, by });
      else await question(event);
    } catch (error) {
      if (!abort.signal.aborted) throw error;
    } finally {
      terminal.close();
    }
  }

  function interrupt(): void {
    show.line();
    if (asked) {
      cli.warn(`! not watching any more; the agent goes on. See: greenroom conversations ${conversation}`);
      process.exit(EXIT.interrupted);
    }
    asked = true;
    cli.warn('! asking the agent to stop; Ctrl-C again leaves it to itself');
    if (!transcript.withdraw(turn, `Withdrawn by ${by}.`)) transcript.request(turn, { kind: 'cancel', by });
  }

  process.on('SIGINT', interrupt);
  const forget = transcript.watch(read);
  const timer = setInterval(() => void lookAfter().catch(over.reject), LOOK_AFTER_MS);
  try {
    read();
    const running = transcript.running();
    if (!isOver && !asJson && running && running.id !== turn) cli.say(cli.paint('dim', `waiting for another turn: ${plain(running.text)}`));
    return await over.promise;
  } finally {
    clearInterval(timer);
    forget();
    abort.abort();
    process.removeListener('SIGINT', interrupt);
  }
}

function tellEnd(cli: Cli, show: { line(): void }, event: Extract<ChatEvent, { kind: 'turn' }>, asJson: boolean): Exit {
  const done = event.status === 'completed';
  if (asJson) return done ? EXIT.ok : EXIT.failed;
  show.line();
  if (!done) cli.warn(`${cli.paintError('red', '✗')} ${event.status}${event.detail ? `: ${plain(event.detail)}` : ''}`);
  else if (event.detail) cli.say(plain(event.detail));
  const files = event.uncommitted ?? [];
  if (files.length > 0) cli.say(cli.paint('dim', `not committed: ${files.map(plain).join(', ')}`));
  return done ? EXIT.ok : EXIT.failed;
}
