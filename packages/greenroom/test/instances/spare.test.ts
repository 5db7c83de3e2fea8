import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createFamily, endFamily } from '../../src/family.ts';
import { spareAgent } from '../../src/orchestrator/adapters/instances/spared.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { isRunning, readBootId, readStat } from '../../src/proc.ts';
import { carriers, makeRig, openInstances, type Rig, type RigOptions, SERVER, until } from './rig.ts';

/** Stands in for a runner with its agent: a child, one that left its session, and one whose parent is gone; all of them do end by SIGTERM. */
const RUNNER = `const { spawn } = require('node:child_process');
const sleeper = (...args) => spawn('sh', ['-c', ...args], { stdio: 'ignore' }).pid;
const agent = sleeper('sleep 1000; :');
const shell = spawn('setsid', ['sh', '-c', 'sleep 1000; :'], { stdio: 'ignore' }).pid;
const orphan = spawn('sh', ['-c', 'setsid sleep 1000 & echo $!'], { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, GREENROOM_AGENT_SOCKET: process.argv[2] } });
orphan.stdout.on('data', (pid) => console.log('agent up ' + [process.pid, agent, shell, Number(pid)].join(' ') + ' done'));
setInterval(() => {}, 1000);`;

/** In the app: how it starts the runner, with all of its own environment. */
const start = (command: string, options = '{ detached: true, stdio: "inherit" }'): string =>
  `const { spawn } = require('node:child_process'); const data = process.env.DATA; const socket = process.env.SOCKET;
spawn(${command}, ${options}).unref();${SERVER}`;

const WORDS = "'runner.cjs', socket, 'agent-run', '--data', data";
const STARTS: Record<string, string> = {
  'a runner in a session of its own': start(`'node', [${WORDS}]`),
  'a runner in the group of the app': start(`'node', [${WORDS}]`, '{ stdio: "inherit" }'),
  'a runner by way of setsid': start(`'setsid', ['--fork', 'node', ${WORDS}]`),
  'a runner below a shell': start(`'sh', ['-c', '"$@"; :', 'sh', 'node', ${WORDS}]`),
  'a runner that the app’s child started': `require('node:child_process').spawn('node', ['child.cjs'], { stdio: 'inherit' });${SERVER}`,
};

interface Agent {
  rig: Rig;
  instance: string;
  leader: number;
  pids: number[];
}

/** An app that has started a runner, which is up. The runner and all it started is ended after the test. */
async function withAgent(t: TestContext, app: string, options: RigOptions = {}): Promise<Agent> {
  const pids: number[] = [];
  let rig: Rig | undefined;
  // Before the rig looks for what was left.
  t.after(() => kill([...pids, ...(rig ? carriers(rig.layout) : [])]));
  const files = { 'app.cjs': app, 'child.cjs': start(`'node', [${WORDS}]`), 'runner.cjs': RUNNER, ...options.files };
  const contract = { drain_timeout_ms: 400, env: { DATA: '', SOCKET: '' } };
  rig = makeRig(t, { files, contract });
  Object.assign(rig.contract.env, { DATA: rig.layout.data, SOCKET: rig.layout.agentSocket });
  const { instance, pid } = await rig.boot();
  pids.push(...(await saidPids(rig, instance)));
  assert.ok(pids.length === 4 && pids.every(isAlive));
  return { rig, instance, leader: pid, pids };
}

async function saidPids({ instances }: Rig, instance: string): Promise<number[]> {
  let line = '';
  await until('the agent is up', async () => {
    line = (await instances.tail(instance, 40)).find((each) => each.startsWith('agent up') && each.endsWith('done')) ?? '';
    return line !== '';
  });
  return line.split(' ').slice(2, -1).map(Number);
}

async function kill(pids: readonly number[]): Promise<void> {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  await until('they are gone', () => !pids.some(isAlive));
}

const isAlive = (pid: number): boolean => isRunning(readStat(pid));

