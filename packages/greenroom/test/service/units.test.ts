import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeSettingsFile, removeSettingsFile, removeUnits, writeUnits } from '../../src/cli/service/files.ts';
import type { Place } from '../../src/cli/service/place.ts';
import { proxyPorts } from '../../src/cli/service/proxy-ports.ts';
import { dashboardFile, proxyFile, socketFile } from '../../src/cli/service/shared-units.ts';
import { authorOf, commandLine, unitText, word } from '../../src/cli/service/unit-text.ts';
import { type AppService, chatFile, orchestratorFile } from '../../src/cli/service/units.ts';
import { journaldLine } from '../../src/journald.ts';
import type { Contract } from '../../src/orchestrator/core/contract.ts';
import { parseContract } from '../../src/orchestrator/core/contract-parse.ts';

const SYSTEM: Place = {
  system: true,
  folder: '/etc/systemd/system',
  owner: { name: 'deploy', uid: 1001, gid: 1001, home: '/home/deploy' },
  settingsFile: (name) => `/etc/greenroom/${name}.env`,
};
const OWN: Place = { ...SYSTEM, system: false };

test('the orchestrator leaves its app alone when it goes, and has time to drain it when it is stopped', () => {
  const unit = settingsOf(orchestratorFile(service({})).text);
  assert.deepEqual(unit('KillMode'), ['process']);
  assert.deepEqual(unit('OOMPolicy'), ['continue']);
  assert.deepEqual(unit('TimeoutStopSec'), ['75s']);
  assert.deepEqual(unit('PrivateTmp'), [], 'systemd would delete it under an app that goes on');
  assert.deepEqual(unit('User'), ['deploy']);
  assert.deepEqual(unit('EnvironmentFile'), ['-/etc/greenroom/shop.env']);
  assert.deepEqual(unit('MemoryMax'), []);
  assert.deepEqual(settingsOf(orchestratorFile(service({ memoryMax: '2G' })).text)('MemoryMax'), ['2G']);
});

test('what is not the kernel’s business to let it do depends on who it runs as, and on what it has to do', () => {
  const system = settingsOf(orchestratorFile(service({ writable: ['/srv/up loads'] })).text);
  assert.deepEqual(system('NoNewPrivileges'), ['yes']);
  assert.deepEqual(system('ProtectSystem'), ['strict']);
  assert.deepEqual(system('CapabilityBoundingSet'), ['']);
  assert.deepEqual(system('ReadWritePaths'), ['-/home/deploy -/srv/git/shop -/tmp -/var/tmp "-/srv/up loads"']);

  const own = settingsOf(orchestratorFile(service({ place: OWN })).text);
  assert.deepEqual(own('NoNewPrivileges'), ['yes']);
  for (const name of ['User', 'ProtectSystem', 'CapabilityBoundingSet'])
    assert.deepEqual(own(name), [], `a user's manager cannot do ${name}`);
  assert.deepEqual(own('WantedBy'), ['default.target']);

  const sudo = { router: { kind: 'nginx', command: ['sudo', 'nginx'] }, routes: [{ host: 'shop.example.com' }] };
  const withSudo = settingsOf(orchestratorFile(service({ contract: contract(sudo) })).text);
  for (const name of ['NoNewPrivileges', 'SystemCallFilter', 'CapabilityBoundingSet'])
    assert.deepEqual(withSudo(name), [], `sudo does not work with ${name}`);
  assert.match(withSudo('ReadWritePaths').join(), /-\/etc\/nginx\/greenroom\.d/);
  assert.match(withSudo('After').join(), /nginx\.service/);
});

