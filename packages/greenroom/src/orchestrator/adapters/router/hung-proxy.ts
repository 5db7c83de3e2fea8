import { readdirSync, readFileSync } from 'node:fs';
import { callProxy } from './proxy-client.ts';

/**
 * For a proxy that took a call and did not answer it in time. It is asked once more, so that a pause of this process is not taken for one of
 * the proxy; when that is not answered within `limitMs` either, the proxy serves nobody, and is ended with SIGKILL so that a new one can take
 * its place, and nothing that it was told before can take effect later. Answers the pids that were ended.
 */
export async function endHungProxy(proxyDir: string, limitMs: number): Promise<number[]> {
  const limit = AbortSignal.timeout(limitMs);
  try {
    await callProxy(proxyDir, 'GET', '/', undefined, limit);
    return [];
  } catch {
    return limit.aborted ? proxiesOf(proxyDir).filter(endNow) : [];
  }
}

/** Processes of this user that are proxies of the folder. */
function proxiesOf(proxyDir: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      // Options of Node's own may stand before the program.
      const words = commandOf(pid).slice(1);
      const [main = '', flag, directory] = words.slice(words.findIndex((word) => !word.startsWith('-')));
      return /\bproxy\/main\.[jt]s$/.test(main) && flag === '--dir' && directory === proxyDir;
    })
    .map(Number);
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function endNow(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
