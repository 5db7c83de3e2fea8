/** `npm run test:systemd`, as root: not among the tests that always run, because not every place that runs those can boot a machine. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadKind, LoadReport } from '../../../../bench/load/tally.ts';
import { bootMachine, HOME, type Machine, NODE, type Ran, USER_ID } from './machine.ts';

const PORT = 8090;
const OTHER_PORT = 8091;
const DATA = `${HOME}/apps/shop`;
const REPO = '/srv/greenroom/shop';
const ORCHESTRATOR = 'greenroom@shop.service';
const CHAT = 'greenroom-chat@shop.service';
const PROXY = 'greenroom-proxy.service';
const SOCKET = 'greenroom-proxy.socket';
const DASHBOARD = 'greenroom-dashboard.service';
const UNITS = [SOCKET, PROXY, ORCHESTRATOR, CHAT, DASHBOARD];
/** As `systemd-analyze security` counts: 0 is confined, 10 is not. */
const MOST_EXPOSED = { [PROXY]: 2.5, [ORCHESTRATOR]: 5.5, [CHAT]: 5.5, [DASHBOARD]: 2.5 };
const TIMES = 3;

test('systemd runs an app: installed, killed, rebooted, upgraded, stopped, removed', async (t) => {
  const machine = await bootMachine(t, prepareApp);
  const greenroom = async (...args: string[]): Promise<string> => must(await machine.greenroom('greenroom', ...args));
  const service = async (...args: string[]): Promise<string> => must(await machine.greenroom('root', 'service', ...args));

  const refused = await machine.greenroom('greenroom', 'service', 'install', '--system', '--app', 'shop');
  assert.match(refused.stderr, /run as greenroom:\n +sudo env GREENROOM_HOME=\/srv\/greenroom\/state \S+ \S+ service install --app shop\n/);

  const installed = await service('install', '--app', 'shop', '--dashboard');
  for (const unit of UNITS) assert.match(installed, new RegExp(`✓ ${unit} +created, enabled, running`));
  await t.test('the units are sound, and confined', () => assertSound(t, machine));

  await greenroom('deploy', '--app', 'shop');
  const first = await visit(machine);
  assert.equal(first.user, USER_ID);
  assert.equal(first.wrote, 'EROFS', 'the app cannot write outside of its folders');

  await t.test('a killed orchestrator comes back, and the app has not noticed', async () => {
    const pid = await mainPid(machine, ORCHESTRATOR);
    must(await machine.run('kill', ['-9', String(pid)]));
    await until(
      'the orchestrator runs again',
      async () => ![0, pid].includes(await mainPid(machine, ORCHESTRATOR)) && (await isActive(machine, ORCHESTRATOR)),
    );
    assert.deepEqual(await visit(machine), first);
    assert.match(await service('status', '--app', 'shop'), /greenroom-proxy\.socket {2}active \(running\)/);
    assert.match(await service('status', '--app', 'shop'), /greenroom@shop\.service {2}active \(running\), .*restarted 1 time/);
  });

  await t.test('a killed proxy comes back with its routes, as a service', async () => {
    const pid = await mainPid(machine, PROXY);
    must(await machine.run('kill', ['-9', String(pid)]));
    await until('the proxy runs again', async () => ![0, pid].includes(await mainPid(machine, PROXY)));
    await until('the app is served', async () => (await tryVisit(machine))?.instance === first.instance);
    assert.equal((await commands(machine, /proxy\/main\.ts --dir/)).length, 1);
  });

  await t.test('visitors wait for a proxy that is restarted, and for one that was killed', async () => {
    const report = await underLoad(machine, ['get-new', 'post-new'], async () => {
      for (let i = 0; i < TIMES; i += 1) must(await machine.run('systemctl', ['restart', PROXY]));
    });
    t.diagnostic(
      `${TIMES} restarts: ${report.ok} answers, ${report.failed} failed, none for ${Math.round(report.longest_gap_ms)} ms at most`,
    );
    assert.equal(report.failed, 0, JSON.stringify(report));

    const pid = await mainPid(machine, PROXY);
    must(await machine.run('kill', ['-9', String(pid)]));
    await visit(machine);
    assert.ok(![0, pid].includes(await mainPid(machine, PROXY)));
  });

  await t.test('upgrades of the proxy lose nothing and cut nothing, and systemd follows', async () => {
    const report = await underLoad(machine, ['get', 'get-new', 'post', 'post-new', 'slow', 'sse'], async () => {
      for (let i = 0; i < TIMES; i += 1) {
        await greenroom('upgrade', '--proxy');
        const { pid } = await proxyStatus(machine);
        await until('systemd has the new one as the main process', async () => (await mainPid(machine, PROXY)) === pid);
      }
    });
    t.diagnostic(
      `${TIMES} upgrades: ${report.ok} answers, ${report.failed} failed, none for ${Math.round(report.longest_gap_ms)} ms at most`,
    );
    assert.equal(report.failed, 0, JSON.stringify(report));
    assert.equal(report.kinds.sse?.reconnects, 0);
    await until('those before are gone', async () => (await commands(machine, /proxy\/main\.ts --dir/)).length === 1);

    const pid = await mainPid(machine, PROXY);
    must(await machine.run('kill', ['-9', String(pid)]));
    await visit(machine);
    assert.ok(![0, pid].includes(await mainPid(machine, PROXY)), 'one that took over is started again as any other');
  });

  await t.test('the dashboard runs, and its journal lets nobody in', async () => {
    const { stdout } = await machine.run('journalctl', ['-u', DASHBOARD, '-o', 'cat']);
    assert.match(stdout, /The dashboard is ready on port 9180\. "greenroom dashboard" prints a link\./);
    assert.doesNotMatch(stdout, /token=/);
    assert.match(await greenroom('dashboard'), /#token=/);
    must(await machine.greenroom('root', 'dashboard'));
  });

  await t.test('a port that the app changes to is in the next start of the socket', async () => {
    const setPort = async (from: number, to: number): Promise<void> => {
      must(await machine.run('sed', ['-i', `s/"port":${from}/"port":${to}/`, `${DATA}/app.contract.json`]));
    };
    await setPort(PORT, OTHER_PORT);
    assert.match(
      await service('install', '--app', 'shop'),
      /greenroom-proxy\.socket +updated.*\n(.*\n)* +systemctl stop greenroom-proxy\.socket && systemctl restart greenroom-proxy\.service\n/,
    );
    await openAnew(machine);
    const { stdout } = await machine.run('systemctl', ['show', '--property=Listen', SOCKET]);
    assert.match(stdout, new RegExp(`\\[::\\]:${OTHER_PORT} `));
    assert.ok(await isActive(machine, SOCKET));
    await setPort(OTHER_PORT, PORT);
    await service('install', '--app', 'shop');
    await openAnew(machine);
    await until('the app is served', async () => (await tryVisit(machine)) !== null);
  });

  await t.test('journald has the lines with their priority, and without a time of their own', async () => {
    const { stdout } = await machine.run('journalctl', ['-u', ORCHESTRATOR, '-o', 'json', '--output-fields=MESSAGE,PRIORITY']);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { MESSAGE: string; PRIORITY: string });
    assert.ok(lines.some(({ MESSAGE, PRIORITY }) => /^shop is ready/.test(MESSAGE) && PRIORITY === '6'));
    assert.ok(lines.some(({ MESSAGE, PRIORITY }) => /the proxy ended unexpectedly/.test(MESSAGE) && PRIORITY === '4'));
  });

  await t.test('installing again changes nothing, and never what somebody wrote', async () => {
    assert.match(await service('install', '--app', 'shop'), /greenroom@shop\.service +as it was/);
    assert.deepEqual(await visit(machine), first);
    must(await machine.run('sed', ['-i', 's/^TasksMax=4096/TasksMax=99/', `/etc/systemd/system/${CHAT}`]));
    const { ok, stderr } = await machine.greenroom('root', 'service', 'install', '--app', 'shop');
    assert.equal(ok, false);
    assert.match(stderr, /so nothing was changed:\n +\/etc\/systemd\/system\/greenroom-chat@shop\.service\n/);
    assert.match(await service('install', '--app', 'shop', '--force'), /greenroom-chat@shop\.service +updated/);
  });

  await t.test('an orchestrator that leaves for an upgrade leaves the app, and the next start takes it over', async () => {
    await greenroom('stop', '--app', 'shop', '--detach-app');
    assert.equal((await visit(machine)).instance, first.instance);
    must(await machine.run('systemctl', ['start', ORCHESTRATOR]));
    assert.equal((await visit(machine)).instance, first.instance);
    assert.match(await greenroom('status', '--app', 'shop'), /healthy/);
  });

  await t.test('after a reboot the app is back', async () => {
    await machine.reboot();
    await until('the app is served', async () => (await tryVisit(machine)) !== null);
    const after = await visit(machine);
    assert.notEqual(after.instance, first.instance);
    assert.equal(after.commit, first.commit);
    for (const unit of UNITS) await until(`${unit} is up`, () => isActive(machine, unit));
  });

  await t.test('stopping the service stops the app', async () => {
    must(await machine.run('systemctl', ['stop', ORCHESTRATOR]));
    assert.equal(await tryVisit(machine), null);
    assert.deepEqual(await commands(machine, /server\.js/), []);
    must(await machine.run('systemctl', ['start', ORCHESTRATOR]));
    await visit(machine);
  });

  await t.test('remove takes back what install wrote, and leaves the data', async () => {
    must(await machine.run('sh', ['-c', 'echo GREENROOM_GIT_TOKEN=x >>/etc/greenroom/shop.env']));
    const removed = await service('remove', '--app', 'shop');
    for (const unit of UNITS) assert.match(removed, new RegExp(`✓ ${unit} +stopped and removed`));
    assert.match(removed, /\/etc\/greenroom\/shop\.env +stays/);
    assert.equal(must(await machine.run('find', ['/etc/systemd/system', '-name', 'greenroom*'])), '');
    assert.equal(must(await machine.run('find', ['/etc/greenroom', '-type', 'f'])), '/etc/greenroom/shop.env\n');
    assert.deepEqual(await commands(machine, /greenroom\/src\/(cli|proxy)\/main\.ts/), []);
    must(await machine.run('test', ['-s', `${DATA}/journal.jsonl`]));
    const again = await machine.greenroom('root', 'service', 'remove', '--app', 'shop');
    assert.match(again.stderr, /"shop" is no service in \/etc\/systemd\/system/);
  });
});

