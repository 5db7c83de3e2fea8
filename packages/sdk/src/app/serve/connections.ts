import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The connections of a server, so that it can stop without cutting a request. */
export interface Connections {
  /**
   * Takes no new connections, closes idle ones at once and lets requests in flight finish, each with `Connection: close`. Resolves when the last
   * connection is gone, those of WebSockets included.
   */
  drain(): Promise<void>;
  /** Destroys what is left; answers how many requests that cut. */
  cut(): number;
}

/** Watches a server from before its first connection. */
export function watchConnections(server: Server): Connections {
  const sockets = new Set<Socket>();
  const inFlight = new Set<ServerResponse>();
  let draining = false;

  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // Before the app's own listener, which may answer at once.
  server.prependListener('request', (_request, response) => {
    // A request that was on its way when the server closed is answered like all others, and is the last one on its connection.
    if (draining) response.shouldKeepAlive = false;
    inFlight.add(response);
    response.once('close', () => {
      inFlight.delete(response);
      // An answer that had begun before the drain has promised to keep its connection.
      if (draining) server.closeIdleConnections();
    });
  });

  return {
    drain() {
      draining = true;
      for (const response of inFlight) if (!response.headersSent) response.shouldKeepAlive = false;
      return new Promise((resolve) => {
        // Not before what has arrived already is read: a request on an idle connection is answered then instead of reset.
        setImmediate(() => {
          // Closes idle connections itself; an error says that it was not listening.
          server.close(() => resolve());
          // Node takes a connection that has not sent anything yet for a busy one.
          for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
        });
      });
    },
    cut() {
      const cut = inFlight.size;
      for (const socket of sockets) socket.destroy();
      return cut;
    },
  };
}
