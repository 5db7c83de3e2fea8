import { type NetConnectOpts, Socket } from 'node:net';
import type { Destination } from '../data-path.ts';

/**
 * Idle connections to an app are closed after this long, well below the limits of common app servers (gunicorn 2 s, node 5 s), and sooner when
 * the app says so with `Keep-Alive: timeout=`: a connection that the app is just closing is the one that loses a request.
 */
const IDLE_MS = 1_500;
/** Closed this long before the app would. */
const IDLE_MARGIN_MS = 1_000;
const MAX_IDLE_CONNECTIONS = 1024;
/** Connecting over loopback takes no time; only a full accept queue makes it take any. */
const CONNECT_TIMEOUT_MS = 10_000;
const SWEEP_MS = 250;
/** What is read of an app at once: an answer of 64 KiB with its head in one go. Pages that no answer touched take no memory. */
const READ_BYTES = 128 * 1024;
/** In front of what is read, so that the head that the client gets can be put there and leave together with what follows it, uncopied. */
export const HEADROOM = 2 * 1024;
/** Streams and tunnels are many, and say little at once. */
const STREAM_READ_BYTES = 8 * 1024;
/** Buffers of closed connections that are kept for new ones. */
const MAX_SPARE_BUFFERS = 32;

/** Whoever a connection to an app is lent to. */
export interface AppUser {
  onConnect(): void;
  /**
   * Bytes of the app's, with `room` bytes in front of them that may be written over. They are there until this returns; when it answers true, for
   * as long as anybody holds them.
   */
  onData(bytes: Buffer, room: number): boolean;
  onDrain(): void;
  /** The app sent all it will send. */
  onEnd(): void;
  /** Nothing comes any more, in either direction. */
  onClose(): void;
}

export interface AppConnection {
  readonly socket: Socket & { writeFailed?: boolean };
  readonly pool: Pool;
  user: AppUser | null;
  connected: boolean;
  broken: boolean;
  /** Lent before: the app may be closing it at this very moment. */
  reused: boolean;
  /** When an idle one is closed, in milliseconds of `performance.now()`. */
  idleUntil: number;
  /** The app said with its last answer how long it keeps an idle connection. */
  told: boolean;
  /** It carries a stream: from now on it is read in small pieces. */
  isStream: boolean;
}

/** Connections to one address. */
interface Pool {
  /** The one that was used last is at the end, and is lent first. */
  idle: AppConnection[];
  /** The address is not routed to any more. */
  retired: boolean;
}

/**
 * Which connection a request needs: any one, as it can be sent again; one that the app has said it still keeps, as it cannot; or a new one.
 */
export type Need = 'any' | 'told' | 'new';

/** Connections to apps, kept for the next request. */
export interface AppConnections {
  lend(destination: Destination, need: Need, user: AppUser): AppConnection;
  /** Gives back a connection on which nothing is under way. `idleMs` is what the app said of idle ones; 0 for nothing. */
  giveBack(connection: AppConnection, idleMs: number): void;
  /** Closes idle connections to an address; those in use when they become idle. */
  forget(host: string, port: number): void;
}

const spareBuffers: Buffer[] = [];

