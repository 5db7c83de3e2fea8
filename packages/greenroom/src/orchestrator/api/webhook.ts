import { createHash } from 'node:crypto';
import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseBody, readBody } from './webhook/body.ts';
import { deliveryId, type MergedEvent, type PushEvent, understand, type WebhookEvent } from './webhook/event.ts';
import { isGenuine, isSigned } from './webhook/signature.ts';

/** GitHub's own limit is 25 MB. A push that is larger than this is caught by the reconcile loop. */
export const DEFAULT_MAX_BODY_BYTES = 5 * 1024 * 1024;
export const MAX_BODY_BYTES = 25 * 1024 * 1024;
/** GitHub gives up after 10 s. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;
/** Requests that are let in at once, and per second after that. */
export const DEFAULT_BURST = 60;
export const DEFAULT_PER_SECOND = 10;
const MAX_CONNECTIONS = 64;
/** Events that wait for an earlier one's work. A push is a prompt to fetch, so those that are dropped lose nothing. */
const MAX_WAITING = 100;
/** A web server in the group may hand deliveries on; whoever connects still has to sign. */
const SOCKET_MODE = 0o660;

/** Remembers deliveries across restarts, boundedly. */
export interface Deliveries {
  has(mark: string): boolean;
  add(marks: readonly string[]): Promise<void>;
}

export interface WebhookOptions {
  /** What the forge signs with, or for GitLab sends. */
  secret: string;
  /** `owner/name` of the repository whose events count. */
  repository: string;
  humanBranch: string;
  /** Port on 127.0.0.1 (0: any), or the path of a Unix socket. */
  listen: { port: number } | { socket: string };
  deliveries: Deliveries;
  /** Called after the sender has its answer, one event at a time, in the order in which they came. */
  onPush(push: PushEvent): void | Promise<void>;
  onMerged(merged: MergedEvent): void | Promise<void>;
  log(message: string): void;
  maxBodyBytes?: number;
  requestTimeoutMs?: number;
  burst?: number;
  perSecond?: number;
  now?(): number;
}

export interface WebhookListener {
  /** 0 on a Unix socket. */
  port: number;
  /** Stops listening, waits for the event under way. */
  close(): Promise<void>;
}

