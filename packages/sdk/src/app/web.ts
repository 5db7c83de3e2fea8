import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { Refused } from './authorize.ts';
import type { Call, Relayed } from './relay.ts';
import type { Streams } from './streams.ts';

/** Statuses whose answers have no body: `Response` refuses one. */
const BODILESS = new Set([204, 205, 304]);

export interface WebExchange<Context> {
  request: Request;
  rest: string;
  context: Context;
  /** The body, when the request's own was read before. */
  text?: () => Promise<string>;
}

/** Answers a web `Request` by `relay`. */
export async function serveWeb<Context>(
  relay: (call: Call<Context>) => Promise<Relayed | Refused>,
  streams: Streams,
  { request, rest, context, text }: WebExchange<Context>,
): Promise<Response> {
  const { method, signal } = request;
  const headers: IncomingHttpHeaders = Object.fromEntries(request.headers);
  const body = await bodyOf(request, text);
  const answer = await relay({ method, rest, headers, body, context, signal });
  return 'refusal' in answer ? refuse(method, answer) : respond(method, answer, streams);
}

/** Path and query of a web request. */
export function targetOf(request: Request): string {
  const { pathname, search } = new URL(request.url);
  return `${pathname}${search}`;
}

export function refuse(method: string, { status, refusal, retryAfterS }: Refused): Response {
  return new Response(method === 'HEAD' ? null : JSON.stringify(refusal), {
    status,
    headers: {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...(retryAfterS !== undefined && { 'retry-after': String(retryAfterS) }),
    },
  });
}

function respond(method: string, { status, headers, body, stream }: Relayed, streams: Streams): Response {
  const head = new Headers();
  for (const [name, value] of Object.entries(headers)) for (const each of [value].flat()) head.append(name, each);
  // The end of a stream is the end of its connection: nothing idle is left that an ending app would have to wait for.
  if (stream) head.set('connection', 'close');
  if (method === 'HEAD' || BODILESS.has(status)) {
    body.resume();
    return new Response(null, { status, headers: head });
  }
  return new Response(readable(body, stream ? streams : null), { status, headers: head });
}

/** The body as a web stream that holds nothing back, and that ends with `streams`. */
function readable(body: IncomingMessage, streams: Streams | null): ReadableStream<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const ending = Promise.withResolvers<{ done: true; value: undefined }>();
  const forget = streams?.add(() => ending.resolve({ done: true, value: undefined }));
  const leave = (): void => {
    forget?.();
    body.destroy();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = chunks.next();
        // Its failure is nobody's when the stream was ended first.
        next.catch(leave);
        const { done, value } = await Promise.race([next, ending.promise]);
        if (!done) return controller.enqueue(value);
        leave();
        controller.close();
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}

async function bodyOf(request: Request, text?: () => Promise<string>): Promise<Readable | Buffer | null | 'lost'> {
  if (request.bodyUsed) return text ? Buffer.from(await text()) : 'lost';
  return request.body ? Readable.fromWeb(request.body) : null;
}