export function createAppConnections(): AppConnections {
  const pools = new Map<string, Pool>();
  /** The same, found without putting a key together for each request. */
  const known = new WeakMap<Destination, Pool>();
  let sweep: NodeJS.Timeout | undefined;

  function poolOf(destination: Destination): Pool {
    const found = known.get(destination);
    if (found && !found.retired) return found;
    const key = keyOf(destination);
    const pool = pools.get(key) ?? { idle: [], retired: false };
    pools.set(key, pool);
    known.set(destination, pool);
    return pool;
  }

  /** The one that was used last. */
  function takeIdle({ idle }: Pool, need: Need): AppConnection | undefined {
    if (need === 'new' || (need === 'told' && !idle.at(-1)?.told)) return undefined;
    return idle.pop();
  }

  function sweepIdle(): void {
    const now = performance.now();
    let left = 0;
    for (const { idle } of pools.values()) {
      for (const connection of idle) if (connection.idleUntil <= now) connection.socket.destroy();
      left += idle.length;
    }
    if (left > 0) return;
    clearInterval(sweep);
    sweep = undefined;
  }

  return {
    lend(destination, need, user) {
      const pool = poolOf(destination);
      for (let found = takeIdle(pool, need); found; found = takeIdle(pool, need)) {
        if (found.socket.destroyed || found.socket.writeFailed || found.broken) continue;
        found.user = user;
        found.reused = true;
        return found;
      }
      return open(destination, pool, user);
    },
    giveBack(connection, idleMs) {
      const { pool, socket } = connection;
      connection.user = null;
      const lasts = idleMs === 0 ? IDLE_MS : Math.min(IDLE_MS, idleMs - IDLE_MARGIN_MS);
      if (
        pool.retired ||
        pool.idle.length >= MAX_IDLE_CONNECTIONS ||
        lasts <= 0 ||
        connection.broken ||
        socket.writeFailed ||
        socket.destroyed
      ) {
        socket.destroy();
        return;
      }
      connection.idleUntil = performance.now() + lasts;
      connection.told = idleMs > 0;
      pool.idle.push(connection);
      sweep ??= setInterval(sweepIdle, SWEEP_MS).unref();
    },
    forget(host, port) {
      const pool = pools.get(`${host}|${port}`);
      if (!pool) return;
      pools.delete(`${host}|${port}`);
      pool.retired = true;
      for (const { socket } of pool.idle) socket.destroy();
    },
  };
}

function open(destination: Destination, pool: Pool, user: AppUser): AppConnection {
  const { host, port, socket: path } = destination;
  let memory = spareBuffers.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES);
  let readInto = memory.subarray(HEADROOM);

  function take(bytes: Buffer): void {
    // What an app says unasked belongs to no request.
    if (!connection.user) socket.destroy();
    else if (connection.user.onData(bytes, HEADROOM)) renew();
    else if (connection.isStream && memory.length > STREAM_READ_BYTES) renew();
  }

  function renew(): void {
    memory = connection.isStream ? Buffer.allocUnsafeSlow(STREAM_READ_BYTES) : (spareBuffers.pop() ?? Buffer.allocUnsafeSlow(READ_BYTES));
    readInto = memory.subarray(HEADROOM);
  }

  const options: NetConnectOpts = {
    ...(path === undefined ? { host, port } : { path }),
    allowHalfOpen: true,
    noDelay: true,
    onread: {
      buffer: () => readInto,
      callback(length) {
        take(readInto.subarray(0, length));
        return true;
      },
    },
  };
  const socket = new AppSocket(options).connect(options);
  const connection: AppConnection = {
    socket,
    pool,
    user,
    connected: false,
    broken: false,
    reused: false,
    idleUntil: 0,
    told: false,
    isStream: false,
  };
  const timer = setTimeout(() => socket.destroy(new Error('the app did not accept the connection')), CONNECT_TIMEOUT_MS);
  socket.once('connect', () => {
    clearTimeout(timer);
    connection.connected = true;
    connection.user?.onConnect();
  });
  socket.on('drain', () => connection.user?.onDrain());
  socket.on('end', () => {
    if (connection.user) connection.user.onEnd();
    else socket.destroy();
  });
  socket.on('error', () => {
    connection.broken = true;
  });
  socket.once('close', () => {
    clearTimeout(timer);
    const at = pool.idle.indexOf(connection);
    if (at !== -1) pool.idle.splice(at, 1);
    const { user: last } = connection;
    connection.user = null;
    last?.onClose();
    if (memory.length === READ_BYTES && spareBuffers.length < MAX_SPARE_BUFFERS) spareBuffers.push(memory);
  });
  return connection;
}

/**
 * An app that answers early and closes, with some of an upload unread, resets the connection: the next write to it fails, often before its answer was
 * read. So a failed write ends nothing by itself; whoever reads on comes to the answer, and then to the end. An answer without length is cut all the
 * same: behind a reset nobody can tell whether it is whole.
 */
class AppSocket extends Socket {
  writeFailed = false;
  override destroy(error?: Error & { syscall?: string }): this {
    if (error?.syscall !== 'write' || this.writeFailed || this.destroyed) return super.destroy(error);
    this.writeFailed = true;
    return this;
  }
  /** A stream with an error does not say that it ended. */
  override push(chunk: unknown): boolean {
    if (chunk !== null || !this.writeFailed) return super.push(chunk);
    super.destroy();
    return false;
  }
}

function keyOf({ host, port, socket }: Destination): string {
  return socket ?? `${host}|${port}`;
}
