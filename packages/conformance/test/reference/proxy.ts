/**
 * The reference's reverse proxy, a process of its own so that it outlives the orchestrator.
 * Arguments: control socket, public port, internal port (0 for none), parent's pid; then `--fault NAME`.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { alive } from '../../src/harness/processes.ts';
import { faulty } from './faults.ts';

export interface Target {
  instance: string;
  port: number;
  internalPort: number;
}

const [socket = '', port = '0', internalPort = '0', parent = '0'] = process.argv.slice(2);
const POLL_MS = 10;
const FOREVER_MS = 3_600_000;
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade'];

let target: Target | null = null;
/** What each answer is fed from. */
const sources = new WeakMap<ServerResponse, IncomingMessage>();
const inFlight = new Map<string, Set<ServerResponse>>();

const publicServer = createServer((incoming, response) => forward(incoming, response, faulty('public-to-internal')));
const internalServer = createServer((incoming, response) => forward(incoming, response, !faulty('internal-to-public')));
const control = createServer((incoming, response) => void handleControl(incoming, response));

for (const server of [publicServer, internalServer]) {
  server.keepAliveTimeout = FOREVER_MS;
  server.on('error', (error) => {
    process.stderr.write(`proxy: ${error.message}\n`);
    process.exit(1);
  });
}
publicServer.listen(Number(port), () => {
  if (internalPort === '0') control.listen(socket);
  else
    internalServer.listen(Number(internalPort), faulty('internal-on-all-interfaces') ? '0.0.0.0' : '127.0.0.1', () =>
      control.listen(socket),
    );
});
if (faulty('proxy-dies-with-orchestrator')) setInterval(() => alive(Number(parent)) || process.exit(0), POLL_MS);

function forward(incoming: IncomingMessage, response: ServerResponse, internal: boolean): void {
  const to = target;
  if (!to) {
    unavailable(response, faulty('bad-gateway') ? 502 : 503);
    return;
  }
  const requests = inFlight.get(to.instance) ?? new Set();
  inFlight.set(to.instance, requests.add(response));
  const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => name !== 'connection'));
  const outgoing = request(
    { host: '127.0.0.1', port: internal ? to.internalPort : to.port, method: incoming.method, path: incoming.url, headers, agent: false },
    (answer) => {
      response.writeHead(
        answer.statusCode ?? 502,
        Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.includes(name))),
      );
      answer.on('error', () => response.destroy());
      sources.set(response, answer);
      answer.pipe(response);
    },
  );
  outgoing.on('error', () => (response.headersSent ? response.destroy() : unavailable(response, faulty('bad-gateway') ? 502 : 503)));
  response.on('close', () => {
    requests.delete(response);
    outgoing.destroy();
  });
  incoming.pipe(outgoing);
}

function unavailable(response: ServerResponse, status: number): void {
  response.writeHead(status, faulty('no-retry-after') ? {} : { 'retry-after': '1' });
  response.end('nothing is live\n');
}

/** `GET /` the target, `PUT /` sets it, `POST /drain` waits, `DELETE /` ends the proxy. */
async function handleControl(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const parts: Buffer[] = [];
  for await (const part of incoming) parts.push(part as Buffer);
  const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : null;
  if (incoming.method === 'PUT') target = body;
  if (incoming.method === 'POST') await drain(body.instance, faulty('drain-forever') ? FOREVER_MS : body.timeout_ms);
  response.end(JSON.stringify({ target }));
  if (incoming.method === 'DELETE') response.on('close', () => process.exit(0));
}

/** A stream is ended as if the app had done it; any other answer is incomplete, and must look so. */
function giveUp(response: ServerResponse): void {
  const source = sources.get(response);
  const stream = source?.headers['content-type']?.startsWith('text/event-stream');
  if (!stream || faulty('cut-streams')) {
    response.destroy();
    return;
  }
  // Nothing may be written after the end.
  source?.unpipe(response);
  response.end();
}

function drain(instance: string, timeoutMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const deadline = Date.now() + timeoutMs;
  const requests = inFlight.get(instance) ?? new Set();
  const timer = setInterval(() => {
    if (Date.now() > deadline) for (const response of requests) giveUp(response);
    else if (requests.size > 0) return;
    clearInterval(timer);
    resolve();
  }, POLL_MS);
  return promise;
}
