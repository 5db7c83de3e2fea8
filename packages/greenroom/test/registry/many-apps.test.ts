import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import { CLI } from '../../../../bench/harness/greenroom.ts';
import { endLeftovers, processesOf } from '../../../../bench/harness/leftovers.ts';
import { freePorts } from '../../../../bench/harness/ports.ts';
import { commitFiles, initRepo } from '../../../../bench/harness/repo.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { listApps, type RegisteredApp, registerApp } from '../../src/registry/index.ts';
import { type AppView, observeApps } from '../../src/registry/observe.ts';
import { runningOrchestrator } from '../../src/registry/running.ts';
import { ask } from '../e2e/ask.ts';
import { assertPortFree, until } from '../e2e/rig.ts';

const SERVER = readFileSync(new URL('../e2e/app/server.cjs', import.meta.url), 'utf8');

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

interface Machine {
  home: string;
  root: string;
  /** Registers an app with a repository and a contract of its own, as `greenroom init` does. */
  app(name: string, ports: { port: number; internal_port: number; api_port: number }): Promise<RegisteredApp>;
  greenroom(...args: string[]): Promise<Ran>;
  apps(): Promise<Record<string, AppView>>;
}

/** A machine without any app. What runs for it at the end of the test ends, and must have been stopped by it. */
function createMachine(t: TestContext): Machine {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'many-')));
  const home = join(root, 'home');
  const env = { ...process.env, GREENROOM_HOME: home, NO_COLOR: '1' };
  t.after(async () => {
    const left = await endLeftovers(root);
    rmSync(root, { recursive: true, force: true });
    assert.deepEqual(left, [], 'processes were left behind');
  });
  async function greenroom(...args: string[]): Promise<Ran> {
    const child = spawn(process.execPath, [CLI, ...args], { cwd: tmpdir(), env, stdio: ['ignore', 'pipe', 'pipe'] });
    const ran: Ran = { code: null, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (ran.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (ran.stderr += text));
    // Not until its pipes are closed: what it starts in the background must not hold them.
    [ran.code] = (await once(child, 'close')) as [number | null];
    return ran;
  }
  return {
    home,
    root,
    async app(name, { api_port, ...ports }) {
      const [repo, data] = [join(root, name), join(root, 'data', name)];
      initRepo(repo);
      commitFiles(repo, { 'server.cjs': SERVER, 'behaviour.json': JSON.stringify({ name }) }, 'Begin');
      mkdirSync(data, { recursive: true });
      const app = { name, data, repo, contract: layoutOf(data).contract, api_port };
      const contract = {
        start_command: 'node server.cjs',
        health_endpoint: '/healthz',
        watch_ms: 0,
        reconcile_interval_ms: 86_400_000,
        ...ports,
      };
      writeFileSync(app.contract, JSON.stringify(contract));
      await registerApp(home, app);
      return app;
    },
    greenroom,
    async apps() {
      const { apps } = await observeApps(home);
      return Object.fromEntries(apps.map((view) => [view.app.name, view]));
    },
  };
}

const deploy = async ({ data }: RegisteredApp): Promise<string> => {
  const answer = await createClient({ socket: layoutOf(data).operatorSocket }).deploy({ branch: 'main' });
  assert.ok(answer.success && 'slot' in answer && !('dry_run' in answer), JSON.stringify(answer));
  return answer.commit;
};

const pidOf = async (app: RegisteredApp): Promise<number> => (await runningOrchestrator(layoutOf(app.data)))?.pid ?? 0;

