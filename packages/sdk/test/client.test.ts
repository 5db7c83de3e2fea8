import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createClient, GreenroomAnswerError, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { EventMessage } from '@greenroom/sdk/wire';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sdk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function listen(socket: string, handler: Handler): Promise<Server> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return server;
}

async function shut(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

const event = (seq: number): EventMessage => ({ seq, time: '2026-01-01T00:00:00Z', type: 'step', attempts: [] });
const frame = (seq: number): string => `id: ${seq}\ndata: ${JSON.stringify(event(seq))}\n\n`;

test('deploy sends the body and answers success and refusal as values, over a Unix socket', async (t) => {
  const socket = join(await temporary(t), 's');
  const seen: { url: string; prefer: string; trace: string; body: unknown }[] = [];
  const server = await listen(socket, async (request, response) => {
    seen.push({
      url: `${request.method} ${request.url}`,
      prefer: String(request.headers.prefer ?? ''),
      trace: String(request.headers['traceparent'] ?? ''),
      body: JSON.parse(await bodyOf(request)),
    });
    if (request.url === '/rollback') {
      response.statusCode = 409;
      response.end(JSON.stringify({ success: false, code: 'no_previous_release', error: 'nothing to go back to' }));
    } else response.end(JSON.stringify({ success: true, id: 'd1', slot: 'a', commit: 'c', previous_commit: '' }));
  });
  t.after(() => shut(server));
  const client = createClient({ socket });
  assert.deepEqual(await client.deploy({ branch: 'main', reason: 'ü' }), {
    success: true,
    id: 'd1',
    slot: 'a',
    commit: 'c',
    previous_commit: '',
  });
  const refused = await client.rollback({}, { async: true, traceparent: '00-1-2-01' });
  assert.equal(refused.success, false);
  assert.deepEqual(seen, [
    { url: 'POST /deploy', prefer: '', trace: '', body: { branch: 'main', reason: 'ü' } },
    { url: 'POST /rollback', prefer: 'respond-async', trace: '00-1-2-01', body: {} },
  ]);
});

test('reads over TCP; an unknown attempt is null, readiness is a boolean', async (t) => {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/deploys/none' ? 404 : 200;
    response.end(request.url === '/deploys?limit=2' ? '[{"id":"x"}]' : '{"id":"x"}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => shut(server));
  const client = createClient({ port: (server.address() as AddressInfo).port });
  assert.equal(await client.attempt('none'), null);
  assert.equal((await client.attempt('x'))?.id, 'x');
  assert.deepEqual(await client.deploys({ limit: 2 }), [{ id: 'x' }]);
  assert.equal(await client.ready(), true);
});

test('nobody there: a sentence that names the address', async (t) => {
  const socket = join(await temporary(t), 'missing');
  const client = createClient({ socket });
  await assert.rejects(client.status(), (error: unknown) => {
    assert.ok(error instanceof GreenroomUnreachable);
    assert.match(error.message, /No orchestrator is running here.*missing.*greenroom start/);
    return true;
  });
  assert.equal(await client.ready(), false);
  await assert.rejects(client.events().next(), GreenroomUnreachable);
});

test('another program at the address is named as such, never taken for an orchestrator', async (t) => {
  const socket = join(await temporary(t), 's');
  const server = await listen(socket, (_request, response) => response.end('<html>hello</html>'));
  t.after(() => shut(server));
  await assert.rejects(createClient({ socket }).status(), (error: unknown) => {
    assert.ok(error instanceof GreenroomAnswerError);
    assert.match(error.message, /GET \/status with 200, which is not Greenroom/);
    return true;
  });
});

test('an answer that breaks off is unreachable, not a half answer', async (t) => {
  const socket = join(await temporary(t), 's');
  const server = await listen(socket, (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('{"success":true', () => response.destroy());
  });
  t.after(() => shut(server));
  await assert.rejects(createClient({ socket }).deploy({ branch: 'main' }), GreenroomUnreachable);
});

test('events are read however they are cut up, and an abort ends the loop', async (t) => {
  const socket = join(await temporary(t), 's');
  const server = await listen(socket, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const bytes = Buffer.from(`: hello\n\n${frame(1)}id: 2\r\nevent: x\r\ndata: ${JSON.stringify(event(2))}\r\n\r\n${frame(3)}`);
    const half = Math.floor(bytes.length / 2);
    for (const byte of bytes.subarray(0, half)) response.write(Buffer.from([byte]));
    response.write(bytes.subarray(half));
  });
  t.after(() => shut(server));
  const abort = new AbortController();
  const got: number[] = [];
  for await (const message of createClient({ socket }).events({ signal: abort.signal })) {
    got.push(message.seq);
    if (message.seq === 3) abort.abort();
  }
  assert.deepEqual(got, [1, 2, 3]);
});

test('events go on across a restart, from the last one seen; none lost, none twice', async (t) => {
  const socket = join(await temporary(t), 's');
  const asked: string[] = [];
  const serve =
    (total: number): Handler =>
    (request, response) => {
      const last = Number(request.headers['last-event-id'] ?? 0);
      asked.push(String(request.headers['last-event-id'] ?? ''));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let seq = last + 1; seq <= total; seq++) response.write(frame(seq));
    };
  let server = await listen(socket, serve(2));
  t.after(() => shut(server));
  const got: number[] = [];
  const connects: boolean[] = [];
  let lost = 0;
  const events = createClient({ socket }).events({ onConnect: (first) => connects.push(first), onDisconnect: () => lost++ });
  for await (const message of events) {
    got.push(message.seq);
    if (message.seq === 2) {
      await shut(server);
      server = await listen(socket, serve(4));
    }
    if (message.seq === 4) break;
  }
  assert.deepEqual(got, [1, 2, 3, 4]);
  assert.deepEqual(asked, ['', '2']);
  assert.deepEqual(connects, [true, false]);
  assert.equal(lost, 1);
});

test('events give up after the given time', async (t) => {
  const socket = join(await temporary(t), 's');
  const server = await listen(socket, (_request, response) => {
    response.writeHead(200);
    response.write(frame(1));
  });
  const events = createClient({ socket }).events({ giveUpAfterMs: 100 });
  assert.equal((await events.next()).done, false);
  await shut(server);
  await assert.rejects(events.next(), GreenroomUnreachable);
});
