import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { type Load, type LoadOptions, startLoad } from '../load/load.ts';
import type { LoadKind, LoadReport } from '../load/tally.ts';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

describe('load client', () => {
  it('counts right answers of every kind, and where they came from', async () => {
    const everything: LoadOptions['mix'] = { get: 2, 'get-new': 1, post: 2, 'post-new': 1, slow: 1, sse: 1, ws: 1 };
    const report = await underLoad({ mix: everything }, good, (load) => until(load, (now) => kindsWith(now, 'ok') === 7));
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.deepEqual(Object.keys(report.commits), ['one']);
    assert.equal(report.stale, 0);
    assert.ok(report.longest_gap_ms > 0);
  });

  it('never tries again: each reset connection is one failure, on kept and on new connections', async () => {
    let seen = 0;
    const report = await underLoad(
      { mix: { get: 1, 'get-new': 1 } },
      (request, response) => {
        seen++;
        if (seen % 10 === 0) (request.socket as Socket).resetAndDestroy();
        else good(request, response);
      },
      (load) => until(load, (now) => now.failed >= 5),
    );
    assert.equal(report.ok + report.failed, seen);
    assert.equal(report.failed, Math.floor(seen / 10));
    assert.match(report.failures[0]?.error ?? '', /ECONNRESET/);
  });

  const bad: [name: string, kind: LoadKind, handler: Handler, error: RegExp][] = [
    ['a 502', 'get', (_, response) => response.writeHead(502).end('bad gateway'), /status 502: bad gateway/],
    ['a 503', 'post', (_, response) => response.writeHead(503).end(), /status 503/],
    ['an answer that is cut', 'get', (_, response) => cut(response, { 'content-length': 100 }), /aborted|ECONNRESET/],
    ['a changed echo', 'post', (_, response) => response.end('something else'), /wrong echo/],
    ['an echo cut short by a clean end', 'post-new', echoHalf, /wrong echo/],
    ['an answer that never comes', 'slow', () => undefined, /no whole answer within 300 ms/],
    ['a stream that is cut', 'sse', (_, response) => cut(response, { 'content-type': 'text/event-stream' }), /aborted|ECONNRESET|cut/],
    ['a stream that falls silent', 'sse', (_, response) => stream(response), /no event for 300 ms/],
    ['a stream of another type', 'sse', (_, response) => response.end('<html>'), /instead of text\/event-stream/],
    ['a WebSocket that is not accepted', 'ws', (_, response) => response.end(), /Unexpected server response: 200/],
  ];
  for (const [name, kind, handler, error] of bad) {
    it(`reports ${name}`, async () => {
      const report = await underLoad({ mix: { [kind]: 1 }, timeout_ms: 300 }, handler, (load) => until(load, (now) => now.failed > 0));
      assert.equal(report.ok, 0);
      assert.match(report.failures[0]?.error ?? '', error);
      assert.equal(report.failures[0]?.kind, kind);
    });
  }

  it('takes a clean end of a stream as an end, and opens it again', async () => {
    const handler: Handler = (_, response) => {
      stream(response);
      response.end('data: 1\n\n');
    };
    const report = await underLoad({ mix: { sse: 1 } }, handler, (load) => until(load, (now) => (now.kinds.sse?.reconnects ?? 0) >= 3));
    assert.equal(report.failed, 0);
    assert.ok((report.kinds.sse?.ok ?? 0) >= 3);
  });

  for (const [code, fails] of [
    [1000, false],
    [1001, false],
    [1011, true],
    [1006, true],
  ] as const) {
    it(`takes a WebSocket closed with ${code} as ${fails ? 'a failure' : 'an end'}`, async () => {
      const sockets = new WebSocketServer({ noServer: true });
      sockets.on('connection', (socket) => {
        socket.on('message', (data) => {
          socket.send(String(data));
          if (code === 1006) socket.terminate();
          else socket.close(code);
        });
      });
      const done = (now: LoadReport): boolean => (fails ? now.failed > 1 : (now.kinds.ws?.reconnects ?? 0) > 1);
      const report = await underLoad({ mix: { ws: 1 } }, good, (load) => until(load, done), sockets);
      assert.equal(report.failed > 0, fails, JSON.stringify(report.failures));
    });
  }

  it('reports a wrong echo on a WebSocket', async () => {
    const sockets = new WebSocketServer({ noServer: true });
    sockets.on('connection', (socket) => socket.on('message', () => socket.send('parrot')));
    const report = await underLoad({ mix: { ws: 1 } }, good, (load) => until(load, (now) => now.failed > 0), sockets);
    assert.match(report.failures[0]?.error ?? '', /wrong echo: "parrot"/);
  });

  it('counts answers of the version before as stale once the new one is expected', async () => {
    const report = await underLoad({ mix: { get: 2, slow: 1 } }, good, async (load) => {
      await until(load, (now) => kindsWith(now, 'ok') === 2);
      assert.equal(load.snapshot().stale, 0);
      load.expect('two');
      await until(load, (now) => now.stale > 0);
    });
    assert.equal(report.failed, 0);
  });

  it('takes the silence after the stop, while a slow answer is still awaited, for no gap', async () => {
    const handler: Handler = (request, response) => {
      if (request.url === '/slow') setTimeout(() => good(request, response), 400);
      else good(request, response);
    };
    const report = await underLoad({ mix: { get: 2, slow: 1 } }, handler, (load) => until(load, (now) => (now.kinds.get?.ok ?? 0) > 20));
    assert.equal(report.kinds.slow?.ok, 1);
    assert.ok(report.longest_gap_ms < 300, `${report.longest_gap_ms} ms`);
  });

  it('shows a silence as a gap while it lasts', async () => {
    const silent = Promise.withResolvers<void>();
    let answers = 0;
    const handler: Handler = (request, response) => {
      if (++answers <= 20) return good(request, response);
      void silent.promise.then(() => good(request, response));
    };
    await underLoad({ mix: { get: 1 } }, handler, async (load) => {
      await until(load, (now) => now.longest_gap_ms >= 300);
      silent.resolve();
    });
  });
});

