/**
 * What an app needs to be run by Greenroom, and the chat with the coding agent as a part of it. No dependencies; Express, Fastify, Hono, Koa, node:http,
 * Next and whatever speaks web requests.
 *
 *     import { createChat, serveExpress } from '@greenroom/sdk/app';
 *     await serveExpress(app, { init: () => db.connect(), health: { db: () => db.query('SELECT 1') }, close: () => db.end() });
 *     const chat = createChat({ authorize: (request) => request.user && { user: request.user, approve: request.user.admin } });
 *     app.use(chat.express);
 */
export type { Adapters } from './app/adapters.ts';
export type { Authorize, Authorized } from './app/authorize.ts';
export { authorizeHandler } from './app/authorize-handler.ts';
export { type Chat, type ChatOptions, createChat } from './app/chat.ts';
export { postgresLock, sqliteLock } from './app/migrations/locks.ts';
export type { MigrationLock, Migrations } from './app/migrations/options.ts';
export type { MigrationEvent } from './app/migrations/run.ts';
export { postgres, sqlite } from './app/schema/changing.ts';
export type { Dialect, Query, Row } from './app/schema/database.ts';
export type { CodeRange, Schema, SchemaState, Version } from './app/schema/schema.ts';
export { knex, kysely, nodePgMigrate, type ToolOptions, umzug } from './app/schema/script-tools.ts';
export { type SqlFolder, sqlFolder } from './app/schema/sql-folder.ts';
export { drizzle, prisma } from './app/schema/sql-tools.ts';
export type { SchemaStatus } from './app/schema-status.ts';
export { serveExpress, serveFastify, serveHono, serveHttp, serveKoa, serveNext } from './app/serve/frameworks.ts';
export type { Check, Health, HealthChecks, PartHealth } from './app/serve/health.ts';
export type { InternalOptions, Listener, ServeOptions } from './app/serve/options.ts';
export type { Running } from './app/serve/serve.ts';
export { serveInternal } from './app/serve/serve-internal.ts';
