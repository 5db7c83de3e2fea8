import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import {
  answers,
  type Fetched,
  fetchOnce,
  freePort,
  isRunning,
  type ProxyRig,
  rawExchange,
  spawnProxy,
  startApp,
  startProxyRig,
  targetOf,
  until,
} from './rig.ts';

const WORKERS = 2;
const FAR_MS = 60_000;

test('a switch is answered when all workers have it: one that pauses is waited for', async (t) => {
  const { proxy, next } = await twoInstances(t);
  const [paused = 0] = proxy.workers();
  process.kill(paused, 'SIGSTOP');
  let answered = false;
  const switched = proxy.route(next).finally(() => {
    answered = true;
  });
  const asked: Promise<Fetched>[] = [];
  const firstAnswer = (): Promise<Fetched> => {
    // More than are handed to one worker that takes none.
    const some = Array.from({ length: 4 }, () => fetchOnce(proxy.port, '/'));
    asked.push(...some);
    return Promise.race(some);
  };
  await until(async () => (await firstAnswer()).body === 'next');
  assert.equal(answered, false);
  process.kill(paused, 'SIGCONT');
  await switched;
  await Promise.all(asked);
  assert.deepEqual(await bodies(proxy, 8), ['next']);
  assert.ok(isRunning(paused));
});

test('a worker that hangs is killed and replaced: it serves nothing of before, and loses no connection that it had not taken', async (t) => {
  const { proxy, next } = await twoInstances(t);
  const [hung = 0, other = 0] = proxy.workers();
  process.kill(hung, 'SIGSTOP');
  const waiting = Array.from({ length: 8 }, () => fetchOnce(proxy.port, '/'));
  await proxy.route(next);
  assert.equal(isRunning(hung), false);
  // Also those that had been handed to it and not taken.
  for (const { status } of await Promise.all(waiting)) assert.equal(status, 200);
  assert.deepEqual(await bodies(proxy, 8), ['next']);
  await until(async () => (await statusOf(proxy)).workers === WORKERS);
  assert.ok(proxy.workers().includes(other));
  assert.deepEqual(await bodies(proxy, 8), ['next']);
});

test('what is in flight adds up over the workers; a drain waits for all of them and adds up what they say', async (t) => {
  const two = await twoInstances(t);
  const { proxy, next, finish } = two;
  // Handed out in turn: the first and the third to one worker.
  const waiting = await inFlight(two, 4);
  const streams = [fetchOnce(proxy.port, '/events'), fetchOnce(proxy.port, '/events')];
  await until(async () => (await proxy.inFlight('old')).streams === 2);
  await proxy.route(next);
  assert.deepEqual(await proxy.drain('old', 50, 10), { drained: false, closed_streams: 2, abandoned_requests: 4 });
  for (const { body } of await Promise.all(streams)) assert.equal(body, 'data: old\n\n');

  let ended = false;
  const draining = proxy.drain('old', FAR_MS).finally(() => {
    ended = true;
  });
  finish(0);
  finish(2);
  await Promise.all([waiting[0], waiting[2]]);
  await until(async () => (await proxy.inFlight('old')).requests === 2);
  assert.equal(ended, false);
  finish(1);
  finish(3);
  assert.deepEqual(await draining, { drained: true, closed_streams: 0, abandoned_requests: 0 });
  for (const { body } of await Promise.all(waiting)) assert.equal(body, 'old');
});

test('a worker that is killed takes with it what it was answering and nothing else; the next has the present route', async (t) => {
  const two = await twoInstances(t);
  const { proxy, next, finish } = two;
  const waiting = (await inFlight(two, 4)).map((one) => one.then(({ body }) => body).catch(() => 'cut'));
  const streams = [fetchOnce(proxy.port, '/events'), fetchOnce(proxy.port, '/events')];
  await until(async () => (await proxy.inFlight('old')).streams === 2);
  let running = true;
  const failures: string[] = [];
  const visitor = async (): Promise<void> => {
    while (running) await fetchOnce(proxy.port, '/').catch((error: Error) => failures.push(error.message));
  };
  const visitors = Array.from({ length: 4 }, visitor);
  await proxy.route(next);
  const draining = proxy.drain('old', FAR_MS, 10);
  // It has reached both workers when it has ended the stream of each.
  await Promise.all(streams);
  process.kill(proxy.workers()[0] ?? 0, 'SIGKILL');
  await until(async () => (await proxy.inFlight('old')).requests === 2);
  // While one of them is starting.
  const third = await startApp(t, 'third', (_, response) => response.end('third'));
  await proxy.route(targetOf(third));
  await until(async () => (await statusOf(proxy)).workers === WORKERS);
  running = false;
  await Promise.all(visitors);
  assert.ok(failures.length <= visitors.length, `more failed than were in flight: ${failures.join(', ')}`);
  assert.deepEqual(await bodies(proxy, 8), ['third']);
  for (const index of [0, 1, 2, 3]) finish(index);
  assert.deepEqual((await Promise.all(waiting)).sort(), ['cut', 'cut', 'old', 'old']);
  assert.deepEqual(
    await draining,
    { drained: false, closed_streams: 1, abandoned_requests: 0 },
    'the drain goes on, and says that something was cut',
  );
});

