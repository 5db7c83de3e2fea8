import type { Socket } from 'node:net';
import type { CallerView, RequestErrorCode } from '@greenroom/sdk/wire';
import type { HttpBindings } from '@hono/node-server';
import type { Context, Hono } from 'hono';
import type { CalledBy } from '../core/state.ts';

/** Which listener a request came in by. The kernel decides who may connect to a socket. */
export type Listener = 'operator-socket' | 'agent-socket' | 'tcp';

/** What a caller may do: `operator` everything, `agent` and `local` (whoever reaches the port) deploy, roll back and read. */
export type Role = 'operator' | 'agent' | 'local';

/** The process at the other end of a Unix socket, as the kernel knows it. */
export interface Peer {
  pid: number;
  uid: number;
  gid: number;
}

/** How callers over Unix sockets are known. */
export interface Peers {
  /** Null when the kernel does not say. */
  read(socket: Socket): Peer | null;
  name(peer: Peer): Promise<CallerView>;
  /** The orchestrator's own user. */
  own: number;
  /** The coding agent's user, where it has one of its own. */
  agent?: number;
}

export interface Caller {
  listener: Listener;
  role: Role;
  peer: Peer | null;
}

export type ApiEnv = { Bindings: HttpBindings; Variables: { caller: Caller } };
export type Api = Hono<ApiEnv>;
export type ApiContext = Context<ApiEnv>;

type Refused = { code: RequestErrorCode; error: string };

/**
 * Who calls, or why nobody is served. Who may connect to a socket say its permissions; with `peers`, which is null where the kernel cannot be asked, who
 * is there says the kernel, and the agent stays the agent by whatever socket it comes.
 */
export function identify(listener: Listener, socket: Socket, peers: Peers | null): Caller | { refused: Refused } {
  if (listener === 'tcp') return { listener, role: 'local', peer: null };
  const peer = peers?.read(socket) ?? null;
  if (peers && !peer) return { refused: { code: 'forbidden', error: 'The kernel does not say who calls: connect again.' } };
  const isAgent = peer?.uid === peers?.agent && peers?.agent !== peers?.own;
  if (listener === 'agent-socket' || (peer && isAgent)) return { listener, role: 'agent', peer };
  if (!peers || !peer || peer.uid === 0 || peer.uid === peers.own) return { listener, role: 'operator', peer };
  const error = `User ${peer.uid} (process ${peer.pid}) may not use the operator's socket: it is for root and for the orchestrator's user, ${peers.own}. Call as one of them; an agent has a socket of its own.`;
  return { refused: { code: 'forbidden', error } };
}

/** How the request came, for the journal. */
export async function calledBy(c: ApiContext, peers: Peers | null): Promise<CalledBy> {
  const { listener, peer } = c.var.caller;
  return { caller: listener, ...(peers && peer ? { called_by: await peers.name(peer) } : {}) };
}

const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

/**
 * Why a request must not be served; null when it may. A page in somebody's browser can reach a loopback port, directly or by a name that
 * resolves to it; it cannot hide its `Origin`, nor send a `Host` of loopback when it came by another name.
 */
export function refusedCaller(
  listener: Listener,
  headers: { host: string | undefined; origin: string | undefined; site: string | undefined },
): Refused | null {
  if (listener !== 'tcp') return null;
  if (headers.host === undefined || !LOOPBACK_HOSTS.has(hostName(headers.host))) {
    return { code: 'forbidden', error: `Host "${headers.host ?? ''}" is not this API's: call it as 127.0.0.1 or localhost.` };
  }
  // Another port of this machine is another origin too: the app itself is a page there, and its code is the agent's.
  if (headers.origin !== undefined && originHost(headers.origin) !== headers.host.toLowerCase()) {
    return { code: 'forbidden', error: `Requests of pages from ${headers.origin} are refused.` };
  }
  if (headers.site === 'cross-site') return { code: 'forbidden', error: 'Requests of pages from other sites are refused.' };
  return null;
}

function hostName(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, '');
}

function originHost(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : '';
}