for (const [what, app] of Object.entries(STARTS)) {
  test(`a stop, a kill and a crash leave ${what} alone`, async (t) => {
    const { rig, instance, leader, pids } = await withAgent(t, app);
    const ends = [() => rig.instances.stop(instance, 400), () => rig.instances.stop(instance, 0), () => process.kill(leader, 'SIGKILL')];
    const [first, ...more] = ends;
    await first?.();
    assert.deepEqual(pids.filter(isAlive), pids);
    assert.ok(!isAlive(leader));
    for (const end of what === 'a runner in a session of its own' ? more : []) {
      const next = await rig.boot();
      const others = await saidPids(rig, next.instance);
      pids.push(...others);
      if (more.indexOf(end) === 0) await rig.instances.stop(next.instance, 0);
      else {
        process.kill(next.pid, 'SIGKILL');
        await rig.instances.stop(next.instance, 400);
      }
      assert.deepEqual(others.filter(isAlive), others);
      assert.ok(!isAlive(next.pid));
    }
    // The next orchestrator finds no instance in what is left, and ends nothing of it.
    const next = openInstances(rig.layout, rig.contract);
    assert.deepEqual(await next.adopt(), []);
    next.close();
    assert.deepEqual(pids.filter(isAlive), pids);
  });
}

for (const file of ['agent-turn.json', 'chat.json']) {
  test(`whom ${file} names is left alone, and who only has its number is not`, async (t) => {
    const app = start("'node', ['runner.cjs', socket]");
    const { rig, instance, leader, pids } = await withAgent(t, app);
    const [pid = 0] = pids;
    mkdirSync(rig.layout.run, { recursive: true });
    const write = (startTicks: number): void =>
      writeFileSync(join(rig.layout.run, file), JSON.stringify({ pid, start_ticks: startTicks, boot_id: readBootId() }));
    write(readStat(pid)?.startTicks ?? 0);
    await rig.instances.stop(instance, 400);
    assert.deepEqual(pids.filter(isAlive), pids);
    assert.ok(!isAlive(leader));

    const { instance: other } = await rig.boot();
    const others = await saidPids(rig, other);
    write(1);
    await rig.instances.stop(other, 400);
    const [runner = 0, ...rest] = others;
    assert.ok(!isAlive(runner));
    await kill([...rest, ...carriers(rig.layout, other)]);
  });
}

test('an app that is stopped while it forks a runner does not take it along', async (t) => {
  // As libuv does it, but slowly: a session of its own first, and only then the other program.
  const forks = `use POSIX; $| = 1; $SIG{TERM} = 'DEFAULT';
if (!fork) { POSIX::setsid(); $SIG{TERM} = 'DEFAULT'; print "forked\\n"; select(undef, undef, undef, 0.04); exec 'node', 'runner.cjs', $ENV{SOCKET}, '--data', $ENV{DATA}; }
sleep 1000;`;
  for (const graceMs of [400, 0]) {
    const rig = makeRig(t, {
      files: { 'app.pl': forks, 'runner.cjs': RUNNER },
      contract: { start_command: 'perl app.pl', env: { DATA: '', SOCKET: '' } },
    });
    Object.assign(rig.contract.env, { DATA: rig.layout.data, SOCKET: rig.layout.agentSocket });
    const { instance, pid } = await rig.boot();
    await until('it forks', async () => (await rig.instances.tail(instance, 5)).includes('forked'));
    const stopped = rig.instances.stop(instance, graceMs);
    const pids = await saidPids(rig, instance);
    await stopped;
    const alive = pids.filter(isAlive);
    await kill([...alive, ...carriers(rig.layout)]);
    assert.deepEqual(alive, pids, `with ${graceMs} ms of grace`);
    assert.ok(!isAlive(pid));
  }
});

test('the agent of another app, and an orchestrator that was started by an agent, are as anybody', async () => {
  const layout = layoutOf('/nonexistent/data');
  const env = { ...process.env, GREENROOM_AGENT_SOCKET: '/elsewhere/run/agent.sock', MARK: 'of this test' };
  const child = spawn('sh', ['-c', 'sleep 1000; :', 'sh', '--data', '/elsewhere'], { env, detached: true, stdio: 'ignore' });
  const exited = once(child, 'exit');
  const stat = readStat(child.pid ?? 0);
  const { left } = await endFamily(createFamily(stat?.pid ?? 0, stat?.startTicks ?? 0, 'MARK=of this test', spareAgent(layout)), 0).done;
  assert.deepEqual(left, []);
  await exited;
});