test('all workers killed at once: the port stays, and connections wait for the next ones', async (t) => {
  const { proxy } = await twoInstances(t);
  for (const pid of proxy.workers()) process.kill(pid, 'SIGKILL');
  await until(async () => (await statusOf(proxy)).workers === 0);
  assert.deepEqual(await bodies(proxy, 4), ['old']);
});

test('a connection that a worker has no file descriptor for is closed, and the worker lives on', async (t) => {
  const { proxy } = await twoInstances(t);
  const [full = 0] = proxy.workers();
  execFileSync('prlimit', ['--pid', `${full}`, '--nofile=3:3']);
  const asked = Array.from({ length: 6 }, () =>
    fetchOnce(proxy.port, '/').then(
      ({ body }) => body,
      (error: NodeJS.ErrnoException) => error.code,
    ),
  );
  assert.deepEqual([...new Set(await Promise.all(asked))].sort(), ['ECONNRESET', 'old']);
  assert.ok(proxy.workers().includes(full));
});

test('a preview is shown by all workers, and by none any more', async (t) => {
  const { proxy, next } = await twoInstances(t);
  const token = 'preview-token-0123456789';
  const path = `/.greenroom/preview/${token}`;
  const chat = { path: '/.greenroom', socket: join(proxy.dir, 'chat.sock') };
  await proxy.control('PUT', '/apps/app', { port: proxy.port, internal_port: proxy.internalPort, chat });
  const statuses = async (): Promise<number[]> =>
    (await Promise.all(Array.from({ length: 6 }, () => fetchOnce(proxy.port, path)))).map(({ status }) => status);
  await proxy.control('PUT', '/apps/app/preview', { token, target: next });
  assert.deepEqual([...new Set(await statuses())], [303]);
  const Cookie = `greenroom_preview_${proxy.port}=${token}`;
  assert.equal((await fetchOnce(proxy.port, '/', { headers: { Cookie } })).body, 'next');
  await proxy.control('PUT', '/apps/app/preview', null);
  assert.deepEqual([...new Set(await statuses())], [410]);
  assert.equal((await fetchOnce(proxy.port, '/', { headers: { Cookie } })).body, 'old');
});

test('a killed proxy: the next one has the ports at once, and the routes; its workers end what they can within a grace, and go', async (t) => {
  const two = await twoInstances(t);
  const { proxy, finish } = two;
  const [answered, endless] = await inFlight(two, 2);
  assert.ok(answered && endless);
  const cut = assert.rejects(endless);
  const before = proxy.workers();
  // However late they notice.
  for (const pid of before) process.kill(pid, 'SIGSTOP');
  proxy.child.kill('SIGKILL');
  await once(proxy.child, 'exit');
  await proxy.start();
  assert.deepEqual(await bodies(proxy, 4), ['old']);
  for (const pid of before) process.kill(pid, 'SIGCONT');
  finish(0);
  assert.equal((await answered).body, 'old');
  await cut;
  await until(() => !before.some(isRunning));
});

