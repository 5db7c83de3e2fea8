import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { flushCompileCache } from 'node:module';
import { getRequestListener } from '@hono/node-server';
import { createApp } from './app.ts';
import { liveMessages } from './live.ts';
import { releaseOf } from './release.ts';
import { openStore } from './store.ts';

const HOST = process.env['HOST'] ?? '127.0.0.1';
const PORT = Number(process.env['PORT'] ?? 3001);
const INTERNAL_PORT = Number(process.env['INTERNAL_PORT'] ?? 3901);
const IDLE_SWEEP_MS = 50;

/** Starts the app: the public listener, and the internal one that only the orchestrator asks. SIGTERM lets every request finish. */
export function run(): void {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  const store = openStore(process.env['DATA_DIR'] ?? 'data');
  const live = liveMessages(store);
  const app = createApp(store, live, releaseOf(process.env, version));

  const visitors = createServer(getRequestListener(app.fetch));
  const internal = createServer((request, response) => {
    if (request.url === '/healthz') response.end('ok\n');
    else response.writeHead(404).end('not found\n');
  });

  const stop = async (): Promise<void> => {
    live.end();
    await Promise.all([closed(visitors), closed(internal)]);
    store.close();
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());

  visitors.listen(PORT, HOST);
  // The internal listener comes second: when it answers, the public one is there.
  visitors.once('listening', () => internal.listen(INTERNAL_PORT, '127.0.0.1'));
  internal.once('listening', () => {
    console.log(`guestbook ${version} listens on http://${HOST}:${PORT}`);
    flushCompileCache();
  });
}

/** Takes no new connections, and answers when the last request is done. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A connection that was busy when the server closed becomes idle later, and would be kept until its keep-alive time is over.
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
    server.close(() => {
      clearInterval(sweep);
      resolve();
    });
  });
}