test('the orchestrator of an isolated app has a user of its own, and the rights to become the others', () => {
  const isolated = service({ contract: contract({ run_as: { user: 'gr-shop-app' }, setup_run_as: { user: 'gr-shop-setup' } }) });
  for (const unit of [orchestratorFile(isolated), chatFile(isolated)].map(({ text }) => settingsOf(text))) {
    assert.deepEqual(unit('User'), ['gr-shop']);
    assert.deepEqual(unit('AmbientCapabilities'), unit('CapabilityBoundingSet'));
    for (const name of ['CAP_SETUID', 'CAP_SETPCAP', 'CAP_SYS_PTRACE', 'CAP_KILL'])
      assert.match(unit('AmbientCapabilities').join(), new RegExp(name));
    assert.doesNotMatch(unit('AmbientCapabilities').join(), /CAP_SYS_ADMIN|CAP_NET_ADMIN/);
    assert.deepEqual(unit('RestrictSUIDSGID'), [], 'the slots have a set-group-id bit');
    assert.deepEqual(unit('NoNewPrivileges'), ['yes']);
  }
  assert.deepEqual(settingsOf(orchestratorFile({ ...isolated, place: OWN }).text)('AmbientCapabilities'), []);
});

test('the proxy is waited for, never started beside its service, and listens below 1024 only when an app needs it', () => {
  assert.match(
    settingsOf(orchestratorFile(service({})).text)('Environment').join('\n'),
    /^GREENROOM_PROXY_SERVICE=greenroom-proxy\.service$/m,
  );
  const proxy = (lowPorts: boolean) => settingsOf(proxyFile({ home: '/home/deploy/state', place: SYSTEM, version: 252, lowPorts }).text);
  assert.match(proxy(false)('ExecStart').join(), / --dir \/home\/deploy\/state\/proxy --stay$/);
  assert.deepEqual([proxy(false)('AmbientCapabilities'), proxy(true)('AmbientCapabilities')], [[''], ['CAP_NET_BIND_SERVICE']]);
  assert.deepEqual(proxy(true)('ReadWritePaths'), ['-/home/deploy/state/proxy']);
});

test('the public ports are kept open for whichever process is the proxy', () => {
  const socket = settingsOf(socketFile([80, 443]).text);
  assert.deepEqual(socket('ListenStream'), ['80', '443']);
  assert.deepEqual(socket('WantedBy'), ['sockets.target']);
  const proxy = settingsOf(proxyFile({ home: '/home/deploy/state', place: SYSTEM, version: 252, lowPorts: false }).text);
  assert.deepEqual([proxy('Sockets'), proxy('NotifyAccess'), proxy('Restart')], [['greenroom-proxy.socket'], ['all'], ['always']]);
});

test('the dashboard can write its own folder alone', () => {
  const dashboard = settingsOf(dashboardFile({ home: '/home/deploy/state', place: SYSTEM, version: 252, apps: [] }).text);
  assert.match(dashboard('ExecStart').join(), / dashboard$/);
  assert.deepEqual(dashboard('ReadWritePaths'), ['-/home/deploy/state/dashboard']);
  assert.deepEqual(dashboard('CapabilityBoundingSet'), ['']);
});

test('systemd keeps the ports that visitors come by, of the apps that are services behind the proxy', async (t) => {
  const folder = await fresh(t);
  const tls = { certificate: '/tls/a.pem', key: '/tls/a.key' };
  const contracts = {
    alone: { port: 3002 },
    routed: { port: 3003, routes: [{ host: 'a.example.com', tls }] },
    caddy: { port: 3004, router: { kind: 'caddy' }, routes: [{ host: 'b.example.com' }] },
    byHand: { port: 3005 },
  };
  await mkdir(join(folder, 'registry'));
  for (const [name, more] of Object.entries(contracts)) {
    const file = join(folder, `${name}.json`);
    await writeFile(file, JSON.stringify({ start_command: 'node server.js', health_endpoint: '/', ...more }));
    const entry = { name, data: join(folder, name), repo: '/srv/git/x', contract: file, api_port: 9100 };
    await writeFile(join(folder, 'registry', `${name}.json`), JSON.stringify(entry));
    if (name !== 'byHand') await writeFile(join(folder, `greenroom@${name}.service`), '');
  }
  const ports = (place: Place, except: string) => proxyPorts(folder, { ...place, folder }, except, [contract()]);
  assert.deepEqual((await ports(SYSTEM, '')).visitors, [443, 3001, 3002]);
  assert.deepEqual((await ports(SYSTEM, 'alone')).visitors, [443, 3001]);
});

