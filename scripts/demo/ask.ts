import { createShow } from '../../packages/greenroom/src/cli/agent/show.ts';
import type { AttemptView } from '../../packages/sdk/src/wire.ts';
import type { DemoChat, Ended } from './chat.ts';
import type { Terminal } from './terminal.ts';

export interface Asked extends Ended {
  /** Deploys and rollbacks that came of it, in their order, as they ended. */
  attempts: AttemptView[];
}

/** Says something in the chat as a person would, and shows what comes as the command line shows it: words, tools, commits, steps of deploys. */
export async function askInChat(chat: DemoChat, terminal: Terminal, text: string): Promise<Asked> {
  const attempts = new Map<string, AttemptView>();
  let line = '';
  const write = (more: string): void => {
    const [first = '', ...rest] = more.split('\n');
    line += first;
    for (const next of rest) {
      terminal.output(line);
      line = next;
    }
  };
  const show = createShow({ paint: (_, painted) => painted, stdout: { write }, say: (said = '') => write(`${said}\n`) }, false);
  const ended = await chat.ask(text, (event) => {
    if (event.kind === 'attempt') attempts.set(event.attempt.id, event.attempt);
    show.event(event);
  });
  show.line();
  return { ...ended, attempts: [...attempts.values()] };
}
