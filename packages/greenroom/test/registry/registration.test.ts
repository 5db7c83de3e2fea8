import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ownIdentity } from '../../src/proc.ts';
import { forgetApp, listApps, type RegisteredApp, registerApp, updateApp } from '../../src/registry/index.ts';
import { openRegistration, type Registration, recordRefusal, type Seen } from '../../src/registry/registration.ts';
import { lastKnown } from './support.ts';

const CHILD = fileURLToPath(new URL('writer-child.ts', import.meta.url));
const LIMIT_MS = 10_000;

interface Fresh {
  folder: string;
  home: string;
  app: Omit<RegisteredApp, 'last'>;
  log: string[];
  open(): Promise<Registration>;
  entry(): Promise<RegisteredApp>;
  /** The entry once it is as asked. */
  until(test: (app: RegisteredApp) => boolean): Promise<RegisteredApp>;
}

async function fresh(t: TestContext): Promise<Fresh> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'registration-')));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const home = join(folder, 'home');
  const data = join(folder, 'data');
  const app = { name: 'shop', data, repo: folder, contract: join(data, 'app.contract.json'), api_port: 9100 };
  const facts = {
    operator_socket: join(data, 'run/operator.sock'),
    port: 3000,
    route_ports: [],
    addresses: ['http://localhost:3000/'],
    version: '1',
  };
  const log: string[] = [];
  const entry = async (): Promise<RegisteredApp> => (await listApps(home)).apps[0] ?? assert.fail('no entry');
  return {
    folder,
    home,
    app,
    log,
    open: () => openRegistration({ home, app, facts, log: (message) => log.push(message) }),
    entry,
    async until(test) {
      const deadline = Date.now() + LIMIT_MS;
      for (;;) {
        const found = await entry();
        if (test(found)) return found;
        if (Date.now() > deadline) assert.fail(`not in time: ${JSON.stringify(found)}`);
        await turn();
      }
    },
  };
}

const seen = (state: Seen['state'], live_commit = ''): (() => Promise<Seen>) => {
  return async () => ({ state, live_commit });
};

test('an orchestrator writes that it starts, what becomes of it, and that it stopped; many changes are one write', async (t) => {
  const { open, entry, until, app } = await fresh(t);
  const registration = await open();
  const { last, ...rest } = await entry();
  assert.deepEqual(rest, app);
  assert.equal(last?.state, 'starting');
  assert.deepEqual(last.orchestrator, ownIdentity());
  let looks = 0;
  const look = async (): Promise<Seen> => {
    looks++;
    return { state: 'live', live_commit: 'abc' };
  };
  for (let number = 0; number < 50; number++) registration.changed(look);
  const live = await until(({ last: now }) => now?.state === 'live');
  assert.equal(looks, 1);
  assert.equal(live.last?.live_commit, 'abc');
  // The same again is not written: its time stays.
  registration.changed(look);
  const deadline = Date.now() + LIMIT_MS;
  while (looks < 2 && Date.now() < deadline) await turn();
  assert.equal(looks, 2);
  assert.equal((await entry()).last?.time, live.last.time);
  await registration.end('stopped');
  const { last: ended } = await entry();
  assert.deepEqual([ended?.state, ended?.live_commit, ended?.orchestrator], ['stopped', '', null]);
  registration.changed(seen('live'));
  await registration.end('detached');
  assert.equal((await entry()).last?.state, 'detached', 'the commit stays with the app that stays');
});

test('a start that failed leaves what was known, and says why', async (t) => {
  const { open, entry } = await fresh(t);
  await (await open()).fail('Port 3000 is taken.');
  const { last: first } = await entry();
  assert.deepEqual([first?.state, first?.orchestrator, first?.problem], ['stopped', null, 'Port 3000 is taken.']);
  const good = await open();
  assert.equal((await entry()).last?.problem, '');
  good.changed(seen('live', 'abc'));
  await good.end('detached');
  const { last: before } = await entry();
  await (await open()).fail('The disk is full.');
  assert.deepEqual((await entry()).last, { ...before, problem: 'The disk is full.' });
});

test('a start that was refused before it began changes nothing but the reason, and enters no app', async (t) => {
  const { open, entry, home, app, folder, log } = await fresh(t);
  const refusal = { home, name: 'shop', data: app.data, facts: null, log: (message: string) => log.push(message) };
  await recordRefusal({ ...refusal, problem: 'Nobody knows it.' });
  assert.deepEqual((await listApps(home)).apps, []);
  await (await open()).fail('A route is taken.');
  const { last: before } = await entry();
  await recordRefusal({ ...refusal, problem: 'A port is taken.' });
  await recordRefusal({ ...refusal, data: folder, problem: 'Another app of the name.' });
  assert.deepEqual(await entry(), { ...app, last: { ...before, problem: 'A port is taken.' } });
  assert.deepEqual(log, []);
});

