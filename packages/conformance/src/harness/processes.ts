import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

/** Ports of the suite's own choice: apart from 20000 to 32767, where orchestrators may look for those of instances, and from the kernel's for outgoing connections. */
const WORLD_PORTS = { first: 14_000, last: 20_000 };
const LISTENING = '0A';

const handedOut = new Set<number>();

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

/** A port that nothing listens on, never handed out twice. */
export async function freePort({ first, last } = WORLD_PORTS): Promise<number> {
  for (;;) {
    const port = first + Math.floor(Math.random() * (last - first));
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    if (await canListen(port)) return port;
  }
}

/** Whether the port can be taken on all interfaces now. */
export function canListen(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, () => server.close(() => resolve(true)));
  return promise;
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
