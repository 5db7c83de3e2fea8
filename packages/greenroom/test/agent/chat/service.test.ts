import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openTranscript } from '../../../src/agent/transcript.ts';
import { ask } from '../../e2e/ask.ts';
import { ADA, CHAT_TOKEN, openStream, PATH, type Reader } from './rig.ts';
import { appData } from './service.ts';

const WRITER = join(import.meta.dirname, '../transcript/writer.ts');

test('killed five times in the midst of it, with who writes: no event is lost and none comes twice', async (t) => {
  const { layout, start } = appData(t);
  const transcript = openTranscript(layout.transcript);
  t.after(() => transcript.close());
  const { id } = transcript.createConversation({ title: '', user: ADA.user });
  const { turn } = transcript.post({ conversation: id, id: 'm', text: 'x', user: ADA.user });
  transcript.withdraw(turn, 'not in this test');
  const seen: number[] = [];
  const last = (): number => seen.at(-1) ?? 0;
  for (let round = 1; round <= 5; round += 1) {
    const service = await start();
    const writer = spawn(process.execPath, [WRITER, layout.transcript, id, turn], { stdio: ['ignore', 'pipe', 'inherit'] });
    const died = once(writer, 'exit');
    writer.stdout.resume();
    const stream = await openStream(layout.chatAppSocket, id, { lastEventId: last() });
    const enough = Promise.withResolvers<void>();
    const wanted = seen.length + 20 * round;
    const reading = collect(stream, seen, () => seen.length >= wanted && enough.resolve());
    await enough.promise;
    // Now the one, now the other goes first.
    if (round % 2 === 0) writer.kill('SIGKILL');
    await service.kill('SIGKILL');
    writer.kill('SIGKILL');
    await Promise.all([died, reading]);
  }
  const service = await start();
  const written = transcript.eventsAfter(id, 0, 1_000_000).map(({ seq }) => seq);
  const stream = await openStream(layout.chatAppSocket, id, { lastEventId: last() });
  await stream.until((event) => {
    if (event) seen.push(event.seq);
    return seen.length >= written.length;
  });
  assert.deepEqual(seen, written);
  t.diagnostic(`${written.length} events`);
  stream.close();
  assert.deepEqual(await service.kill('SIGTERM'), { code: 0, signal: null });
});

test('one service at a time; what a killed one left is replaced, and one that ends leaves nothing', async (t) => {
  const { layout, start, run } = appData(t);
  const identity = join(layout.run, 'chat.json');
  const first = await start();
  const second = await run([], { GREENROOM_CHAT_TOKEN: CHAT_TOKEN });
  assert.equal(second.code, 1);
  assert.match(second.output, /A chat service runs .* already/);
  const mounted = await run(['--mounted']);
  assert.deepEqual([mounted.code, mounted.output.includes(`(process ${first.pid})`)], [1, true]);
  for (const socket of [layout.chatSocket, layout.chatAppSocket]) assert.equal(statSync(socket).mode & 0o777, 0o600);
  assert.equal(JSON.parse(readFileSync(identity, 'utf8')).pid, first.pid);
  await first.kill('SIGKILL');
  assert.ok(existsSync(layout.chatSocket) && existsSync(layout.chatAppSocket));

  const next = await start();
  assert.equal(JSON.parse(readFileSync(identity, 'utf8')).pid, next.pid);
  const page = await ask({ socket: layout.chatSocket, path: `${PATH}/` });
  assert.deepEqual([page.status, page.body.includes('<greenroom-chat')], [200, true]);
  const script = await ask({ socket: layout.chatSocket, path: `${PATH}/chat.js` });
  assert.deepEqual([script.status, script.headers['content-type']], [200, 'text/javascript; charset=utf-8']);
  const session = await ask({ socket: layout.chatSocket, path: `${PATH}/api/session`, headers: { authorization: `Bearer ${CHAT_TOKEN}` } });
  assert.equal(JSON.parse(session.body).app, 'shop');
  assert.deepEqual(await next.kill('SIGTERM'), { code: 0, signal: null });
  for (const left of [identity, layout.chatSocket, layout.chatAppSocket]) assert.ok(!existsSync(left), left);
});