test('a port that is taken is refused as ever; ports change; at the end all workers are gone', async (t) => {
  const two = await twoInstances(t);
  const { proxy, finish } = two;
  const squatter = await startApp(t, 'squatter', (_, response) => response.end());
  const taken = await proxy.control<{ code: string; error: string }>('PUT', '/apps/other', { port: squatter.port });
  assert.equal(taken.status, 409);
  assert.match(taken.body.error, new RegExp(`port ${squatter.port} .*app "other".*node.*pid ${process.pid}`));

  const port = await freePort();
  const [late] = await inFlight(two, 1);
  assert.equal((await proxy.control('PUT', '/apps/app', { port })).status, 200);
  await assert.rejects(fetchOnce(proxy.port, '/'), /ECONNREFUSED/);
  assert.equal((await fetchOnce(port, '/')).body, 'old');
  finish(0);
  assert.equal((await late)?.body, 'old');

  const workers = proxy.workers();
  const exited = once(proxy.child, 'exit');
  assert.equal((await proxy.control('DELETE', '/apps/app')).status, 200);
  assert.deepEqual(await exited, [0, null]);
  assert.deepEqual(workers.filter(isRunning), []);
});

test('the settings of its folder say how many; a file that is wrong keeps no proxy down', async (t) => {
  const proxy = await startProxyRig(t);
  let log = '';
  const restartWith = async (settings: string): Promise<number> => {
    await writeFile(join(proxy.dir, 'settings.json'), settings);
    proxy.child.kill('SIGKILL');
    await once(proxy.child, 'exit');
    proxy.child = spawnProxy(proxy.dir);
    proxy.child.stderr?.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    await until(() => answers(proxy.dir));
    return proxy.workers().length;
  };
  assert.equal(await restartWith('{"workers":2,"unknown":true}'), 2);
  assert.match(log, /settings\.json: "unknown" means nothing here/);
  assert.equal(await restartWith('{"workers":2,"limits":{"head_bytes":1024}}'), 2);
  assert.match(await rawExchange(proxy.port, `GET /${'x'.repeat(2_000)} HTTP/1.1\r\nHost: a\r\n\r\n`), /^HTTP\/1\.1 431 /);
  assert.equal(await restartWith('{"workers":0}'), 0);
  assert.match(log, /settings\.json: "workers" is 0, but must be a whole number from 1 to 64, or "auto".*; going on with the defaults/);
});

test('a number of workers that makes no sense is refused with a sentence', async (t) => {
  const proxy = await startProxyRig(t);
  const child = spawnProxy(proxy.dir, 1_000);
  const said: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  assert.deepEqual(await once(child, 'close'), [2, null]);
  assert.equal(
    String(Buffer.concat(said)),
    '--workers: "workers" is 1000, but must be a whole number from 1 to 64, or "auto" for one per core\n',
  );
});

interface TwoInstances {
  proxy: ProxyRig;
  next: ReturnType<typeof targetOf>;
  /** Answers the request that `inFlight` began as number `index`. */
  finish: (index: number) => void;
  /** How many of those the app has. */
  arrived: () => number;
}

/** Two workers; routed to `old`. */
async function twoInstances(t: TestContext): Promise<TwoInstances> {
  const proxy = await startProxyRig(t, WORKERS);
  const open = new Map<string, ServerResponse>();
  const old = await startApp(t, 'old', (request, response) => {
    if (request.url?.startsWith('/wait/')) open.set(request.url, response);
    else if (request.url === '/events') response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: old\n\n');
    else response.end('old');
  });
  const next = await startApp(t, 'next', (_, response) => response.end('next'));
  await proxy.route(targetOf(old));
  return { proxy, next: targetOf(next), finish: (index) => void open.get(`/wait/${index}`)?.end('old'), arrived: () => open.size };
}

/** Requests that wait for `finish`, begun one after the other, so that the workers have them in turn. */
async function inFlight({ proxy, arrived }: TwoInstances, count: number): Promise<Promise<Fetched>[]> {
  const requests: Promise<Fetched>[] = [];
  for (let i = 0; i < count; i += 1) {
    requests.push(fetchOnce(proxy.port, `/wait/${i}`));
    // Counted by the proxy, and come to the app: the one is not yet the other.
    await until(async () => arrived() > i && (await proxy.inFlight('old')).requests === i + 1);
  }
  return requests;
}

/** What fresh connections are answered, each text once. */
async function bodies(proxy: ProxyRig, connections: number): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: connections }, () => fetchOnce(proxy.port, '/')));
  return [...new Set(answers.map(({ body }) => body))];
}

async function statusOf(proxy: ProxyRig): Promise<ProxyStatus> {
  return (await proxy.control<ProxyStatus>('GET', '/')).body;
}
