import { chmod, link, mkdir, rename, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createProbe } from 'node:net';
import { dirname } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { type ApiOptions, createApi } from './app.ts';
import type { Listener } from './caller.ts';

export interface Listening {
  /** Stops accepting, ends event streams, waits for answers under way. */
  close(): Promise<void>;
}

export interface ListenAddresses {
  /** 0 for sockets only. */
  port: number;
  operatorSocket: string;
  agentSocket: string;
  /** The same socket by a second name, in a folder of its own, which is what a sandbox shows of it. */
  agentDoor: string;
}

/** Serves the API on both sockets, and on 127.0.0.1. The caller holds the app's lock, so a socket file that is there is stale. */
export async function listenApi(options: ApiOptions, addresses: ListenAddresses): Promise<Listening> {
  const servers = [
    await listenSocket(serverFor(options, 'operator-socket'), addresses.operatorSocket, 0o600),
    await listenSocket(serverFor(options, 'agent-socket'), addresses.agentSocket, 0o660),
  ];
  await giveName(addresses.agentSocket, addresses.agentDoor);
  const closeAll = async (): Promise<void> => void (await Promise.all(servers.map(close)));
  try {
    // Last, because an answer on it says that everything is ready, the sockets included.
    if (addresses.port !== 0) servers.push(await listenTcp(serverFor(options, 'tcp'), addresses.port));
  } catch (error) {
    await closeAll();
    throw error;
  }
  return { close: closeAll };
}

/** Rejects with a sentence when the API's port is taken; 0 is not. `ownerOf` says who listens on a port, for people. */
export async function requirePortFree(port: number, ownerOf: (port: number) => Promise<string>): Promise<void> {
  if (port === 0) return;
  const probe = createProbe();
  try {
    await listen(probe, () => probe.listen(port, '127.0.0.1'));
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    throw portError(port, error, error.code === 'EADDRINUSE' ? await ownerOf(port) : '');
  }
  await new Promise<void>((resolve) => probe.close(() => resolve()));
}

function serverFor(options: ApiOptions, listener: Listener): Server {
  const api = createApi(options, listener);
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, getRequestListener(api.fetch));
  return server;
}

async function listenTcp(server: Server, port: number): Promise<Server> {
  try {
    await listen(server, () => server.listen(port, '127.0.0.1'));
  } catch (error) {
    throw portError(port, error as NodeJS.ErrnoException);
  }
  return server;
}

/** The mode is right from the first moment: the folder is private, and the mask of the process covers the rest. */
async function listenSocket(server: Server, path: string, mode: number): Promise<Server> {
  await rm(path, { force: true });
  const before = process.umask(0o777 & ~mode);
  try {
    await listen(server, () => server.listen(path));
  } finally {
    process.umask(before);
  }
  await chmod(path, mode);
  return server;
}

/** Whoever has the folder in view finds the socket of this process there from now on, and not that of one before. */
async function giveName(socket: string, door: string): Promise<void> {
  await mkdir(dirname(door), { recursive: true, mode: 0o711 });
  const fresh = `${door}.new`;
  await rm(fresh, { force: true });
  await link(socket, fresh);
  await rename(fresh, door);
}

function listen(
  server: { once(event: string, listener: (error: Error) => void): unknown; off(event: string, listener: (error: Error) => void): unknown },
  start: () => unknown,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    start();
  });
}

/** The API cannot listen. The message is a sentence for the operator. */
export class ListenError extends Error {}

function portError(port: number, error: NodeJS.ErrnoException, owner = 'another program'): ListenError {
  if (error.code === 'EADDRINUSE')
    return new ListenError(
      `Port ${port} for the orchestrator's API is in use by ${owner}: choose another with --port, or stop what listens there.`,
    );
  return new ListenError(`The orchestrator's API cannot listen on 127.0.0.1:${port}: ${error.message}`);
}

/** Event streams never end by themselves: what is not idle after the answers are out is ended. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 250).unref();
  });
}
