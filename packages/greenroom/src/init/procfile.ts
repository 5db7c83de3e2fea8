import type { AppFiles } from './app-files.ts';
import type { Stack } from './types.ts';
import { emptyStack } from './types.ts';

/** The `web` process of a Procfile. */
export async function detectProcfile(files: AppFiles): Promise<Stack | undefined> {
  if (!files.has('Procfile')) return undefined;
  const stack = emptyStack('procfile');
  const lines = await files.lines('Procfile');
  const web = lines.map((line) => /^web\s*:\s*(\S.*?)\s*$/.exec(line)?.[1]).find((command) => command !== undefined);
  if (web === undefined) {
    stack.unknowns.push({ field: 'start_command', text: 'How the app starts: its Procfile has no "web:" line.' });
    return stack;
  }
  stack.startCommand = web;
  stack.portByCommand = /\$\{?PORT\b/.test(web);
  stack.certain = true;
  stack.explanations.push('start_command is the "web" line of the Procfile.');
  return stack;
}

/** What a Procfile says about starting the app goes before what its sources suggest; the rest of the stack stays. */
export function withProcfile(stack: Stack, procfile: Stack): Stack {
  // `npm start` in a Procfile says no more than package.json does, and keeps signals from the app.
  const command = procfile.startCommand;
  if (command === '' || /^(?:npm|pnpm|yarn|bun) (?:run )?start$/.test(command)) return stack;
  const inVenv = stack.outputs.includes('.venv/') && /^(?:gunicorn|uvicorn|hypercorn|waitress-serve|daphne|python3?|flask)\b/.test(command);
  return {
    ...stack,
    startCommand: inVenv ? `.venv/bin/${command}` : command,
    builds: false,
    // Gunicorn binds to PORT by itself.
    portByCommand: procfile.portByCommand || /\bgunicorn\b/.test(command),
    certain: true,
    unknowns: stack.unknowns.filter(({ field }) => field !== 'start_command'),
    explanations: [...stack.explanations.filter((text) => !text.startsWith('start_command')), ...procfile.explanations],
  };
}
