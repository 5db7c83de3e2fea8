import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { tcpConnections, unixConnections } from '../../src/orchestrator/adapters/router/connections.ts';
import { type Traffic, untilIdle } from '../../src/orchestrator/adapters/router/idle.ts';
import { until } from '../proxy/rig.ts';

async function listen(t: TestContext, where: string | number): Promise<net.Server> {
  const server = net.createServer((socket) => void socket.resume());
  server.listen(where);
  await once(server, 'listening');
  t.after(() => server.close());
  return server;
}

async function open(t: TestContext, where: string | number): Promise<net.Socket> {
  const socket = typeof where === 'string' ? net.connect(where) : net.connect(where, '127.0.0.1');
  await once(socket, 'connect');
  t.after(() => socket.destroy());
  return socket;
}

test('counts the connections of Unix sockets, whatever their path', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-idle-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const paths = ['plain.sock', 'with two  spaces.sock', 'ünlike.sock'].map((name) => join(folder, name));
  const look = (): Promise<number[]> => unixConnections(paths);
  for (const path of paths) await listen(t, path);
  assert.deepEqual(await look(), [0, 0, 0]);
  const sockets = [await open(t, paths[0] ?? ''), await open(t, paths[0] ?? ''), await open(t, paths[1] ?? '')];
  await open(t, paths[2] ?? '');
  assert.deepEqual(await look(), [2, 1, 1]);
  for (const socket of sockets) socket.destroy();
  await until(async () => (await look()).join() === '0,0,1');
});

test('counts the connections of a TCP port', async (t) => {
  const { port } = (await listen(t, 0)).address() as AddressInfo;
  assert.equal(await tcpConnections(port), 0);
  const socket = await open(t, port);
  assert.equal(await tcpConnections(port), 1);
  socket.destroy();
  await until(async () => (await tcpConnections(port)) === 0);
});

const never = async (): Promise<boolean> => false;

function limits(timeoutMs: number, streamTimeoutMs: number, signal = new AbortController().signal) {
  return { timeoutMs, streamTimeoutMs, signal };
}

test('waits for requests, and for streams up to their limit', async () => {
  const traffic: Traffic = { requests: 1, streams: 1 };
  setTimeout(() => {
    traffic.requests = 0;
  }, 200);
  const began = performance.now();
  const report = await untilIdle(async () => traffic, never, limits(5_000, 300));
  assert.deepEqual(report, { drained: true, closedStreams: 1, abandonedRequests: 0 });
  assert.ok(performance.now() - began >= 299);
});

test('is never idle before the last connection may have come', async () => {
  const began = performance.now();
  await untilIdle(async () => ({ requests: 0, streams: 0 }), never, limits(5_000, 5_000));
  assert.ok(performance.now() - began >= 99);
});

test('gives up at the limit, and at once for what is live or when it is told to', async () => {
  const busy = async (): Promise<Traffic> => ({ requests: 2, streams: 0 });
  assert.deepEqual(await untilIdle(busy, never, limits(30, 0)), { drained: false, closedStreams: 0, abandonedRequests: 2 });
  const nothing = { drained: false, closedStreams: 0, abandonedRequests: 0 };
  assert.deepEqual(await untilIdle(busy, async () => true, limits(60_000, 60_000)), nothing);
  const abort = new AbortController();
  const waiting = untilIdle(busy, never, limits(60_000, 60_000, abort.signal));
  abort.abort();
  assert.deepEqual(await waiting, nothing);
});