test('two apps: started, told of, killed, started again, the machine restarted, stopped, forgotten', async (t) => {
  const machine = createMachine(t);
  const { app, apps, greenroom, root } = machine;
  const [shopPort = 0, blogPort = 0, ...more] = await freePorts(6);
  const [shopInternal = 0, blogInternal = 0, shopApi = 0, blogApi = 0] = more;
  const shop = await app('shop', { port: shopPort, internal_port: shopInternal, api_port: shopApi });
  const blog = await app('blog', { port: blogPort, internal_port: blogInternal, api_port: blogApi });
  const ready = / +ready after /;

  const first = await greenroom('start', '--all');
  assert.deepEqual([first.code, first.stderr], [0, '']);
  assert.match(first.stdout, new RegExp(`shop${ready.source}`));
  assert.match(first.stdout, new RegExp(`blog${ready.source}`));
  assert.equal((await apps())['shop']?.state, 'idle');
  assert.equal(statSync(layoutOf(shop.data).orchestratorLog).mode & 0o077, 0);
  assert.match(readFileSync(layoutOf(shop.data).orchestratorLog, 'utf8'), /shop is ready/);

  const commits = { shop: await deploy(shop), blog: await deploy(blog) };
  const live = await apps();
  for (const name of ['shop', 'blog'] as const) {
    assert.deepEqual([live[name]?.state, live[name]?.live_commit, live[name]?.source], ['live', commits[name], 'orchestrator'], name);
  }
  assert.deepEqual(live['shop']?.addresses, [`http://localhost:${shopPort}/`]);
  const [listed] = (JSON.parse((await greenroom('apps', '--json')).stdout) as { apps: Record<string, unknown>[] }).apps;
  const { app: _app, status: _status, ...view } = live['blog'] ?? assert.fail('no blog');
  assert.deepEqual(listed, { ...blog, ...view });
  const shown = (await greenroom('apps')).stdout;
  assert.match(shown, new RegExp(`shop +live +${commits.shop.slice(0, 10)} +http://localhost:${shopPort}/ +(?:just now|\\d+ s ago)`));
  const status = await greenroom('status', '--app', 'shop');
  assert.match(status.stdout, new RegExp(`process +${await pidOf(shop)}, API on 127\\.0\\.0\\.1:${shopApi}\n`));

  // What it wrote down by itself is there when it cannot be asked any more.
  const known = async (): Promise<string | undefined> =>
    (await listApps(machine.home)).apps.find(({ name, last }) => name === 'shop' && last?.state === 'live')?.last?.live_commit;
  await until(
    async () => (await known()) === commits.shop,
    () => 'the registry does not know what is live',
  );
  process.kill(await pidOf(shop), 'SIGKILL');
  await until(
    async () => (await pidOf(shop)) === 0,
    () => 'it lives on',
  );
  const crashed = await apps();
  assert.deepEqual([crashed['shop']?.state, crashed['shop']?.live_commit, crashed['shop']?.source], ['crashed', commits.shop, 'registry']);
  assert.equal(crashed['blog']?.state, 'live', 'the other one is untouched');
  assert.equal((await ask({ port: shopPort, path: '/' })).body, 'shop\n', 'the app goes on without its orchestrator');
  const second = JSON.parse((await greenroom('start', '--all', '--json')).stdout) as {
    success: boolean;
    apps: { app: string; was_running: boolean }[];
  };
  assert.equal(second.success, true);
  assert.deepEqual(
    second.apps.map(({ app: name, was_running }) => [name, was_running]),
    [
      ['blog', true],
      ['shop', false],
    ],
  );

  // Everything ends at once, as at a power cut: orchestrators, proxy and apps.
  for (const pid of processesOf(root)) process.kill(pid, 'SIGKILL');
  await until(
    () => processesOf(root).length === 0,
    () => `still there: ${processesOf(root)}`,
  );
  let states: string[] = [];
  await until(
    async () => {
      // One that is ending has no command line any more some time before it is gone.
      states = Object.values(await apps()).map(({ state }) => state);
      return states.join() === 'crashed,crashed';
    },
    () => `they are ${states}`,
  );
  const third = await greenroom('start', '--all');
  assert.deepEqual([third.code, third.stderr], [0, '']);
  for (const [name, port] of [
    ['shop', shopPort],
    ['blog', blogPort],
  ] as const)
    assert.equal((await ask({ port, path: '/' })).body, `${name}\n`);

  const running = await greenroom('apps', 'forget', 'blog');
  assert.deepEqual([running.code, running.stdout], [1, '']);
  assert.match(running.stderr, /"blog" is running \(process \d+\)\. Stop it first/);
  const stopped = await greenroom('stop', '--all');
  assert.deepEqual([stopped.code, stopped.stderr], [0, '']);
  assert.match(stopped.stdout, /shop +stopped after /);
  for (const port of [shopPort, shopInternal, shopApi, blogPort, blogInternal, blogApi]) await assertPortFree(port);
  assert.deepEqual(
    Object.values(await apps()).map(({ state, note }) => [state, note]),
    [
      ['stopped', ''],
      ['stopped', ''],
    ],
  );

  // One that cannot start, and one whose data is gone, keep nothing from the third.
  writeFileSync(shop.contract, '{ "port": 1, ');
  rmSync(blog.data, { recursive: true });
  const news = await app('news', { port: shopPort, internal_port: shopInternal, api_port: blogApi });
  const fourth = await greenroom('start', '--all');
  assert.equal(fourth.code, 1);
  assert.match(fourth.stdout, /news +ready after /);
  assert.match(fourth.stderr, /✗ shop +.*app\.contract\.json: line 1, column 14/);
  assert.match(fourth.stderr, /✗ blog +its data directory .* is gone; .*greenroom apps forget blog/);
  assert.equal((await apps())['blog']?.state, 'stale');
  assert.match((await greenroom('doctor', '--app', 'news')).stdout, /! registry +the entry of "blog" is stale: its data directory/);
  assert.match(
    readFileSync(layoutOf(news.data).orchestratorLog, 'utf8'),
    /Port \d+ is wanted by "news" .* and by "shop" .*, which is not running now/,
  );
  assert.equal((await greenroom('apps', 'forget', 'blog')).code, 0);
  assert.deepEqual(Object.keys(await apps()), ['news', 'shop']);
  assert.equal((await greenroom('stop', '--all')).code, 0);

  // Forgotten is not lost: the data directory says whose it is.
  assert.equal((await greenroom('apps', 'forget', 'news')).code, 0);
  const back = greenroom('start', '--data', news.data);
  await until(
    async () => (await apps())['news']?.state === 'idle',
    () => 'it did not come back',
  );
  assert.equal((await greenroom('stop', '--app', 'news')).code, 0);
  assert.equal((await back).code, 0);
});

