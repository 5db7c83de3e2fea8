import { chmod, mkdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { writeDurably } from '../workspace/files.ts';

/** The agent's own command line, which is started with the Node that runs now. */
const CLI = join(import.meta.dirname, '..', `cli${extname(import.meta.filename)}`);

/** How the command is started without the launcher. */
export const COMMAND: readonly [program: string, ...args: string[]] = [process.execPath, CLI];

/** Writes the `greenroom` of the agent's PATH into `run/agent-bin`, whole or not at all. Answers the folder. */
export async function writeLauncher(run: string): Promise<string> {
  const folder = join(run, 'agent-bin');
  const file = join(folder, 'greenroom');
  await mkdir(folder, { recursive: true, mode: 0o755 });
  await chmod(folder, 0o755); // whatever the umask is
  await writeDurably(file, `#!/bin/sh\nexec ${COMMAND.map(shellQuote).join(' ')} "$@"\n`, 0o755);
  return folder;
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
