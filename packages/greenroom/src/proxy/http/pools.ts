import type { Agent } from 'node:http';
import { http } from './node-http.ts';

/**
 * Idle connections to an app are closed after this long, well below the limits of common app servers (gunicorn 2 s, node 5 s), and sooner when
 * the app says so with `Keep-Alive: timeout=`: a connection that the app is just closing is the one that loses a request.
 */
const UPSTREAM_IDLE_MS = 1_500;
const MAX_IDLE_CONNECTIONS = 256;

/** Connections to apps, by address. */
export interface Pools {
  /** For requests that can be sent again if the connection turns out to be closed. */
  reused(host: string, port: number): Agent;
  /**
   * A connection of its own. For requests that cannot be sent again: on a connection that was idle, an app that closes it in this moment
   * would lose the request, and nobody could tell whether it was carried out.
   */
  readonly fresh: Agent;
  forget(host: string, port: number): void;
}

interface Pool {
  agent: Agent;
  retired: boolean;
}

export function createPools(): Pools {
  const pools = new Map<string, Pool>();
  const keyOf = (host: string, port: number): string => `${host}|${port}`;
  return {
    reused(host, port) {
      const key = keyOf(host, port);
      const pool = pools.get(key) ?? createPool();
      pools.set(key, pool);
      return pool.agent;
    },
    fresh: new http.Agent({ keepAlive: false }),
    forget(host, port) {
      const pool = pools.get(keyOf(host, port));
      if (!pool) return;
      pools.delete(keyOf(host, port));
      pool.retired = true;
      for (const sockets of Object.values(pool.agent.freeSockets)) {
        for (const socket of sockets ?? []) socket.destroy();
      }
    },
  };
}

function createPool(): Pool {
  const agent = new http.Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS, timeout: UPSTREAM_IDLE_MS });
  const pool: Pool = { agent, retired: false };
  const keep = agent.keepSocketAlive.bind(agent);
  agent.keepSocketAlive = (socket) => !pool.retired && keep(socket);
  return pool;
}
