import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ChatCaller, HandOver } from '@greenroom/sdk/chat';

export interface Seen {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What an app is given of Greenroom: a data directory, and the environment of an instance. */
export interface World {
  data: string;
  socket: string;
  env: NodeJS.ProcessEnv;
}

export async function createWorld(t: TestContext, change: Partial<HandOver> = {}): Promise<World> {
  const data = await mkdtemp(join(tmpdir(), 'sdk-app-'));
  t.after(() => rm(data, { recursive: true, force: true }));
  await mkdir(join(data, 'run', 'contract'), { recursive: true });
  const socket = join(data, 'run', 'chat-app.sock');
  const handOver: HandOver = {
    version: 1,
    command: [join(data, 'no-such-program')],
    data,
    app: 'shop',
    chat_path: '/.greenroom',
    chat_socket: socket,
    ...change,
  };
  await writeFile(join(data, 'run', 'contract', 'greenroom.json'), JSON.stringify(handOver));
  return { data, socket, env: { GREENROOM_CONTRACT: join(data, 'run', 'contract', 'app.contract.json') } };
}

export const BIG = Buffer.alloc(10 * 1024 * 1024, 'abcdefghijklmnopqrstuvwxyz0123456789');

/** Stands in for the chat service: tells what reached it, and streams what the test says. */
export interface StandIn {
  seen: Seen[];
  /** The next event stream that a client opens. */
  stream(): Promise<ServerResponse>;
  server: Server;
}

export async function createStandIn(t: TestContext, socket: string): Promise<StandIn> {
  const seen: Seen[] = [];
  const streams: ServerResponse[] = [];
  const waiting: ((stream: ServerResponse) => void)[] = [];
  const server = createServer(async (request, response) => {
    const url = request.url ?? '';
    const one = { method: request.method ?? '', url, headers: request.headers, body: await bodyOf(request) };
    seen.push(one);
    if (url.includes('/stream')) {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.flushHeaders();
      const taker = waiting.shift();
      if (taker) taker(response);
      else streams.push(response);
    } else if (url.endsWith('/big')) response.writeHead(200, { 'content-type': 'application/octet-stream', etag: '"big"' }).end(BIG);
    else if (url.endsWith('/moved')) response.writeHead(303, { location: '/.greenroom/there' }).end();
    else if (url.endsWith('/slash')) response.writeHead(308, { location: './.greenroom/' }).end();
    else if (url.endsWith('/cut')) {
      response.writeHead(200, { 'content-length': 100 });
      response.write('only this', () => response.destroy());
    } else if (url.endsWith('/gone')) response.destroy();
    else if (request.method === 'DELETE') response.writeHead(204).end();
    else if (request.method === 'HEAD') response.writeHead(200, { 'x-head': 'yes', 'content-length': 7 }).end();
    else response.writeHead(201, { 'content-type': 'application/json', 'x-answer': 'yes' }).end(JSON.stringify({ said: one.body }));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => shut(server));
  return {
    seen,
    server,
    stream: () => {
      const open = streams.shift();
      return open ? Promise.resolve(open) : new Promise((resolve) => waiting.push(resolve));
    },
  };
}

export async function shut(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The caller that the app named to the service. */
export function callerOf(seen: Seen | undefined): ChatCaller | undefined {
  const value = seen?.headers['x-greenroom-caller'];
  return typeof value === 'string' ? (JSON.parse(Buffer.from(value, 'base64url').toString('utf8')) as ChatCaller) : undefined;
}
