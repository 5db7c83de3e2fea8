import { readdir, readFile, readlink } from 'node:fs/promises';

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

async function listeningInodes(port: number): Promise<Set<string>> {
  return new Set((await listeners(port)).map(({ inode }) => `socket:[${inode}]`));
}

async function listeners(port: number): Promise<{ inode: string; uid: number }[]> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const found: { inode: string; uid: number }[] = [];
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
      if (state === TCP_LISTEN && local?.endsWith(`:${wanted}`) && inode) found.push({ inode, uid: Number(uid) });
    }
  }
  return found;
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
