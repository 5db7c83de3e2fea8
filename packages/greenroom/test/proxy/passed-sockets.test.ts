import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import { answers, control, fetchOnce, freePort, isRunning, MAIN, startApp, targetOf, until } from './rig.ts';

/** By number of workers. */
const ENDS = { 1: ['SIGKILL', 'SIGTERM'], 2: ['SIGKILL'] } as const;

for (const workers of [1, 2] as const) {
  test(`where somebody keeps the socket, what connects while no proxy runs waits for the next one (workers: ${workers})`, async (t) => {
    const { port, spare, start, pidOf, call, log, told, breakManager } = await openRig(t, workers);
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
    await breakManager(true);
    const refused = 'systemd cannot be told which process takes over (systemd-notify: nobody listens)';
    await assert.rejects(call('POST', '/upgrade', { main: MAIN }), { message: refused });
    await breakManager(false);
    await call('POST', '/upgrade', { main: MAIN });
    await until(() => !isRunning(before));
    assert.equal(await told(), `MAINPID=${before}\nMAINPID=${await pidOf()}\n`);
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
  /** What the service manager has been told. */
  told(): Promise<string>;
  breakManager(broken: boolean): Promise<void>;
}

/** In the place of systemd's own. */
const NOTIFY = `#!/bin/sh
if [ -e "$NOTIFY_SOCKET.broken" ]; then echo 'nobody listens' >&2; exit 1; fi
echo "$*" >>"$NOTIFY_SOCKET"
`;

async function openRig(t: TestContext, workers: number): Promise<Rig> {
  const dir = await mkdtemp(join(tmpdir(), 'greenroom-proxy-'));
  const [port, spare] = [await freePort(), await freePort()];
  const notified = join(dir, 'notified');
  await writeFile(join(dir, 'systemd-notify'), NOTIFY, { mode: 0o755 });
  const env = { ...process.env, PATH: `${dir}:${process.env['PATH']}`, INVOCATION_ID: 'test', NOTIFY_SOCKET: notified };
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
    told: () => readFile(notified, 'utf8'),
    breakManager: async (broken) => (broken ? await writeFile(`${notified}.broken`, '') : await rm(`${notified}.broken`)),
    async start() {
      holder.stdin.write('start\n');
      await until(() => answers(dir));
    },
    async call(method, path, body) {
      const { status, body: answer } = await control<{ error: string }>(dir, method, path, body);
      if (status !== 200) throw new Error(answer.error);
    },
  };
}
