import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { AppSide, DataPath, Listener, Service } from '../data-path.ts';
import { createSessions, type Sessions } from '../h2/sessions.ts';
import { listenOn } from '../listening.ts';
import { createDoor, type Door } from '../tls/door.ts';
import { type AppConnections, createAppConnections } from './app-connections.ts';
import { Client } from './client.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';

const LIMITS_CHECK_INTERVAL_MS = 1_000;

/** The data path on sockets: it parses what frames and addresses a message and passes the rest as it is, without building requests and responses. */
export function createSpliceDataPath(limits: Partial<Limits> = {}): DataPath {
  const apps = createAppConnections();
  const whole = { ...DEFAULT_LIMITS, ...limits };
  const life: Life = { retiring: false, open: 0, sessions: new Set(), onNone: () => undefined };
  const serve: DataPath['serve'] = (side) => serveConnections(side, apps, whole, life);
  return {
    listen: (port, host, side) => listen(port, host, serve(side)),
    serve,
    forget: (host, port) => apps.forget(host, port),
    retire: () =>
      new Promise((resolve) => {
        life.retiring = true;
        life.onNone = resolve;
        for (const each of life.sessions) each.retire();
        if (life.open === 0) resolve();
      }),
  };
}

/** Of all connections of a data path. */
interface Life {
  retiring: boolean;
  open: number;
  sessions: Set<Sessions>;
  onNone: () => void;
}

function serveConnections(side: AppSide, apps: AppConnections, limits: Limits, life: Life): Service {
  const clients = new Set<Client>();
  let closing = false;
  let onLastClosed: () => void = () => undefined;
  const { pick, onFailure, isSecure = () => false, pairFor = () => null } = side;
  const context = { pick, onFailure, apps, limits, closing: () => closing || life.retiring, closed: () => closing };
  // One look at all of them now and then costs less than a timer for each.
  const shortest = Math.min(
    limits.headTimeoutMs,
    limits.idleTimeoutMs,
    limits.stallTimeoutMs,
    limits.answerTimeoutMs || Number.POSITIVE_INFINITY,
    limits.totalTimeoutMs || Number.POSITIVE_INFINITY,
  );
  const interval = Math.min(LIMITS_CHECK_INTERVAL_MS, shortest);
  const check = setInterval(() => {
    const now = performance.now();
    for (const client of clients) client.check(now);
  }, interval).unref();

  let door: Door | null = null;
  let sessions: Sessions | null = null;

  function openDoor(): Door {
    const protocols = ['h2', 'http/1.1'];
    return createDoor({ pairFor, handshakeTimeoutMs: limits.headTimeoutMs, protocols, onConnection });
  }

  function onConnection(socket: TLSSocket, raw: Socket): void {
    if (socket.alpnProtocol !== 'h2') {
      serve(socket, raw);
      return;
    }
    sessions ??= openSessions();
    sessions.accept(socket);
  }

  function openSessions(): Sessions {
    const opened = createSessions({ limits, onRequest: serve, onClosed: settle });
    if (life.retiring) opened.retire();
    life.sessions.add(opened);
    return opened;
  }

  function settle(): void {
    if (clients.size === 0 && (sessions?.count() ?? 0) === 0) onLastClosed();
  }

  function serve(socket: Socket, raw: Socket): void {
    const client = new Client(socket, context, raw);
    clients.add(client);
    wire(socket, client);
    socket.once('close', () => {
      clients.delete(client);
      settle();
    });
  }

  return {
    accept(socket) {
      // What another process accepted does not know of it.
      socket.allowHalfOpen = true;
      life.open += 1;
      socket.once('close', () => {
        life.open -= 1;
        if (life.open === 0) life.onNone();
      });
      if (isSecure()) {
        door ??= openDoor();
        door.accept(socket);
      } else serve(socket, socket);
    },
    close: (graceMs) =>
      new Promise((resolve) => {
        closing = true;
        const cut = setTimeout(() => {
          for (const client of clients) client.cut();
          sessions?.cut();
        }, graceMs);
        onLastClosed = () => {
          clearTimeout(cut);
          clearInterval(check);
          if (sessions) life.sessions.delete(sessions);
          resolve();
        };
        door?.close();
        sessions?.close();
        settle();
        for (const client of clients) client.endIfIdle();
      }),
  };
}

function wire(socket: Socket, client: Client): void {
  socket.on('data', (bytes: Buffer) => client.onData(bytes));
  socket.on('drain', () => client.onDrain());
  socket.on('end', () => client.onEnd());
  // The close that follows says all there is to say.
  socket.on('error', () => socket.destroy());
  socket.once('close', () => client.onClose());
}

async function listen(port: number, host: string, service: Service): Promise<Listener> {
  try {
    const listening = await listenOn({ port, host }, { allowHalfOpen: true, noDelay: true }, service.accept);
    return { close: async (graceMs) => void (await Promise.all([listening.close(), service.close(graceMs)])) };
  } catch (error) {
    await service.close(0);
    throw error;
  }
}
