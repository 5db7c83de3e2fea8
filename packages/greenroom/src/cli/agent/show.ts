import type { ChatEvent } from '@greenroom/sdk/chat';
import type { AttemptView } from '@greenroom/sdk/wire';
import { shortCommit } from '../format.ts';
import { stepLine } from '../progress/lines.ts';
import { json, type Paint, plain, plainLines } from '../terminal.ts';

/** Shows the events of a turn one after another. */
export interface Show {
  event(event: ChatEvent): void;
  /** Ends a line of words that is not at its end, before something else is printed. */
  line(): void;
}

/** What comes when it is live already would break in upon the agent's words. */
const AFTERWARDS = new Set(['retire', 'publish', 'watch']);

/** Where it is shown; a `Cli` is one. */
export interface ShowPlace {
  paint: Paint;
  stdout: { write(text: string): unknown };
  say(line?: string): void;
}

/** As JSON lines, or as words that stream and a line for everything else. */
export function createShow(cli: ShowPlace, asJson: boolean): Show {
  return asJson ? { event: (event) => cli.say(json(event)), line: () => undefined } : terminalShow(cli);
}

function terminalShow(cli: ShowPlace): Show {
  let block = '';
  let atStart = true;
  const titles = new Map<string, string>();
  const told = new Set<string>();

  const line = (): void => {
    if (!atStart) cli.say();
    atStart = true;
    block = '';
  };
  const say = (text: string): void => {
    line();
    for (const it of text.split('\n')) cli.say(it);
  };
  const words = (event: Extract<ChatEvent, { kind: 'text' | 'thought' }>): void => {
    if (event.block !== block) line();
    block = event.block;
    const text = event.delta.split('\n').map(plain).join('\n');
    if (text === '') return;
    cli.stdout.write(event.kind === 'thought' ? cli.paint('dim', text) : text);
    atStart = text.endsWith('\n');
  };
  const tool = (event: Extract<ChatEvent, { kind: 'tool' }>): void => {
    const known = titles.get(event.call);
    const title = plain(event.title ?? known ?? event.call);
    titles.set(event.call, title);
    if (known === undefined) say(`${cli.paint('cyan', '→')} ${title}`);
    else if (event.status === 'failed') say(`${cli.paint('red', '✗')} ${title}`);
    for (const content of event.content ?? []) {
      if (content.type !== 'diff') continue;
      const counts = `${cli.paint('green', `+${content.added}`)} ${cli.paint('red', `-${content.removed}`)}`;
      say(`  ${plain(content.path)}  ${counts}`);
    }
  };
  /** For what comes whole each time that a part of it changes. */
  const once = (key: string, text: string): void => {
    if (told.has(key)) return;
    told.add(key);
    say(text);
  };
  const attempt = (view: AttemptView): void => {
    const part = (name: string, text: string): void => once(`${view.id} ${name}`, text);
    part('begin', `${cli.paint('cyan', '▸')} ${view.kind} ${plain(shortCommit(view.commit) || view.branch)}`);
    for (const step of view.steps) {
      if (step.status !== 'failed' && (step.status !== 'succeeded' || AFTERWARDS.has(step.step))) continue;
      part(step.step, `  ${stepLine(step, cli.paint)}`);
    }
    if (view.approval?.state === 'waiting')
      part('waiting', `  ${cli.paint('yellow', '?')} waits for approval: greenroom approve ${plain(view.id)}`);
    if (view.status === 'failed' || view.status === 'rolled_back')
      part('end', `  ${cli.paint('red', '✗')} ${plain(view.error ?? view.status)}`);
    else if (view.promoted) part('live', `  ${cli.paint(['green', 'bold'], '✓ live')}`);
  };

  return {
    line,
    event(event) {
      switch (event.kind) {
        case 'text':
        case 'thought':
          words(event);
          return;
        case 'tool':
          tool(event);
          return;
        case 'plan':
          for (const { status, text } of event.entries) {
            const mark = status === 'completed' ? '✓' : '·';
            once(`plan ${mark} ${text}`, `  ${mark} ${plain(text)}`);
          }
          return;
        case 'commit': {
          const size = `${event.files === 1 ? '1 file' : `${event.files} files`} +${event.added} -${event.removed}`;
          say(`${cli.paint('cyan', '●')} ${plain(shortCommit(event.commit))} ${plain(event.subject)}  ${cli.paint('dim', size)}`);
          return;
        }
        case 'attempt':
          attempt(event.attempt);
          return;
        case 'permission':
          if (event.status === 'answered')
            say(
              `  ${plain(event.title)}: ${plain(event.options.find(({ id }) => id === event.option)?.name ?? '')}, by ${plain(event.by ?? '')}`,
            );
          return;
        case 'notice':
          say(`${event.level === 'info' ? cli.paint('dim', 'i') : cli.paint('yellow', '!')} ${plainLines(event.text).join('\n  ')}`);
          return;
        case 'turn':
          if (event.status === 'running' && event.agent) say(cli.paint('dim', plain(event.agent)));
          return;
        case 'message':
          return;
        default: {
          const exhaustive: never = event;
          throw new Error(`unknown event ${JSON.stringify(exhaustive)}`);
        }
      }
    },
  };
}
