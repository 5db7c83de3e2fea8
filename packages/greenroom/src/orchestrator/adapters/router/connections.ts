import { readFile } from 'node:fs/promises';

const TCP_ESTABLISHED = '01';
/** A line of `/proc/net/unix` with a path: Num RefCount Protocol Flags Type St Inode Path. The far end of a connection has none. */
const UNIX_SOCKET = /^\S+ \S+ \S+ (\S+) \S+ \S+ +\d+ (.+)$/;
/** Flag of a socket that listens. */
const LISTENS = 0x10000;

/** Connections that the process listening on a Unix socket has there, those included that it has not taken yet. One look at all sockets of the machine. */
export async function unixConnections(paths: readonly string[]): Promise<number[]> {
  const counts = paths.map(() => 0);
  for (const line of (await readFile('/proc/net/unix', 'latin1')).split('\n').slice(1)) {
    const [, flags = '0', path] = UNIX_SOCKET.exec(line) ?? [];
    const index = path === undefined ? -1 : paths.indexOf(Buffer.from(path, 'latin1').toString('utf8'));
    if (index !== -1 && (Number.parseInt(flags, 16) & LISTENS) === 0) counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

/** Established TCP connections of this machine to one of its own ports, seen from the port's side. */
export async function tcpConnections(port: number): Promise<number> {
  const connection = new RegExp(`: [0-9A-F]+:${port.toString(16).toUpperCase().padStart(4, '0')} \\S+ (\\S+)`, 'g');
  let count = 0;
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    // Tens of thousands of lines on a busy machine, most of them connections that are over: nothing is made of a line that is not about the port.
    for (const [, state] of (await readFile(file, 'latin1')).matchAll(connection)) if (state === TCP_ESTABLISHED) count += 1;
  }
  return count;
}