/** A registered app with a chat, of the user `greenroom`. */
async function prepareApp(files: string): Promise<void> {
  const at = (path: string): string => join(files, path);
  for (const folder of [REPO, DATA, `${HOME}/registry`]) await mkdir(at(folder), { recursive: true });
  await writeFile(at(`${REPO}/server.js`), SERVER);
  const git = (...args: string[]): unknown =>
    execFileSync('git', ['-C', at(REPO), '-c', 'user.name=Test', '-c', 'user.email=test@localhost', ...args], { stdio: 'ignore' });
  git('init', '--initial-branch=main');
  git('add', '.');
  git('commit', '--message=First');
  const contract = {
    start_command: 'node server.js',
    port: PORT,
    health_endpoint: '/healthz',
    watch_ms: 0,
    drain_timeout_ms: 2_000,
    agent: { command: 'greenroom demo-agent' },
  };
  await writeFile(at(`${DATA}/app.contract.json`), JSON.stringify(contract));
  await writeFile(at(`${DATA}/secrets.env`), `GREENROOM_CHAT_TOKEN=${'5e'.repeat(24)}\n`, { mode: 0o600 });
  const app = { name: 'shop', data: DATA, repo: REPO, contract: `${DATA}/app.contract.json`, api_port: 9100 };
  await writeFile(at(`${HOME}/registry/shop.json`), JSON.stringify(app));
  execFileSync('chown', ['-R', `${USER_ID}:${USER_ID}`, at('/srv/greenroom')]);
}