test('the pause between restarts grows where systemd knows how', () => {
  assert.deepEqual(settingsOf(chatFile(service({ version: 252 })).text)('RestartSteps'), []);
  assert.deepEqual(settingsOf(chatFile(service({ version: 257 })).text)('RestartMaxDelaySec'), ['60s']);
});

test('words that systemd would read otherwise are quoted', () => {
  assert.equal(word('/srv/50% off'), '"/srv/50%% off"');
  assert.equal(word('a"b\\c\nd'), '"a\\"b\\\\c\\nd"');
  assert.equal(commandLine(['/bin/$HOME', 'x;y']), '"/bin/$$HOME" "x;y"');
});

test('a unit that somebody changed is neither overwritten nor removed, and nothing else either', async (t) => {
  const folder = await fresh(t);
  const [first, second] = ['greenroom@a.service', 'greenroom@b.service'].map((unit) => ({
    unit,
    text: unitText([{ name: 'Unit', settings: [] }]),
  }));
  assert.ok(first && second);
  assert.deepEqual(
    (await writeUnits(folder, [first, second], false)).map(({ change }) => change),
    ['created', 'created'],
  );
  assert.deepEqual(
    (await writeUnits(folder, [first, second], false)).map(({ change }) => change),
    ['unchanged', 'unchanged'],
  );
  const newer = unitText([{ name: 'Unit', settings: [['Description', 'newer']] }]);
  await writeFile(join(folder, second.unit), `${second.text}Nice=5\n`);
  await assert.rejects(writeUnits(folder, [{ ...first, text: newer }, second], false), {
    code: 'unit_changed',
    message: /greenroom@b\.service/,
  });
  assert.equal(await readFile(join(folder, first.unit), 'utf8'), first.text);
  assert.deepEqual(await removeUnits(folder, [first.unit, second.unit], false), [second.unit]);
  assert.deepEqual(await readdir(folder), [second.unit]);
  assert.deepEqual(
    (await writeUnits(folder, [{ ...second, text: newer }], true)).map(({ change }) => change),
    ['updated'],
  );
  assert.equal(authorOf('[Unit]\n'), 'foreign');
});

test('an environment file is for its owner alone, and stays when something is in it', async (t) => {
  const file = join(await fresh(t), 'greenroom', 'shop.env');
  assert.equal(await makeSettingsFile(file, '# nothing\n'), true);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  await writeFile(file, 'TOKEN=x\n');
  assert.equal(await makeSettingsFile(file, '# nothing\n'), false);
  assert.equal(await removeSettingsFile(file, '# nothing\n'), true);
  assert.equal(await readFile(file, 'utf8'), 'TOKEN=x\n');
  await writeFile(file, '# nothing\n');
  assert.equal(await removeSettingsFile(file, '# nothing\n'), false);
});

test('no line of a message passes for one of another priority', () => {
  assert.equal(journaldLine('two\n<0>lines', 'warn'), '<4>two\n<4><0>lines\n');
});

function contract(more: object = {}): Contract {
  const parsed = parseContract({ start_command: 'node server.js', port: 3001, health_endpoint: '/', drain_timeout_ms: 45_000, ...more });
  assert.ok(parsed.ok);
  return parsed.contract;
}

function service(changes: Partial<AppService>): AppService {
  const data = '/home/deploy/state/apps/shop';
  const app = { name: 'shop', data, repo: '/srv/git/shop', contract: `${data}/app.contract.json`, api_port: 9100 };
  return { app, contract: contract(), home: '/home/deploy/state', place: SYSTEM, version: 252, writable: [], ...changes };
}

/** All values of a setting, in order. */
function settingsOf(text: string): (name: string) => string[] {
  const lines = text.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return (name) => lines.filter(([found]) => found === name).map(([, value = '']) => value);
}

async function fresh(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'units-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
