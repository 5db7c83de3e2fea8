import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { findHandOver } from '../agent/hand-over.ts';
import { type Outgoing, send } from '../agent/send.ts';
import { reachService } from '../agent/service.ts';
import type { ChatCaller } from '../chat.ts';
import { type Authorize, judge, type Refused, refused } from './authorize.ts';
import { isEventStream, requestHeaders, responseHeaders } from './headers.ts';
import { isAsset, isDevious } from './path.ts';

/** A request for the chat, whatever it came by. */
export interface Call<Context> {
  method: string;
  /** What follows the mount path, with the query. */
  rest: string;
  headers: IncomingHttpHeaders;
  /** `lost`: it was read by somebody who left nothing of it. */
  body: Readable | Buffer | null | 'lost';
  /** What `authorize` is asked with. */
  context: Context;
  /** Aborts when the client goes away. */
  signal: AbortSignal;
}

export interface Relayed {
  status: number;
  headers: Record<string, string | string[]>;
  body: IncomingMessage;
  /** Server-sent events: they end when the app says so, not by themselves. */
  stream: boolean;
}

export interface RelayOptions<Context> {
  authorize: Authorize<Context>;
  env: NodeJS.ProcessEnv;
  mount: string;
  report: (error: unknown) => void;
  /** Whether the app is about to end. */
  closing: () => boolean;
}

/** Authorizes a call and passes it on to the chat service. Expected failures are refusals. */
export async function relay<Context>(options: RelayOptions<Context>, call: Call<Context>): Promise<Relayed | Refused> {
  if (isDevious(call.rest)) return refused(400, 'invalid_request', 'The chat has no such path.');
  let caller: ChatCaller | null = null;
  if (!isAsset(call.method, call.rest)) {
    const verdict = await judge(options.authorize, call.context, options.report);
    if (verdict.refused) return verdict.refused;
    caller = verdict.caller;
  }
  if (call.body === 'lost') {
    const error =
      'The request had been read before it reached the chat. Mount the chat before what parses bodies, or let that keep them in "request.body".';
    options.report(new Error(error));
    return refused(500, 'internal_error', error);
  }
  // Whoever asked may have left while `authorize` thought; nobody reads this.
  if (call.signal.aborted) return refused(503, 'unavailable', 'The request was given up.');
  const { handOver, problem } = findHandOver(options.env);
  if (!handOver) return refused(503, 'unavailable', problem);
  const prefix = handOver.chat_path.replace(/\/$/, '');
  const outgoing: Outgoing = {
    method: call.method,
    path: `${prefix}${call.rest}` || '/',
    headers: requestHeaders(call.headers, caller, Buffer.isBuffer(call.body) ? call.body.length : undefined),
    body: call.body,
    signal: call.signal,
  };
  // What only reads may be asked twice: a service that was killed takes connections until its last thread is gone.
  for (let left = isRepeatable(outgoing) ? 1 : 0; ; left -= 1) {
    const reached = await reachService(handOver);
    if (!reached.socket) return refused(503, 'unavailable', reached.problem, reached.retryAfterS);
    try {
      return relayed(options, await send(reached.socket, outgoing), prefix);
    } catch (error) {
      reached.socket.destroy();
      if (!(error instanceof Error)) throw error;
      if (left > 0 && !call.signal.aborted && 'code' in error) continue;
      return refused(503, 'unavailable', 'The chat service went away before it answered. Try again.', 1);
    }
  }
}

function relayed<Context>({ mount, closing }: RelayOptions<Context>, body: IncomingMessage, prefix: string): Relayed | Refused {
  const stream = isEventStream(body.headers);
  if (stream && closing()) {
    body.destroy();
    return refused(503, 'unavailable', 'The app is being replaced. Connect again.', 1);
  }
  return { status: body.statusCode ?? 502, headers: moved(responseHeaders(body.headers), prefix, mount), body, stream };
}

function isRepeatable({ method, body }: Outgoing): boolean {
  return (method === 'GET' || method === 'HEAD') && body === null;
}

/** Redirects within the chat lead to where the app has it. */
function moved(headers: Relayed['headers'], prefix: string, mount: string): Relayed['headers'] {
  const { location } = headers;
  if (typeof location !== 'string') return headers;
  // To the same path with a slash, from wherever it is mounted.
  if (location === `./${lastOf(prefix)}/`) return { ...headers, location: `./${lastOf(mount)}/` };
  if (location.startsWith(`${prefix}/`)) return { ...headers, location: `${mount}${location.slice(prefix.length)}` };
  return headers;
}

function lastOf(path: string): string {
  return path.split('/').at(-1) ?? '';
}
