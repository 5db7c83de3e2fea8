import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Opens an address in the user's browser. Answers false when there is nothing that does that. */
export async function openInBrowser(url: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  // A token in the list of processes is no loss: it is used up as soon as the page is there.
  const opener = spawn(env['BROWSER'] || 'xdg-open', [url], { stdio: 'ignore', detached: true });
  try {
    await once(opener, 'spawn');
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return false;
    throw error;
  }
  opener.unref();
  return true;
}
