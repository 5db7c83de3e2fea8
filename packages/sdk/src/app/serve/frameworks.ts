import { createServer, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Listener, ServeOptions } from './options.ts';
import { type Running, serve } from './serve.ts';

/** What is used of each framework, so that none of them is a dependency. */
export interface FastifyAppLike {
  server: Server;
  ready(): PromiseLike<unknown>;
  listen(options: { port: number; host: string }): Promise<unknown>;
  close(): PromiseLike<unknown>;
}
export interface NextAppLike {
  prepare(): Promise<unknown>;
  getRequestHandler(): Listener;
  getUpgradeHandler?(): (request: never, socket: never, head: never) => unknown;
  close?(): Promise<unknown>;
}

/** node:http: a request listener, or a server that does not listen yet, for example one with WebSockets on it. */
export function serveHttp(app: Listener | Server, options: ServeOptions = {}): Promise<Running> {
  return serve({ server: app instanceof Server ? app : createServer(app) }, options);
}

/** Express: the app instead of `app.listen()`. */
export function serveExpress(app: Listener, options: ServeOptions = {}): Promise<Running> {
  return serve({ server: createServer(app) }, options);
}

/** Koa: the app instead of `app.listen()`. */
export function serveKoa(app: { callback(): Listener }, options: ServeOptions = {}): Promise<Running> {
  return serve({ server: createServer(app.callback()) }, options);
}

/** Hono on Node: the app and `getRequestListener` of `@hono/node-server`, instead of its `serve`. */
export function serveHono<Fetch>(
  app: { fetch: Fetch },
  getRequestListener: (fetch: Fetch) => Listener,
  options: ServeOptions = {},
): Promise<Running> {
  return serve({ server: createServer(getRequestListener(app.fetch)) }, options);
}

/** Fastify: the app instead of `app.listen()` and `app.close()`; its own hooks run as always. */
export function serveFastify(app: FastifyAppLike, options: ServeOptions = {}): Promise<Running> {
  return serve(
    {
      server: app.server,
      prepare: () => app.ready(),
      listen: (port, host) => app.listen({ port, host }),
      // When the last request is gone: begun earlier, it would answer 503 to one that is still on its way.
      close: () => app.close(),
    },
    options,
  );
}

/** Next as a custom server: what `next({ dev: false })` answers. `next start` and standalone apps use `serveInternal` instead. */
export function serveNext(app: NextAppLike, options: ServeOptions = {}): Promise<Running> {
  // Its handlers exist after `prepare` only.
  const server = createServer((request, response) => app.getRequestHandler()(request, response));
  const upgrade = app.getUpgradeHandler?.bind(app) as undefined | (() => (...args: [unknown, Duplex, Buffer]) => unknown);
  if (upgrade) server.on('upgrade', (request, socket, head) => void upgrade()(request, socket, head));
  return serve({ server, prepare: () => app.prepare(), ...(app.close && { close: () => app.close?.() }) }, options);
}