/** Serves `POST /webhook` and nothing else, so that the proxy may show it to the internet. Rejects with a sentence when it cannot listen. */
export async function listenWebhook(options: WebhookOptions): Promise<WebhookListener> {
  const { secret, deliveries, log, now = Date.now, maxBodyBytes = DEFAULT_MAX_BODY_BYTES } = options;
  if (secret === '') throw new Error('A webhook needs a secret: without one, anybody could send it.');
  const limit = Math.min(maxBodyBytes, MAX_BODY_BYTES);
  const admit = tokenBucket(options.burst ?? DEFAULT_BURST, options.perSecond ?? DEFAULT_PER_SECOND, now);
  /** Deliveries that were taken on and are not remembered yet. */
  const inHand = new Set<string>();
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  const timeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  // Node looks for slow senders only every 30 s unless told otherwise.
  const timeouts = { headersTimeout: timeoutMs, requestTimeout: timeoutMs, connectionsCheckingInterval: Math.min(1_000, timeoutMs) };
  const server = createServer({ ...timeouts, keepAliveTimeout: 5_000, maxHeaderSize: 16 * 1024 }, (request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (!response.headersSent && !request.destroyed)
        answer(response, 500, { error: 'Something broke in the orchestrator; its log says more.' });
      if (!request.destroyed) log(`A webhook delivery broke: ${error instanceof Error ? error.stack : String(error)}`);
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  const port = await start(server, options.listen);
  return { port, close: () => stop(server, () => last) };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?', 1)[0];
    if (path !== '/webhook') return answer(response, 404, { error: 'There is only POST /webhook.' });
    if (request.method !== 'POST') return answer(response, 405, { error: 'There is only POST /webhook.' }, { allow: 'POST' });
    if (!admit()) return answer(response, 429, { error: 'Too many deliveries at once.' }, { 'retry-after': '10' });
    if (!isSigned(request.headers)) {
      return answer(response, 401, { error: 'The delivery is not signed: give the webhook the secret that the orchestrator has.' });
    }
    const body = await readBody(request, limit);
    if (body === null) return answer(response, 413, { error: `The body is larger than ${limit} bytes.` });
    if (!isGenuine(request.headers, body, secret)) {
      log('Refused a webhook delivery: its signature is not made with the secret.');
      return answer(response, 401, { error: 'The signature does not match: the webhook has another secret than the orchestrator.' });
    }
    const parsed = parseBody(request.headers['content-type'], body);
    if (!parsed.ok) return answer(response, parsed.status, { error: parsed.error });
    const delivery = deliveryId(request.headers);
    if (delivery === '') return answer(response, 400, { error: 'The delivery has no usable id (X-GitHub-Delivery).' });
    const event = understand(request.headers, parsed.value, delivery, options);
    if (typeof event === 'string') return answer(response, 400, { error: event });
    if (event.type === 'ping') return answer(response, 200, { ok: true, message: `Listening for pushes to ${options.humanBranch}.` });
    if (event.type === 'ignored') return answer(response, 202, { ok: true, ignored: event.why });
    take(event, [delivery, createHash('sha256').update(body).digest('hex')], response);
  }

  /**
   * Answers first and works afterwards. The id is not signed, so the body is remembered too: a replay under another id is still known. Both
   * become durable only when the work is done: should the process die before, a redelivery finds it undone.
   */
  function take(event: WebhookEvent & { type: 'push' | 'merged' }, marks: string[], response: ServerResponse): void {
    if (marks.some((it) => inHand.has(it) || deliveries.has(it))) {
      answer(response, 202, { ok: true, duplicate: true });
      return;
    }
    if (waiting >= MAX_WAITING) {
      answer(response, 503, { error: 'Too many deliveries are waiting.' }, { 'retry-after': '10' });
      return;
    }
    for (const mark of marks) inHand.add(mark);
    waiting += 1;
    const answered = new Promise((resolve) => response.once('close', resolve));
    answer(response, 202, { ok: true });
    last = last.then(async () => {
      try {
        await answered;
        const { type, ...rest } = event;
        if (type === 'push') await options.onPush(rest as PushEvent);
        else await options.onMerged(rest as MergedEvent);
        await deliveries.add(marks);
      } catch (error) {
        log(`A webhook ${event.type} could not be dealt with: ${error instanceof Error ? error.message : String(error)}`);
      } finally {
        for (const mark of marks) inHand.delete(mark);
        waiting -= 1;
      }
    });
  }
}

/** What is left of an unread body would be taken for the next request: after a refusal the connection ends. */
function answer(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  const text = `${JSON.stringify(body)}\n`;
  const closing: Record<string, string> = response.req.complete ? {} : { connection: 'close' };
  const type = 'application/json; charset=utf-8';
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...closing, ...headers });
  response.end(text, () => {
    if (!response.req.complete) response.req.socket.destroySoon();
  });
}

function tokenBucket(burst: number, perSecond: number, now: () => number): () => boolean {
  let tokens = burst;
  let at = now();
  return () => {
    const time = now();
    tokens = Math.min(burst, tokens + (Math.max(0, time - at) / 1000) * perSecond);
    at = time;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

async function start(server: Server, where: WebhookOptions['listen']): Promise<number> {
  const socket = 'socket' in where ? where.socket : undefined;
  // The caller holds the app's lock: a socket file that is there is stale.
  if (socket !== undefined) await rm(socket, { force: true });
  const name = 'socket' in where ? where.socket : `127.0.0.1:${where.port}`;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'it is in use' : error.message;
      reject(new Error(`The webhook listener cannot listen on ${name}: ${why}.`, { cause: error }));
    });
    if ('socket' in where) server.listen(where.socket, resolve);
    else server.listen(where.port, '127.0.0.1', resolve);
  });
  if (socket !== undefined) await chmod(socket, SOCKET_MODE);
  return socket === undefined ? (server.address() as AddressInfo).port : 0;
}

async function stop(server: Server, idle: () => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 250).unref();
  });
  await idle();
}
