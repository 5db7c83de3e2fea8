import { flushCompileCache } from 'node:module';
import { postgresLock, serveHttp } from '@greenroom/sdk/app';
import { createApp } from './app.ts';
import { openChat } from './chat.ts';
import { openDatabase, openForMigrations } from './database.ts';
import { openSchema } from './schema.ts';
import { openUploads } from './uploads.ts';

/** Starts the album: ready before it listens, health, schema and migrations on the internal port, and every request finished at SIGTERM. */
export async function run(env: NodeJS.ProcessEnv): Promise<void> {
  const db = openDatabase(env);
  const migrating = openForMigrations(env);
  const schema = openSchema(migrating);
  const uploads = openUploads(env['UPLOADS'] ?? 'uploads');
  const chat = openChat(db);
  const app = createApp({
    db,
    uploads,
    chat,
    editorKey: env['EDITOR_KEY'] ?? '',
    commit: env['GREENROOM_COMMIT'] ?? '',
    slot: env['GREENROOM_SLOT'] ?? '',
  });
  await serveHttp(app, {
    port: 3002,
    init: () => db.query('SELECT 1'),
    health: { db: () => db.query('SELECT 1') },
    schema,
    migrations: { lock: postgresLock(migrating), apply: schema.apply },
    onStop: () => chat.close(),
    close: () => Promise.all([db.end(), migrating.end()]),
  });
  flushCompileCache();
}