const SERVER = `
const { createServer } = require('node:http');
const { writeFileSync } = require('node:fs');
function write() {
  try {
    writeFileSync('/var/lib/shop', '');
    return 'done';
  } catch (error) {
    return error.code;
  }
}
const { GREENROOM_INSTANCE: instance, GREENROOM_COMMIT: commit, PORT } = process.env;
const server = createServer((request, response) => {
  if (request.url === '/echo') request.pipe(response);
  else if (request.url === '/slow') setTimeout(() => response.end('slow'), 1_000);
  else if (request.url === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const timer = setInterval(() => response.write('data: tick\\n\\n'), 20);
    response.on('close', () => clearInterval(timer));
  } else response.end(JSON.stringify({ instance, commit, user: process.getuid(), wrote: write() }));
});
server.listen(PORT);
process.on('SIGTERM', () => server.close());
`;

/** With the ports that are in its unit by now. */
async function openAnew(machine: Machine): Promise<void> {
  must(await machine.run('systemctl', ['stop', SOCKET]));
  must(await machine.run('systemctl', ['restart', PROXY]));
}

/** Visitors of these kinds while something happens. */
async function underLoad(machine: Machine, kinds: readonly LoadKind[], act: () => Promise<void>): Promise<LoadReport> {
  const folder = must(await machine.run('mktemp', ['-d', '/tmp/visits-XXXXXX'])).trim();
  const script = '/opt/greenroom/packages/greenroom/test/service/visits.ts';
  const visits = machine.run(NODE, [script, `http://localhost:${PORT}`, kinds.join(','), folder]);
  await until('visitors are there', async () => (await machine.run('test', ['-e', `${folder}/begun`])).ok);
  await act();
  must(await machine.run('touch', [`${folder}/end`]));
  return JSON.parse(must(await visits)) as LoadReport;
}

