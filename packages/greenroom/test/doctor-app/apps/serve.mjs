import { createServer } from 'node:http';
import { connect } from 'node:net';

/** A small app that keeps to every rule; each app beside it breaks one. `options` replaces what it does. */
export function serve(answer, { port = process.env.PORT, healthy = reachesDatabase, stop = stopGently } = {}) {
  const server = createServer(async (request, response) => {
    // Once it listens no more, no answer leaves a connection behind.
    if (stop === stopGently) response.once('finish', () => server.listening || setImmediate(() => server.closeIdleConnections()));
    if (request.url !== '/healthz') return await answer(request, response);
    response.statusCode = (await healthy()) ? 200 : 503;
    response.end();
  });
  server.listen(port, '127.0.0.1');
  if (stop) process.once('SIGTERM', () => stop(server));
}

export function page(response, text) {
  response.setHeader('content-type', 'text/plain');
  response.end(`${text}\n`);
}

function stopGently(server) {
  server.close(() => process.exit(0));
}

function reachesDatabase() {
  if (!process.env.DATABASE_URL) return true;
  const { hostname, port } = new URL(process.env.DATABASE_URL);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
