import { readlink } from 'node:fs/promises';
import { listeningSockets } from '../port-owner.ts';
import type { KeptSocket } from './kept-sockets.ts';

/** sd_listen_fds(3): they follow the three that every process has. */
const FIRST_FD = 3;
const VARIABLES = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;

/**
 * The listening sockets that systemd, or whoever speaks as it does, has passed to this process, with the addresses that the kernel has for them. What is none of TCP is logged and left
 * alone. To be called once: the variables are taken out of the environment, so that no child takes them for its own.
 */
export async function passedSockets(log: (line: string) => void): Promise<KeptSocket[]> {
  const [pid, count, names = ''] = VARIABLES.map((name) => process.env[name]);
  for (const name of VARIABLES) delete process.env[name];
  if (pid !== String(process.pid) || !/^\d{1,5}$/.test(count ?? '')) return [];
  const byInode = new Map((await listeningSockets()).map((socket) => [`socket:[${socket.inode}]`, socket]));
  const passed: KeptSocket[] = [];
  for (let at = 0; at < Number(count); at += 1) {
    const fd = FIRST_FD + at;
    const name = names.split(':')[at] || 'the service manager';
    const socket = byInode.get(await readlink(`/proc/self/fd/${fd}`).catch(() => ''));
    if (socket) passed.push({ port: socket.port, host: socket.host(), holder: { fd }, name });
    else log(`file descriptor ${fd}, passed by ${name}, is no listening socket of TCP, and is not used`);
  }
  return passed;
}