test('a port that another app has: the refusal names both, whatever each wants it for; flags of one app are refused beside --all', async (t) => {
  const { app, apps, greenroom } = createMachine(t);
  const [port = 0, internal_port = 0, api_port = 0, other = 0] = await freePorts(4);
  await app('shop', { port, internal_port, api_port });
  assert.equal((await greenroom('start', '--all')).code, 0);
  const refused = async (name: string, ports: Parameters<typeof app>[1], expected: RegExp): Promise<void> => {
    await app(name, ports);
    const { code, stderr } = await greenroom('start', '--app', name);
    assert.equal(code, 1);
    assert.match(stderr, expected);
    const { state, note = '' } = (await apps())[name] ?? {};
    assert.equal(state, 'stopped');
    assert.match(note, /^could not start: /);
    assert.match(note, expected);
  };
  await refused(
    'api',
    { port: other, internal_port: 1, api_port },
    /Port \d+ is wanted by "api" \(its API, --port\) and by "shop" \(its API, --port\), which is running/,
  );
  await refused(
    'public',
    { port: internal_port, internal_port: 1, api_port: other },
    /"public" \("port" in its contract\) and by "shop" \("internal_port" in its contract\)/,
  );
  // A later refusal takes the place of the one before.
  assert.equal((await greenroom('start', '--app', 'public', '--port', `${api_port}`)).code, 1);
  assert.match((await apps())['public']?.note ?? '', /"public" \(its API, --port\) and by "shop" \(its API, --port\)/);
  assert.match(
    (await greenroom('doctor', '--app', 'public')).stdout,
    new RegExp(`${internal_port} \\(public\\) is in use by the app "shop"`),
  );
  for (const args of [
    ['start', '--all', '--app', 'shop'],
    ['stop', '--all', '--data', '/x'],
  ]) {
    const { code, stderr } = await greenroom(...args);
    assert.equal(code, 2);
    assert.match(stderr, /--all is for every app/);
  }
  assert.equal((await greenroom('stop', '--all', '--json')).code, 0);
});

test('apps that are looked at at once get names and ports of their own', async (t) => {
  const { greenroom, home, root } = createMachine(t);
  const folders = ['a', 'b', 'c'].map((parent) => join(root, parent, 'shop'));
  for (const folder of folders) {
    initRepo(folder);
    commitFiles(folder, { 'server.cjs': SERVER, 'package.json': '{ "scripts": { "start": "node server.cjs" } }' }, 'Begin');
  }
  const ran = await Promise.all(folders.map((folder) => greenroom('init', folder, '--json')));
  assert.deepEqual(
    ran.map(({ code }) => code),
    [0, 0, 0],
    JSON.stringify(ran),
  );
  const { apps } = await listApps(home);
  assert.deepEqual(apps.map(({ name }) => name).sort(), ['shop', 'shop-2', 'shop-3']);
  const ports = apps.flatMap(({ api_port, contract }) => {
    const { port, internal_port } = JSON.parse(readFileSync(contract, 'utf8')) as { port: number; internal_port: number };
    return [api_port, port, internal_port];
  });
  assert.equal(new Set(ports).size, 9, `${ports}`);
});
