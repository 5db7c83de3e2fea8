import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import { answers, control, fetchOnce, freePort, isRunning, MAIN, startApp, targetOf, until } from './rig.ts';

/** By number of workers. */
const ENDS = { 1: ['SIGKILL', 'SIGTERM'], 2: ['SIGKILL'] } as const;

for (const workers of [1, 2] as const) {
  test(`where somebody keeps the socket, what connects while no proxy runs waits for the next one (workers: ${workers})`, async (t) => {
    const { port, spare, start, pidOf, call, log } = await openRig(t, workers);
    const app = await startApp(t, 'one', (_, response) => response.end('one'));
    const visit = async (at = port): Promise<string> => (await fetchOnce(at, '/')).body;
    const register = async (body: object): Promise<void> => {
      await call('PUT', '/apps/app', body);
      await call('PUT', '/apps/app/target', targetOf(app));
    };
    const comeBack = async (): Promise<void> => {
      await call('DELETE', '/apps/app');
      await assert.rejects(visit(), { code: 'ECONNRESET' });
      await register({ port });
      assert.equal(await visit(), 'one');
    };
    await start();
    await register({ port });
    assert.equal(await visit(), 'one');
    for (const signal of ENDS[workers]) {
      const pid = await pidOf();
      process.kill(pid, signal);
      await until(() => !isRunning(pid));
      const waiting = Promise.all([visit(), visit(), visit()]);
      await start();
      assert.deepEqual(await waiting, ['one', 'one', 'one'], signal);
    }
    await comeBack();
    const before = await pidOf();
    await call('POST', '/upgrade', { main: MAIN });
    await until(() => !isRunning(before));
    await comeBack();
    await assert.rejects(visit(spare), { code: 'ECONNRESET' }, 'nobody has registered it, and the hand-over took it along');
    assert.match(log(), new RegExp(`no app is registered on port ${spare}, whose socket test\\.socket keeps open`));
    await register({ port: spare, port_host: '127.0.0.1' });
    assert.equal(await visit(spare), 'one');
    await assert.rejects(fetchOnce(spare, '/', { host: '127.0.0.2' }), { code: 'ECONNRESET' }, 'the app wants the one address alone');
  });
}

interface Rig {
  port: number;
  /** Its socket is passed as well. */
  spare: number;
  /** Starts a proxy with the sockets, which are open all the time. */
  start(): Promise<void>;
  pidOf(): Promise<number>;
  /** Has to succeed. */
  call(method: string, path: string, body?: unknown): Promise<void>;
  log(): string;
}

async function openRig(t: TestContext, workers: number): Promise<Rig> {
  const dir = await mkdtemp(join(tmpdir(), 'greenroom-proxy-'));
  const [port, spare] = [await freePort(), await freePort()];
  const { INVOCATION_ID: _, ...env } = process.env;
  const proxy = [process.execPath, MAIN, '--dir', dir, '--stay', '--workers', `${workers}`];
  const holder = spawn('python3', [join(import.meta.dirname, 'holder.py'), `${port},${spare}`, ...proxy], { env });
  let said = '';
  holder.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  holder.stdout.resume();
  const pidOf = async (): Promise<number> => (await control<ProxyStatus>(dir, 'GET', '/')).body.pid;
  t.after(async () => {
    if (await answers(dir)) {
      const pid = await pidOf();
      process.kill(pid, 'SIGKILL');
      await until(() => !isRunning(pid));
    }
    holder.stdin.end();
    if (holder.exitCode === null) await once(holder, 'exit');
    await rm(dir, { recursive: true, force: true });
  });
  return {
    port,
    spare,
    pidOf,
    log: () => said,
    async start() {
      holder.stdin.write('start\n');
      await until(() => answers(dir));
    },
    async call(method, path, body) {
      const answer = await control(dir, method, path, body);
      assert.equal(answer.status, 200, JSON.stringify(answer.body));
    },
  };
}