test("beside one that the app's mount started, the public one is served by another process", async (t) => {
  const { layout, start } = appData(t);
  const mounted = await start(['--mounted']);
  assert.ok(existsSync(layout.chatAppSocket) && !existsSync(layout.chatSocket));
  const full = await start();
  assert.ok(existsSync(layout.chatSocket));
  assert.equal(JSON.parse(readFileSync(join(layout.run, 'chat.json'), 'utf8')).pid, mounted.pid);
  await full.kill('SIGTERM');
  assert.ok(existsSync(layout.chatAppSocket));
  assert.deepEqual(await mounted.kill('SIGTERM'), { code: 0, signal: null });
});

test("stopping the app ends the service that its mount started, unless the app stays up, and never the operator's own", async (t) => {
  const { layout, start, stop } = appData(t);
  const mounted = await start(['--mounted']);
  const full = await start();
  assert.equal((await stop(['--detach-app'])).code, 0);
  assert.ok(existsSync(layout.chatAppSocket));
  assert.equal((await stop([])).code, 0);
  assert.deepEqual(await mounted.ended(), { code: 0, signal: null });
  assert.ok(existsSync(layout.chatSocket) && !existsSync(layout.chatAppSocket));
  await full.kill('SIGTERM');

  const both = await start();
  assert.equal((await stop([])).code, 0);
  assert.ok(existsSync(layout.chatAppSocket));
  assert.deepEqual(await both.kill('SIGTERM'), { code: 0, signal: null });
});

test('when the orchestrator takes up another contract it begins anew; with one that it cannot use it ends', async (t) => {
  const { layout, start } = appData(t);
  const take = (agent: Record<string, unknown> | undefined): void => {
    const contract = { ...JSON.parse(readFileSync(layout.contract, 'utf8')), agent };
    writeFileSync(layout.contract, JSON.stringify(contract));
    mkdirSync(dirname(layout.contractCopy), { recursive: true });
    writeFileSync(layout.contractCopy, JSON.stringify(contract));
  };
  take({});
  const service = await start();
  const transcript = openTranscript(layout.transcript);
  t.after(() => transcript.close());
  const { id } = transcript.createConversation({ title: '', user: ADA.user });
  const stream = await openStream(layout.chatAppSocket, id);
  take({ chat_path: '/talk' });
  while (await stream.next());
  assert.ok(stream.response.complete);
  await service.says(/beginning anew.*is ready at \/talk\//s);
  assert.equal((await ask({ socket: layout.chatSocket, path: '/talk/' })).status, 200);
  assert.equal((await ask({ socket: layout.chatSocket, path: `${PATH}/` })).status, 404);
  take(undefined);
  assert.deepEqual(await service.ended(), { code: 1, signal: null });
  await service.says(/has no coding agent/);
  assert.ok(!existsSync(join(layout.run, 'chat.json')));
});

test('closed by default: without a way to know who calls it does not start, and says what to do', async (t) => {
  const { layout, run } = appData(t);
  const another = (contract?: Record<string, unknown>) => appData(t, contract).run;
  const token = { GREENROOM_CHAT_TOKEN: CHAT_TOKEN };
  const [open, weak, noPort, anywhere, none] = await Promise.all([
    run([]),
    another()([], { GREENROOM_CHAT_TOKEN: 'short' }),
    another()(['--no-login'], token),
    another()(['--no-login', '--port', '9197', '--host', '0.0.0.0'], token),
    another({})([], token),
  ]);
  assert.equal(open.code, 1);
  for (const way of ['GREENROOM_CHAT_TOKEN=', layout.secrets, 'authorize_endpoint', 'createChat({ authorize })', '--no-login']) {
    assert.ok(open.output.includes(way), `${way} in: ${open.output}`);
  }
  assert.equal(weak.code, 1);
  assert.match(weak.output, /at least 16/);
  for (const { code, output } of [noPort, anywhere]) {
    assert.equal(code, 2);
    assert.match(output, /--no-login lets in whoever reaches/);
  }
  assert.equal(none.code, 1);
  assert.match(none.output, /add "agent": \{\}/);
});

/** Reads until the stream breaks; whole events only. */
async function collect(stream: Reader, seen: number[], tell: () => void): Promise<void> {
  try {
    for (let next = await stream.next(); next; next = await stream.next()) {
      if ('event' in next) seen.push(next.event.seq);
      tell();
    }
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET');
  }
}
