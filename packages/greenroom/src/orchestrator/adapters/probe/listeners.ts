import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isRunning, processTable } from '../../../proc.ts';
import type { Instance } from '../../ports.ts';
import type { Door } from './address.ts';

const LISTEN_STATE = '0A';

/** What to do about an app that does not listen where it should, with where it listens instead. */
export function listenRemedy(instance: Instance, door: Door): string {
  if ('socket' in door)
    return `Make the app listen on the Unix socket that INTERNAL_SOCKET in its environment names (${door.socket} this time), beside PORT; @greenroom/sdk/app does. An app with one listener leaves internal_socket out of its contract.`;
  const wanted = door.port;
  const variable = wanted === instance.port ? 'PORT' : 'INTERNAL_PORT';
  const remedy = `Make the app listen on the port that ${variable} in its environment names (${wanted} this time), on 127.0.0.1 or on all addresses.`;
  const others = listeningPorts(instance.pid);
  if (variable === 'INTERNAL_PORT' && others.includes(instance.port))
    return `The app listens on PORT only. An app with one listener leaves internal_port out of its contract; otherwise: ${remedy}`;
  const where = others.length === 0 ? 'It listens on no port at all.' : `It listens on port ${others.join(', ')}.`;
  return `${where} ${remedy}`;
}

/** Whether this very process listens on the TCP port. False when its files are not ours to see. */
export function listensOn(pid: number, port: number): boolean {
  const portOf = listeningSockets();
  return socketsOf(pid).some((socket) => portOf.get(socket) === port);
}

/** TCP ports on which processes of this session listen, ascending. */
export function listeningPorts(session: number): number[] {
  const portOf = listeningSockets();
  const ports = new Set<number>();
  for (const stat of processTable().values()) {
    if (!isRunning(stat) || stat.session !== session) continue;
    for (const socket of socketsOf(stat.pid)) {
      const port = portOf.get(socket);
      if (port !== undefined) ports.add(port);
    }
  }
  return [...ports].sort((one, other) => one - other);
}

/** Every listening socket of the machine: inode to port. */
function listeningSockets(): Map<string, number> {
  const sockets = new Map<string, number>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of orNothing(() => readFileSync(file, 'latin1'), '').split('\n')) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state === LISTEN_STATE) sockets.set(inode, Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
    }
  }
  return sockets;
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const links = orNothing(() => readdirSync(folder), []).map((fd) => orNothing(() => readlinkSync(`${folder}/${fd}`), ''));
  return links.map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]).filter((inode) => inode !== undefined);
}

/** What is gone or not ours to see counts as nothing. */
function orNothing<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return nothing;
    throw error;
  }
}
