/**
 * The chat with the coding agent, as a part of the app. No dependencies; Express, Fastify, Hono, Koa, node:http, Next and whatever speaks web
 * requests.
 *
 *     import { createChat } from '@greenroom/sdk/app';
 *     const chat = createChat({ authorize: (request) => request.user && { user: request.user, approve: request.user.admin } });
 *     app.use(chat.express);
 */
export type { Adapters } from './app/adapters.ts';
export type { Authorize, Authorized } from './app/authorize.ts';
export { authorizeHandler } from './app/authorize-handler.ts';
export { type Chat, type ChatOptions, createChat } from './app/chat.ts';
