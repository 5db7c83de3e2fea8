import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Running, ServeOptions } from '@greenroom/sdk/app';
import { serveExpress, serveFastify, serveHono, serveHttp, serveKoa, serveNext } from '@greenroom/sdk/app';
import { getRequestListener } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import Koa from 'koa';

/** Lets the slow answers of an app go on. */
export interface Gate {
  /** An answer has got as far as the gate. */
  arrived(): void;
  open: Promise<void>;
}

export type Start = (gate: Gate, options: ServeOptions) => Promise<Running>;

/** The same app in every framework: `/` answers at once, `/slow` has sent nothing, `/stream` its head and a chunk, before the gate opens. */
export const FRAMEWORKS: Record<string, Start> = {
  'node:http': (gate, options) => serveHttp((request, response) => void answer(gate, request, response), options),

  Express: (gate, options) => {
    const app = express();
    app.use((request, response) => void answer(gate, request, response));
    return serveExpress(app, options);
  },

  Fastify: (gate, options) => {
    const app = fastify();
    const closed: string[] = [];
    app.addHook('onListen', async () => void closed.push('listening'));
    app.addHook('onClose', async () => void closed.push('closed'));
    app.get('/', () => 'at once');
    app.get('/slow', async () => {
      gate.arrived();
      await gate.open;
      return 'in the end';
    });
    app.get('/stream', (request, reply) => {
      reply.hijack();
      void answer(gate, request.raw, reply.raw);
    });
    const close = (): void => {
      if (closed.join() !== 'listening,closed') throw new Error(`Fastify's hooks before the app's close: ${closed}`);
      options.close?.();
    };
    return serveFastify(app, { ...options, close });
  },

  Hono: (gate, options) => {
    const app = new Hono();
    app.get('/', (context) => context.text('at once'));
    app.get('/slow', async (context) => {
      gate.arrived();
      await gate.open;
      return context.text('in the end');
    });
    app.get('/stream', () => {
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(Buffer.from('begun, '));
          gate.arrived();
          await gate.open;
          controller.enqueue(Buffer.from('in the end'));
          controller.close();
        },
      });
      return new Response(body);
    });
    return serveHono(app, getRequestListener, options);
  },

  Koa: (gate, options) => {
    const app = new Koa();
    app.use((context) => {
      context.respond = false;
      context.res.statusCode = 200;
      return answer(gate, context.req, context.res);
    });
    return serveKoa(app, options);
  },

  // What https://nextjs.org/docs/app/guides/custom-server documents of `next()`: the package itself is hundreds of megabytes.
  'a custom server of Next': (gate, options) => {
    let prepared = false;
    return serveNext(
      {
        prepare: async () => {
          prepared = true;
        },
        getRequestHandler: () => {
          if (!prepared) throw new Error('prepare() comes first');
          return (request, response) => answer(gate, request, response);
        },
        getUpgradeHandler: () => () => undefined,
        close: async () => undefined,
      },
      options,
    );
  },
};

async function answer({ arrived, open }: Gate, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/') {
    response.end('at once');
    return;
  }
  if (request.url === '/stream') response.write('begun, ');
  arrived();
  await open;
  response.end('in the end');
}
