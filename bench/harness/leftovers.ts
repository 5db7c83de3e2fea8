import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const END_LIMIT_MS = 5_000;
/** What was told to end may take this long to be gone. */
const GRACE_MS = 2_000;
const POLL_MS = 20;

/**
 * Processes that belong to a folder: it is in their command line, environment or current directory. For folders made for one run only.
 * Those of a terminal are left out: somebody may have opened a shell in the folder to look around.
 */
export function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => mentions(`/proc/${pid}`, directory) && !hasTerminal(`/proc/${pid}`))
    .map(Number);
}

/** Ends whatever still runs for a folder after a moment of grace; answers what it had to end. */
export async function endLeftovers(directory: string): Promise<string[]> {
  await gone(directory, GRACE_MS);
  const found = processesOf(directory);
  const names = found.map((pid) => `${pid} ${look(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')}`.trim());
  const deadline = Date.now() + END_LIMIT_MS;
  while (Date.now() < deadline) {
    const left = processesOf(directory);
    if (left.length === 0) break;
    for (const pid of left) look(() => String(process.kill(pid, 'SIGKILL')));
    await delay(POLL_MS);
  }
  return names;
}

async function gone(directory: string, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (processesOf(directory).length > 0 && Date.now() < deadline) await delay(POLL_MS);
}

function mentions(proc: string, directory: string): boolean {
  if (`${look(() => readlinkSync(`${proc}/cwd`))}/`.startsWith(`${directory}/`)) return true;
  return ['cmdline', 'environ'].some((file) => look(() => readFileSync(`${proc}/${file}`, 'utf8')).includes(directory));
}

/** Whether the process has a controlling terminal, or is gone. */
function hasTerminal(proc: string): boolean {
  const stat = look(() => readFileSync(`${proc}/stat`, 'utf8'));
  const TTY_FIELD = 4; // counted after the closing parenthesis of the name
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[TTY_FIELD] !== '0';
}

/** Empty when the process is gone or not ours to see: it ends between two looks. */
function look(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
