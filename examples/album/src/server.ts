import { existsSync, readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { flushCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import type { Pool } from 'pg';
import { createApp } from './app.ts';
import { openDatabase } from './database.ts';
import { schemaStatus } from './schema.ts';
import { openUploads } from './uploads.ts';

/** Starts the public listener and, when everything is ready, the internal one that only the orchestrator asks. SIGTERM lets every request finish. */
export async function run(env: NodeJS.ProcessEnv): Promise<void> {
  const db = openDatabase(env);
  // Connected before anybody asks; without the database the health check says so.
  await db.query('SELECT 1').catch((error: Error) => console.error('The database cannot be reached yet:', error.message));
  const uploads = openUploads(env['UPLOADS'] ?? 'uploads');
  const app = createApp({ db, uploads, commit: env['GREENROOM_COMMIT'] ?? '', slot: env['GREENROOM_SLOT'] ?? '', chat: chatPath(env) });
  const visitors = listen(app, Number(env['PORT'] ?? 3002));
  const internal = listen(
    (request, response) => {
      const asked =
        request.url === '/healthz'
          ? db.query('SELECT 1').then(() => ({ ok: true }))
          : request.url === '/schema/status'
            ? schemaStatus(db)
            : null;
      if (!asked) return void response.writeHead(404).end();
      asked.then(
        (answer) => response.end(JSON.stringify(answer)),
        (error: Error) => response.writeHead(503).end(JSON.stringify({ ok: false, error: error.message })),
      );
    },
    Number(env['INTERNAL_PORT'] ?? 3902),
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop(db, visitors, internal));
  flushCompileCache();
}

async function stop(db: Pool, ...servers: Server[]): Promise<void> {
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  await db.end();
}

function listen(listener: RequestListener, port: number): Server {
  const server = createServer((request, response) => {
    // Once it is told to stop, each answer is the last on its connection.
    response.once('finish', () => server.listening || setImmediate(() => server.closeIdleConnections()));
    listener(request, response);
  });
  return server.listen(port, '127.0.0.1');
}

/** Where Greenroom serves the chat with the coding agent: it says so beside the copy of the contract that it gives to the app. */
function chatPath({ GREENROOM_CONTRACT }: NodeJS.ProcessEnv): string {
  const file = GREENROOM_CONTRACT ? join(dirname(GREENROOM_CONTRACT), 'greenroom.json') : '';
  return existsSync(file) ? String(JSON.parse(readFileSync(file, 'utf8')).chat_path).replace(/\/+$/, '') : '';
}
