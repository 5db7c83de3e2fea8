import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ChatOptions, createChat } from '@greenroom/sdk/app';
import { getRequestListener } from '@hono/node-server';
import express, { type Request as ExpressRequest } from 'express';
import fastify, { type FastifyRequest } from 'fastify';
import { Hono, type Context as HonoContext } from 'hono';
import Koa from 'koa';
import { shut } from './stand-in.ts';

/** An app with the chat mounted in it, on a port of its own. */
export interface App {
  port: number;
  path: string;
  /** What a SIGTERM handler does: ends the chat's streams, closes the server, and waits until it is closed. */
  drain(): Promise<void>;
  /** Ends it at once. */
  end(): Promise<void>;
}

type Common = Pick<ChatOptions<unknown>, 'env' | 'path' | 'onError'>;
export type Framework = (options: Common & { decide: Decide }) => Promise<App>;
/** Answers for the value of the request's `x-user` header. */
export type Decide = (user: string | undefined) => ReturnType<ChatOptions<unknown>['authorize']>;

/** The same app in every framework: `/` answers `the app`, other paths 404, and the caller is in the header `x-user`. */
export const FRAMEWORKS: Record<string, Framework> = {
  'node:http': async ({ decide, ...common }) => {
    const chat = createChat({ ...common, authorize: (request: IncomingMessage) => decide(request.headers['x-user']?.toString()) });
    const server = createServer((request, response) => {
      if (chat.handle(request, response)) return;
      response.statusCode = request.url === '/' ? 200 : 404;
      response.end(request.url === '/' ? 'the app' : 'no such page');
    });
    return listening(server, chat);
  },

  Express: async ({ decide, ...common }) => {
    const app = express();
    const chat = createChat({ ...common, authorize: (request: ExpressRequest) => decide(request.get('x-user')) });
    app.use(chat.express);
    app.get('/', (_request, response) => void response.send('the app'));
    return listening(createServer(app), chat);
  },

  'Express below its path, after a body parser': async ({ decide, ...common }) => {
    const app = express();
    const chat = createChat({ ...common, authorize: (request: ExpressRequest) => decide(request.get('x-user')) });
    app.use(express.json());
    app.use(chat.path, chat.express);
    app.get('/', (_request, response) => void response.send('the app'));
    return listening(createServer(app), chat);
  },

  Fastify: async ({ decide, ...common }) => {
    const app = fastify();
    const chat = createChat({ ...common, authorize: (request: FastifyRequest) => decide(request.headers['x-user']?.toString()) });
    app.register(chat.fastify);
    app.get('/', () => 'the app');
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as AddressInfo;
    return {
      port,
      path: chat.path,
      drain: async () => {
        chat.close();
        await app.close();
      },
      end: async () => {
        app.server.closeAllConnections();
        await app.close();
      },
    };
  },

  Hono: async ({ decide, ...common }) => {
    const app = new Hono();
    const chat = createChat({ ...common, authorize: (context: HonoContext) => decide(context.req.header('x-user')) });
    app.use(chat.hono);
    app.get('/', (context) => context.text('the app'));
    return listening(createServer(getRequestListener(app.fetch)), chat);
  },

  Koa: async ({ decide, ...common }) => {
    const app = new Koa();
    const chat = createChat({ ...common, authorize: (context: Koa.Context) => decide(context.get('x-user') || undefined) });
    app.use(chat.koa);
    app.use((context) => {
      if (context.path === '/') context.body = 'the app';
    });
    return listening(createServer(app.callback()), chat);
  },

  'route handlers of web requests, as in Next': async ({ decide, ...common }) => {
    const chat = createChat({ ...common, authorize: (request: Request) => decide(request.headers.get('x-user') ?? undefined) });
    const handlers: Record<string, (request: Request) => Promise<Response>> = chat.next;
    const route = async (request: Request): Promise<Response> => {
      const { pathname } = new URL(request.url);
      if (pathname === '/') return new Response('the app');
      const handler = handlers[request.method];
      return handler && `${pathname}/`.startsWith(`${chat.path}/`) ? handler(request) : new Response('no such page', { status: 404 });
    };
    return listening(createServer(getRequestListener(route)), chat);
  },
};

export async function listening(server: Server, chat: { path: string; close(): void }): Promise<App> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    path: chat.path,
    drain: () => {
      chat.close();
      return new Promise((resolve) => server.close(() => resolve()));
    },
    end: () => shut(server),
  };
}
