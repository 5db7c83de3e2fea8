import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTENING = '0A';

/** True while the process runs; a zombie does not. */
export function alive(pid: number): boolean {
  const stat = readProc(`/proc/${pid}/stat`);
  const state = stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
  return state !== '' && state !== 'Z' && state !== 'X';
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export interface ProcessSeen {
  pid: number;
  command: string;
}

/** Running processes that have the folder in their arguments, environment or working directory. */
export function processesWith(folder: string): ProcessSeen[] {
  const seen: ProcessSeen[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid || !alive(pid)) continue;
    const command = readProc(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim();
    if (command.includes(folder) || readProc(`/proc/${pid}/environ`).includes(folder) || workingDirectory(pid).includes(folder)) {
      seen.push({ pid, command });
    }
  }
  return seen;
}

/** Addresses on which something listens on the port, as the kernel writes them: `0100007F` is 127.0.0.1. */
export function listeningAddresses(port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const lines = `${readProc('/proc/net/tcp')}\n${readProc('/proc/net/tcp6')}`.split('\n');
  return lines.flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address = '', at] = local.split(':');
    return state === LISTENING && at === hexPort ? [address] : [];
  });
}

const LOOPBACK = new Set(['0100007F', '00000000000000000000000001000000', '0000000000000000FFFF00000100007F']);

export function isLoopback(address: string): boolean {
  return LOOPBACK.has(address);
}

/** Empty when the process is gone, or its file is not ours to read. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function workingDirectory(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