async function proxyStatus(machine: Machine): Promise<{ pid: number }> {
  return JSON.parse(must(await machine.run('curl', ['--silent', '--unix-socket', `${HOME}/proxy/proxy.sock`, 'http://proxy/']))) as {
    pid: number;
  };
}

interface Seen {
  instance: string;
  commit: string;
  user: number;
  wrote: string;
}

async function visit(machine: Machine): Promise<Seen> {
  const seen = await tryVisit(machine);
  assert.ok(seen, 'the app answers');
  return seen;
}

/** Null while it is not served. */
async function tryVisit(machine: Machine): Promise<Seen | null> {
  const script = `fetch('http://localhost:${PORT}/').then(async (it) => process.stdout.write(it.ok ? await it.text() : ''), () => {})`;
  const { stdout } = await machine.run(NODE, ['--eval', script]);
  return stdout === '' ? null : (JSON.parse(stdout) as Seen);
}

async function assertSound(t: TestContext, machine: Machine): Promise<void> {
  const verified = await machine.run('systemd-analyze', ['verify', '--man=no', ...UNITS.map((unit) => `/etc/systemd/system/${unit}`)]);
  assert.equal(verified.stderr, '');
  for (const [unit, most] of Object.entries(MOST_EXPOSED)) {
    const { stdout } = await machine.run('systemd-analyze', ['security', '--no-pager', unit]);
    const score = Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1] ?? 10);
    t.diagnostic(`${unit}: exposure ${score}`);
    assert.ok(score <= most, `${unit}: exposure ${score}, at most ${most}\n${stdout}`);
  }
}

/** Command lines of its processes that match. */
async function commands(machine: Machine, pattern: RegExp): Promise<string[]> {
  const script = `for (const pid of fs.readdirSync('/proc')) if (pid > 1 && pid != process.pid) try { console.log(fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8').replaceAll('\\0', ' ')) } catch {}`;
  return must(await machine.run(NODE, ['--eval', script]))
    .split('\n')
    .filter((line) => pattern.test(line));
}

async function mainPid(machine: Machine, unit: string): Promise<number> {
  return Number((await machine.run('systemctl', ['show', '--property=MainPID', '--value', unit])).stdout);
}

async function isActive(machine: Machine, unit: string): Promise<boolean> {
  return (await machine.run('systemctl', ['is-active', unit])).stdout.trim() === 'active';
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within 20 s: ${what}`);
    await sleep(50);
  }
}

function must({ ok, stdout, stderr }: Ran): string {
  assert.ok(ok, `${stderr}${stdout}`);
  return stdout;
}
