import type { IncomingMessage, ServerResponse } from 'node:http';
import { readHandOver } from '../agent/hand-over.ts';
import { type Adapters, createAdapters } from './adapters.ts';
import { type Authorize, refused, requireAuthorize } from './authorize.ts';
import { type Exchange, serveNode } from './node.ts';
import { below, mountPath } from './path.ts';
import { type Call, relay } from './relay.ts';
import { createStreams } from './streams.ts';
import { refuse, serveWeb, targetOf, type WebExchange } from './web.ts';

const DEFAULT_MOUNT_PATH = '/chat';

export interface ChatOptions<Context> {
  /**
   * Says who sent a request; null refuses it. There is no default. It is asked with the request as the framework has it: node:http's and
   * Express's `request`, Fastify's `request`, Hono's and Koa's context, the `Request` of `fetch` and Next.
   */
  authorize: Authorize<Context>;
  /** Where the chat is, as the browser sees it; `/chat` without. Not the contract's `agent.chat_path`, which is led past the app. */
  path?: string;
  /** Is told what the app has to repair, such as an error of `authorize`; `console.error` without. */
  onError?: (error: unknown) => void;
  env?: NodeJS.ProcessEnv;
}

export interface Chat<Context> extends Adapters<Context> {
  /** Where the chat is, without a slash at its end. */
  path: string;
  /**
   * For node:http, Connect and Express. False, and nothing done, when the request is for another path; `next` is called then, when given.
   */
  handle(request: IncomingMessage & Context, response: ServerResponse, next?: (error?: unknown) => void): boolean;
  /** For whatever speaks web requests: 404 for other paths. */
  fetch(request: Request & Context): Promise<Response>;
  /** Ends the streams of events, which would keep an ending app from draining. For the app's SIGTERM handler. */
  close(): void;
}

/** The chat, to be mounted in the app: everything below its path goes to the chat service, in the name of whom `authorize` says. */
export function createChat<Context = unknown>(options: ChatOptions<Context>): Chat<Context> {
  requireAuthorize('createChat', options?.authorize);
  const { authorize, env = process.env } = options;
  const mount = mountPath(options.path ?? DEFAULT_MOUNT_PATH);
  const report = options.onError ?? ((error: unknown) => console.error('The chat of the app:', error));
  const streams = createStreams();
  if (readHandOver(env)?.chat_path.replace(/\/$/, '') === mount) {
    report(
      new Error(`Requests below ${mount} never reach the app: the proxy leads them to "greenroom chat". Mount the chat at another path.`),
    );
  }
  const pass = (call: Call<Context>) => relay({ authorize, env, mount, report, closing: streams.closed }, call);

  const rest = (...targets: (string | undefined)[]): string | null => {
    for (const target of targets) {
      const found = target === undefined ? null : below(mount, target);
      if (found !== null) return found;
    }
    return null;
  };
  const node = (exchange: Exchange<Context>): Promise<void> =>
    serveNode(pass, streams, exchange).catch((error: unknown) => {
      report(error);
      exchange.response.destroy();
    });
  const web = (exchange: WebExchange<Context>): Promise<Response> =>
    serveWeb(pass, streams, exchange).catch((error: unknown) => {
      report(error);
      return refuse(exchange.request.method, refused(500, 'internal_error', 'The chat of the app failed. Its log says why.'));
    });

  const handle: Chat<Context>['handle'] = (request, response, next) => {
    // A router that is mounted below a path takes that off `url`; `originalUrl` has it all.
    const { originalUrl, body } = request as { originalUrl?: string; body?: unknown };
    const found = rest(originalUrl, request.url);
    if (found === null) {
      next?.();
      return false;
    }
    void node({ request, response, rest: found, context: request, parsed: body });
    return true;
  };
  const fetch: Chat<Context>['fetch'] = async (request) => {
    const found = rest(targetOf(request));
    if (found === null) return refuse(request.method, refused(404, 'not_found', `The chat is below ${mount}/.`));
    return web({ request, rest: found, context: request });
  };
  return { path: mount, close: streams.close, handle, fetch, ...createAdapters({ mount, rest, node, web, handle, fetch }) };
}
