import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** State of a socket that listens, in `/proc/net/tcp`. */
const LISTENS = '0A';

/** Ports that these processes listen on by TCP, whatever the address; with their command lines. */
export function listeningPorts(pids: readonly number[]): Map<number, string> {
  const ports = portsByInode();
  const found = new Map<number, string>();
  for (const pid of pids) {
    for (const fd of list(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(`/proc/${pid}/fd/${fd}`))?.[1] ?? '';
      const port = ports.get(inode);
      if (port !== undefined) found.set(port, read(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
    }
  }
  return found;
}

/** The kernel writes these tables in parts, and leaves some out when others come and go meanwhile: what one look missed another one has. */
const LOOKS = 5;

function portsByInode(): Map<string, number> {
  const ports = new Map<string, number>();
  for (const file of Array.from({ length: LOOKS }, () => ['/proc/net/tcp', '/proc/net/tcp6']).flat()) {
    for (const line of read(file).split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state === LISTENS) ports.set(inode, Number.parseInt(local.split(':').at(-1) ?? '', 16));
    }
  }
  return ports;
}

/** Nothing of what is gone: processes and descriptors end between two looks. */
const read = (file: string): string => quietly(() => readFileSync(file, 'utf8'), '');
const link = (file: string): string => quietly(() => readlinkSync(file), '');
const list = (folder: string): string[] => quietly(() => readdirSync(folder), []);

function quietly<T>(look: () => T, gone: T): T {
  try {
    return look();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(code)) return gone;
    throw error;
  }
}