test('an entry that was removed is made anew, one of another app is left alone, and both are survived', async (t) => {
  const { open, entry, until, home, app, folder, log } = await fresh(t);
  const registration = await open();
  assert.equal(await forgetApp(home, 'shop'), true);
  registration.changed(seen('idle'));
  const deadline = Date.now() + LIMIT_MS;
  while ((await listApps(home)).apps.length === 0 && Date.now() < deadline) await turn();
  await until(({ last }) => last?.state === 'idle');
  const other = { ...app, data: join(folder, 'other') };
  await writeFile(join(home, 'registry', 'shop.json'), JSON.stringify(other));
  await registration.end('stopped');
  assert.deepEqual(await entry(), other);
  assert.match(log.join('\n'), /could not be written: the name "shop" belongs to another data directory/);
  // The data directory of this one is still there: its name is not for others.
  await mkdir(other.data);
  await assert.rejects(registerApp(home, app), /"shop" is the name of the app whose data is in .*other/);
});

test('a registry that cannot be changed keeps no app from starting, and is healed when it can be', async (t) => {
  const { open, until, home, app, log } = await fresh(t);
  const lock = join(home, 'registry', '.lock');
  await mkdir(lock, { recursive: true });
  await assert.rejects(registerApp(home, app), /Nothing can be changed in .*registry: /);
  const registration = await open();
  assert.match(log.join('\n'), /could not be written: Nothing can be changed in/);
  assert.deepEqual((await listApps(home)).apps, []);
  await rm(lock, { recursive: true });
  registration.changed(seen('idle'));
  const deadline = Date.now() + LIMIT_MS;
  while ((await listApps(home)).apps.length === 0 && Date.now() < deadline) await turn();
  await until(({ last }) => last?.state === 'idle');
  await registration.end('stopped');
  assert.equal(log.length, 1, log.join('\n'));
});

test('two processes that write one entry at once lose nothing of each other, and readers always see it whole', async (t) => {
  const { home, app, folder } = await fresh(t);
  await registerApp(home, app);
  const count = 60;
  const children = [
    child(t, 'register', home, 'shop', app.data, String(count)),
    child(t, 'update', home, 'shop', app.data, String(count)),
    child(t, 'update', home, 'blog', join(folder, 'blog'), String(count)),
  ];
  const ended = Promise.all(children.map((it) => once(it, 'exit')));
  let running = true;
  void ended.then(() => {
    running = false;
  });
  let looks = 0;
  while (running) {
    const { apps, broken } = await listApps(home);
    assert.deepEqual(broken, []);
    assert.equal(apps.at(-1)?.name, 'shop');
    looks++;
  }
  assert.deepEqual(
    (await ended).map(([code]) => code),
    [0, 0, 0],
  );
  assert.ok(looks > 10, `only ${looks} looks`);
  const [blog, shop] = (await listApps(home)).apps;
  assert.equal(blog?.last?.live_commit, String(count));
  assert.deepEqual([shop?.contract, shop?.last?.live_commit], [`/contract-${count}`, String(count)]);
});

test('after kill -9 in a write the entry is whole, and the next writer neither waits nor trips over what is left', async (t) => {
  const { home, app } = await fresh(t);
  for (let round = 0; round < 6; round++) {
    const writer = child(t, round % 2 ? 'register' : 'update', home, 'shop', app.data);
    if (writer.stdout) await once(writer.stdout, 'data');
    // Not at the same place of the loop each time.
    for (let turns = 0; turns < round * 40; turns++) await turn();
    const exited = once(writer, 'exit');
    writer.kill('SIGKILL');
    await exited;
    const { apps, broken } = await listApps(home);
    assert.deepEqual([apps.length, broken], [1, []]);
    const began = performance.now();
    await registerApp(home, app);
    assert.ok(performance.now() - began < 2_000, 'the lock of the dead one was in the way');
  }
  assert.deepEqual(
    (await readdir(join(home, 'registry'))).filter((name) => !name.startsWith('.')),
    ['shop.json'],
  );
});

test('what is no entry is named and never followed: torn, huge, a folder, a pipe, a foreign name, a half-understood state', async (t) => {
  const { home, app } = await fresh(t);
  await registerApp(home, app);
  const at = (name: string): string => join(home, 'registry', name);
  const whole = await readFile(at('shop.json'), 'utf8');
  await writeFile(at('torn.json'), whole.slice(0, 40));
  await writeFile(at('huge.json'), ' '.repeat(100_000));
  await mkdir(at('folder.json'));
  const pipe = spawn('mkfifo', [at('pipe.json')]);
  await once(pipe, 'exit');
  await writeFile(at('thief.json'), whole);
  await writeFile(at('list.json'), '[]');
  const { apps, broken } = await listApps(home);
  assert.deepEqual(apps, [app]);
  const problems = new Map(broken.map(({ file, problem }) => [file.slice(home.length + '/registry/'.length), problem]));
  assert.deepEqual([...problems.keys()], ['folder.json', 'huge.json', 'list.json', 'pipe.json', 'thief.json', 'torn.json']);
  assert.match(problems.get('thief.json') ?? '', /the entry of "shop"/);
  assert.match(problems.get('pipe.json') ?? '', /not a file/);
  for (const last of [7, {}, { state: 'magic' }, { state: 'live', port: 1, route_ports: [], addresses: [3], orchestrator: null }]) {
    await writeFile(at('shop.json'), JSON.stringify({ ...app, last }));
    assert.deepEqual((await listApps(home)).apps, [app], JSON.stringify(last));
  }
  assert.equal(await updateApp(home, { ...app, data: '/elsewhere' }, lastKnown()), false);
});

function child(t: TestContext, ...args: string[]): ChildProcess {
  const started = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => started.kill('SIGKILL'));
  return started;
}
