import type { Instance } from '../../ports.ts';

/** Where an instance takes requests. */
export type Address = { host: string; port: number } | { socket: string };
/** The same before it is known on which loopback address the port is listened for. */
export type Door = { port: number } | { socket: string };

/** IPv4 first: where an app listens on both, it is the one that everything reaches. */
export const LOOPBACK_HOSTS = ['127.0.0.1', '::1'] as const;

/** Where the instance answers for its health and its schema. */
export function internalDoor({ internalSocket, internalPort, port }: Instance): Door {
  return internalSocket === '' ? { port: internalPort || port } : { socket: internalSocket };
}

/** The same of an instance that is known to listen on this host. */
export function internalAddress(instance: Instance, host: string): Address {
  const door = internalDoor(instance);
  return 'socket' in door ? door : { host, port: door.port };
}

/** In the order in which they are tried. */
export function addressesBehind(door: Door): Address[] {
  return 'socket' in door ? [door] : LOOPBACK_HOSTS.map((host) => ({ host, port: door.port }));
}

/** For people, and for what takes a URL; there is no usual way to write one of a Unix socket, so it is nginx's. */
export function urlOf(address: Address, path: string): string {
  if ('socket' in address) return `http://unix:${address.socket}:${path}`;
  const { host, port } = address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
}
