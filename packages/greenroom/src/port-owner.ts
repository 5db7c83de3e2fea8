import { open, readdir, readFile, readlink } from 'node:fs/promises';
import { SocketAddress } from 'node:net';
import { endianness } from 'node:os';

const TCP_LISTEN = '0A';
const CHUNK_BYTES = 16_384;
export const UNSEEN_OWNER = 'another program';

/** Who listens on a TCP port of this machine, for people: `"node" (pid 123)`, or "another program" when that cannot be seen. */
export async function portOwner(port: number): Promise<string> {
  const inodes = new Set((await listeners(port)).map(({ inode }) => `socket:[${inode}]`));
  const pid = inodes.size > 0 ? await ownerOf(inodes) : null;
  if (pid === null) return UNSEEN_OWNER;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return `"${command.split('\0').join(' ').trim().slice(0, 120) || 'a process'}" (pid ${pid})`;
}

/** Whether anything that shares this process's network listens on the TCP port, on whatever address. */
export async function isListenedOn(port: number): Promise<boolean> {
  return (await listeners(port)).length > 0;
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
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map(listeningLines));
  return tables.flat().map((line) => {
    const [, local = '', , , , , , uid, , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    return { inode, uid: Number(uid), port: Number.parseInt(port, 16), host: () => hostOf(address) };
  });
}

/**
 * The kernel lists the sockets that listen before all others, and hands the table out by some 4 KB a read: of ten thousand connections only the first few
 * are read. None of a table that is not there.
 */
async function listeningLines(table: string): Promise<string[]> {
  const file = await open(table).catch(() => null);
  if (!file) return [];
  const found: string[] = [];
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let rest = ''; ; ) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES);
      const lines = (rest + chunk.toString('latin1', 0, bytesRead)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (stateIn(line) === TCP_LISTEN) found.push(line);
        else if (!isHead(line)) return found;
      }
      if (bytesRead === 0) return found;
    }
  } finally {
    await file.close();
  }
}

/** `   0: 0100007F:0BB8 00000000:0000 0A …`, the addresses of IPv6 being longer. */
function stateIn(line: string): string {
  const local = line.indexOf(': ') + 2;
  const remote = line.indexOf(' ', local) + 1;
  const state = line.indexOf(' ', remote) + 1;
  return line.slice(state, state + TCP_LISTEN.length);
}

const isHead = (line: string): boolean => line.includes('local_address');

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
