import { readdir, readFile, readlink } from 'node:fs/promises';
import { SocketAddress } from 'node:net';
import { endianness } from 'node:os';

const TCP_LISTEN = '0A';
export const UNSEEN_OWNER = 'another program';

/** Who listens on a TCP port of this machine, for people: `"node" (pid 123)`, or "another program" when that cannot be seen. */
export async function portOwner(port: number): Promise<string> {
  const inodes = await listeningInodes(port);
  const pid = inodes.size > 0 ? await ownerOf(inodes) : null;
  if (pid === null) return UNSEEN_OWNER;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return `"${command.split('\0').join(' ').trim().slice(0, 120) || 'a process'}" (pid ${pid})`;
}

/** Whether anything that shares this process's network listens on the TCP port, on whatever address. */
export async function isListenedOn(port: number): Promise<boolean> {
  return (await listeningInodes(port)).size > 0;
}

/** Id of the user who listens on the TCP port; null when nobody does. */
export async function listenerUser(port: number): Promise<number | null> {
  const [first] = await listeners(port);
  return first?.uid ?? null;
}

export interface ListeningSocket {
  /** Of the socket, as `/proc/PID/fd` names it too. */
  inode: string;
  /** Whose it is. */
  uid: number;
  port: number;
  host(): string;
}

/** Every TCP socket that listens in this process's network. */
export async function listeningSockets(): Promise<ListeningSocket[]> {
  const found: ListeningSocket[] = [];
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , state, , , , uid, , inode] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      if (state === TCP_LISTEN && inode)
        found.push({ inode, uid: Number(uid), port: Number.parseInt(port, 16), host: () => hostOf(address) });
    }
  }
  return found;
}

async function listeningInodes(port: number): Promise<Set<string>> {
  return new Set((await listeners(port)).map(({ inode }) => `socket:[${inode}]`));
}

async function listeners(port: number): Promise<ListeningSocket[]> {
  return (await listeningSockets()).filter((socket) => socket.port === port);
}

async function ownerOf(inodes: ReadonlySet<string>): Promise<string | null> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    // Processes of other users, and those that ended meanwhile, cannot be looked into.
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const link = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (inodes.has(link)) return pid;
    }
  }
  return null;
}

/** The kernel writes each 32 bits of an address as a number of the machine. */
function hostOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const address = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16)).join(':');
  return new SocketAddress({ address, family: 'ipv6' }).address;
}