/** Starts a server and a load on it, and stops both when `during` is done. */
async function underLoad(
  options: Omit<LoadOptions, 'url'>,
  handler: Handler,
  during: (load: Load) => Promise<void>,
  sockets = echoSockets(),
): Promise<LoadReport> {
  const server = createServer(handler);
  server.on('upgrade', (request, socket, head) => {
    if (handler !== good) socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    else sockets.handleUpgrade(request, socket, head, (accepted) => sockets.emit('connection', accepted));
  });
  sockets.on('headers', (headers) => headers.push('x-app-commit: one'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const load = startLoad({ url: `http://127.0.0.1:${portOf(server)}`, pause_ms: 1, ...options });
  try {
    await during(load);
    return await load.stop();
  } finally {
    await load.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    sockets.close();
  }
}

const DEADLINE_MS = 5_000;
async function until(load: Load, holds: (report: LoadReport) => boolean): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  while (!holds(load.snapshot())) {
    if (Date.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${JSON.stringify(load.snapshot(), null, 1)}`);
    await delay(5);
  }
}

function kindsWith(report: LoadReport, field: 'ok'): number {
  return Object.values(report.kinds).filter((kind) => kind[field] > 0).length;
}

/** Does everything right. */
function good(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('x-app-commit', 'one');
  if (request.method === 'POST') {
    request.pipe(response);
  } else if (request.url === '/events') {
    stream(response);
    const timer = setInterval(() => response.write('data: tick\n\n'), 10);
    response.once('close', () => clearInterval(timer));
  } else if (request.url === '/slow') {
    setTimeout(() => response.end('slow'), 30);
  } else {
    response.end('hello');
  }
}

function stream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
}

function cut(response: ServerResponse, headers: Record<string, string | number>): void {
  response.writeHead(200, headers);
  response.write('only a part', () => response.socket?.destroy());
}

function echoHalf(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.once('end', () => {
    const all = Buffer.concat(chunks);
    response.end(all.subarray(0, all.length - 1));
  });
}

function echoSockets(): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))));
  return sockets;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
