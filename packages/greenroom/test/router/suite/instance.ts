import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { type WebSocket, WebSocketServer } from 'ws';
import { COMMIT_HEADER } from '../../../../../bench/load/client.ts';
import type { InstanceSockets } from '../../../src/orchestrator/layout.ts';
import type { RouteTarget } from '../../../src/orchestrator/ports.ts';

const SLOW_MS = 700;
const EVENT_MS = 50;

export interface RunningInstance extends RouteTarget {
  /** Requests and streams that it has begun and not ended. */
  busy(): number;
  /** Ends it as an app that drains on SIGTERM: streams are closed cleanly, requests under way get their answer. */
  stop(): Promise<void>;
}

export interface InstanceOptions {
  instance: string;
  /** Also listens there, as an app with the preloaded module does. */
  sockets?: InstanceSockets;
  /** Also has an internal listener, which says `<instance> internal`. */
  internal?: boolean;
}

/**
 * A real app in this process, ended with the test, which answers all that the load clients ask for and names itself in the header that they look
 * at. `/hold` is never answered; `/headers` says what came.
 */
export async function startInstance(t: TestContext, { instance, sockets, internal = false }: InstanceOptions): Promise<RunningInstance> {
  let busy = 0;
  const streams = new Set<http.ServerResponse>();
  const server = http.createServer((request, response) => answer(instance, streams, request, response));
  const webSockets = new WebSocketServer({ server });
  webSockets.on('headers', (headers) => void headers.push(`${COMMIT_HEADER}: ${instance}`));
  webSockets.on('connection', echo);
  const begun = (side: Writable): void => {
    busy += 1;
    side.once('close', () => {
      busy -= 1;
    });
  };
  server.on('request', (_, response) => begun(response));
  server.on('upgrade', (_, socket) => begun(socket));
  const inner = http.createServer((_, response) => response.end(`${instance} internal`));
  const doors = sockets ? [await openDoor(server, sockets.requests), await openDoor(server, sockets.streams)] : [];
  if (sockets && internal) doors.push(await openDoor(inner, sockets.internal));
  const port = await listen(server);
  const internalPort = internal ? await listen(inner) : 0;

  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      for (const door of doors) door.close();
      if (internal) inner.close();
      const closed = new Promise((resolve) => server.close(resolve));
      for (const response of streams) response.end();
      for (const client of webSockets.clients) client.close(1001);
      server.closeIdleConnections();
      await closed;
    })();
    return stopped;
  };
  t.after(() => {
    for (const client of webSockets.clients) client.terminate();
    void stop();
    server.closeAllConnections();
    inner.closeAllConnections();
  });
  return { instance, host: '127.0.0.1', port, internalPort, busy: () => busy, stop };
}

function answer(instance: string, streams: Set<http.ServerResponse>, request: http.IncomingMessage, response: http.ServerResponse): void {
  response.setHeader(COMMIT_HEADER, instance);
  const path = (request.url ?? '').replace(/^\/shop(?=\/)/, '');
  if (path === '/hold') return;
  // Caddy drops what is left of a request once its answer has begun, so the answer waits.
  if (path === '/echo')
    buffer(request).then(
      (body) => response.end(body),
      () => response.destroy(),
    );
  else if (path === '/slow') setTimeout(() => response.end(instance), SLOW_MS);
  else if (path === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    streams.add(response);
    const timer = setInterval(() => response.write('data: tick\n\n'), EVENT_MS);
    response.write('data: hello\n\n');
    response.once('close', () => {
      clearInterval(timer);
      streams.delete(response);
    });
  } else response.end(path === '/headers' ? JSON.stringify(request.headers) : instance);
}

function echo(socket: WebSocket): void {
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/** A Unix socket whose connections are the server's. */
async function openDoor(server: http.Server, path: string): Promise<net.Server> {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  const door = net.createServer((connection) => void server.emit('connection', connection));
  door.listen(path);
  await once(door, 'listening');
  return door;
}

async function listen(server: http.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
