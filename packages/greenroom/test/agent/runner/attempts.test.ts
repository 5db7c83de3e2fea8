import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import type { AttemptView, EventMessage } from '@greenroom/sdk/wire';
import { watchAttempts } from '../../../src/agent/runner/attempts.ts';
import { createMasker } from '../../../src/masking/masker.ts';
import { createWorld, type World } from './rig.ts';

/** The part of an orchestrator that tells of attempts: a status with the journal's length, and events that are sent again after `Last-Event-ID`. */
function orchestrator(t: TestContext, world: World) {
  const journal: EventMessage[] = [];
  const streams = new Set<ServerResponse>();
  let server: Server | undefined;
  let opened = Promise.withResolvers<void>();
  const send = (stream: ServerResponse, event: EventMessage): void =>
    void stream.write(`id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`);
  const close = async (): Promise<void> => {
    const old = server;
    server = undefined;
    for (const stream of streams) stream.destroy();
    streams.clear();
    old?.closeAllConnections();
    await new Promise((resolve) => (old ? old.close(resolve) : resolve(undefined)));
  };
  t.after(close);
  return {
    /** Resolves when somebody listens, anew after each start. */
    opened: () => opened.promise,
    async start(): Promise<void> {
      opened = Promise.withResolvers();
      rmSync(world.layout.agentSocket, { force: true });
      server = createServer((request, response) => {
        if (request.url === '/status') return void response.end(JSON.stringify({ journal: { records: journal.length } }));
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.flushHeaders();
        for (const event of journal.slice(Number(request.headers['last-event-id'] ?? journal.length))) send(response, event);
        streams.add(response);
        opened.resolve();
      });
      await new Promise<void>((resolve) => server?.listen(world.layout.agentSocket, resolve));
    },
    stop: close,
    record(turn: string, status: AttemptView['status'], error = ''): void {
      const attempt = { id: `a-${turn}`, status, error, origin: { conversation: world.conversation, turn } } as AttemptView;
      const event: EventMessage = { seq: journal.length + 1, time: '', type: 'x', attempts: [attempt] };
      journal.push(event);
      for (const stream of streams) send(stream, event);
    },
  };
}

test('deploys of the turn are told as they go on: over a restart, to the last word, and none of others', async (t) => {
  const world = createWorld(t);
  const fake = orchestrator(t, world);
  const turn = world.post('x');
  await fake.start();
  fake.record(turn, 'failed', 'of before');
  const place = { conversation: world.conversation, turn };
  const masker = createMasker(['hunter2-secret']);
  const watch = watchAttempts({
    socket: world.layout.agentSocket,
    transcript: world.transcript,
    place,
    masker,
    log: (line) => assert.fail(line),
  });
  await fake.opened();
  fake.record('another', 'running');
  fake.record(turn, 'running');
  await world.until((event) => event.kind === 'attempt');
  await fake.stop();
  fake.record(turn, 'running', 'said while away, hunter2-secret');
  await fake.start();
  await fake.opened();
  fake.record(turn, 'succeeded');
  await watch.close();
  const told = world
    .events()
    .flatMap((event) => (event.kind === 'attempt' ? [[event.journal_seq, event.attempt.status, event.attempt.error]] : []));
  assert.deepEqual(told, [
    [3, 'running', ''],
    [4, 'running', 'said while away, [hidden]'],
    [5, 'succeeded', ''],
  ]); // prettier-ignore
});

test('an orchestrator that starts during the turn is found; one that never does keeps nobody waiting', async (t) => {
  const world = createWorld(t);
  const fake = orchestrator(t, world);
  const turn = world.post('x');
  const options = {
    socket: world.layout.agentSocket,
    transcript: world.transcript,
    masker: createMasker([]),
    log: (line: string) => assert.fail(line),
  };
  await watchAttempts({ ...options, place: { conversation: world.conversation, turn } }).close();
  const watch = watchAttempts({ ...options, place: { conversation: world.conversation, turn } });
  await fake.start();
  await fake.opened();
  fake.record(turn, 'succeeded');
  await watch.close();
  assert.equal(world.events().filter((event) => event.kind === 'attempt').length, 1);
});
