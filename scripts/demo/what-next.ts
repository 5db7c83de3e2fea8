import { join } from 'node:path';
import type { Demo } from './demo.ts';

/** What whoever runs the demo can try, now that it goes on running. */
export function whatNext({ terminal, greenroom, chat, repo, url }: Demo): void {
  const run = (args: string): string => `  npm run greenroom -- ${args} --data ${greenroom.data}`;
  terminal.stage('Your turn: it goes on running');
  for (const line of [
    'Open this link. It logs you in, and the page has the chat; try "Make it teal", "Roll back", or anything to hear what it knows:',
    '',
    `  ${chat?.link ?? url}`,
    '',
    'The same from a terminal, in this folder:',
    '',
    run('agent "Make it teal"'),
    run('status'),
    run('log'),
    run('rollback'),
    '',
    `Or edit ${join(repo, 'src/content.ts')} yourself, and put your change live:`,
    '',
    `  git -C ${repo} commit -am "My change"`,
    run('deploy'),
    '',
    'Ctrl-C stops everything and removes the temporary folder.',
    '',
  ])
    terminal.say(line);
}
