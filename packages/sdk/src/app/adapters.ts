import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange } from './node.ts';
import { targetOf, type WebExchange } from './web.ts';

/** What is used of each framework, so that none of them is a dependency. */
export interface FastifyRequestLike {
  raw: IncomingMessage;
}
export interface FastifyReplyLike {
  raw: ServerResponse;
  hijack(): unknown;
  callNotFound(): unknown;
}
export interface FastifyLike<Context> {
  prefix: string;
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: string, parser: (request: unknown, payload: unknown, done: (error: Error | null) => void) => void): unknown;
  route(route: {
    method: string[];
    url: string;
    handler: (request: FastifyRequestLike & Context, reply: FastifyReplyLike) => void;
  }): unknown;
}
export interface HonoContextLike {
  req: { raw: Request; text(): Promise<string> };
}
export interface KoaContextLike {
  req: IncomingMessage;
  res: ServerResponse;
  originalUrl: string;
  request: object;
  respond?: boolean;
}

/** What the adapters are made of. */
export interface Core<Context> {
  mount: string;
  /** What follows the mount path in the first target that lies below it; null when none does. */
  rest(...targets: (string | undefined)[]): string | null;
  node(exchange: Exchange<Context>): Promise<void>;
  web(exchange: WebExchange<Context>): Promise<Response>;
  handle(request: IncomingMessage & Context, response: ServerResponse, next: (error?: unknown) => void): boolean;
  fetch(request: Request & Context): Promise<Response>;
}

type NextHandler<Context> = (request: Request & Context) => Promise<Response>;

export interface Adapters<Context> {
  /** `app.use(chat.express)`, before or after what parses bodies; also for Connect. */
  express(request: IncomingMessage & Context, response: ServerResponse, next: (error?: unknown) => void): void;
  /** `app.register(chat.fastify)`, without a prefix. */
  fastify(instance: FastifyLike<Context>, options: unknown, done: (error?: Error) => void): void;
  /** `app.use(chat.hono)` */
  hono(context: HonoContextLike & Context, next: () => Promise<void>): Promise<Response | undefined>;
  /** `app.use(chat.koa)` */
  koa(context: KoaContextLike & Context, next: () => Promise<unknown>): Promise<void>;
  /** `export const { GET, HEAD, POST, PATCH, DELETE } = chat.next` in `app/chat/[[...path]]/route.js`. */
  next: Record<'GET' | 'HEAD' | 'POST' | 'PATCH' | 'DELETE', NextHandler<Context>>;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE'] as const;

export function createAdapters<Context>(core: Core<Context>): Adapters<Context> {
  return {
    express: (request, response, next) => void core.handle(request, response, next),

    fastify(instance, _options, done) {
      if (instance.prefix) {
        const path = `${instance.prefix}${core.mount}`;
        return done(new Error(`Register the chat without a prefix, and say where it is by createChat({ path: ${JSON.stringify(path)} }).`));
      }
      // Within this plugin only: bodies come through unread.
      instance.removeAllContentTypeParsers();
      instance.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
      const handler = (request: FastifyRequestLike & Context, reply: FastifyReplyLike): void => {
        // Its router decodes paths; ours are compared as they were sent.
        const rest = core.rest(request.raw.url);
        if (rest === null) {
          reply.callNotFound();
          return;
        }
        reply.hijack();
        void core.node({ request: request.raw, response: reply.raw, rest, context: request, parsed: undefined });
      };
      for (const url of [core.mount || '/', `${core.mount}/*`]) instance.route({ method: [...METHODS], url, handler });
      done();
    },

    async hono(context, next) {
      const { raw } = context.req;
      const rest = core.rest(targetOf(raw));
      if (rest !== null) return core.web({ request: raw, rest, context, text: () => context.req.text() });
      await next();
      return undefined;
    },

    async koa(context, next) {
      const rest = core.rest(context.originalUrl, context.req.url);
      if (rest === null) {
        await next();
        return;
      }
      // Koa's own way of answering would hold events back.
      context.respond = false;
      const { body } = context.request as { body?: unknown };
      await core.node({ request: context.req, response: context.res, rest, context, parsed: body });
    },

    next: Object.fromEntries(METHODS.map((method) => [method, core.fetch])) as Adapters<Context>['next'],
  };
}
