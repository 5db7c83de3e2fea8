import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTurn } from '../../src/agent/runner.ts';
import { createSandbox } from '../../src/agent/sandbox.ts';
import { asUser } from '../../src/confine/as-user.ts';
import { trySandbox } from '../../src/confine/sandbox/available.ts';
import { findUser } from '../../src/confine/users.ts';
import { createWorld, processesOf, SETTINGS, spawnRunner, type World, writeContract } from '../agent/runner/rig.ts';
import { until } from '../e2e/rig.ts';

const PLANTED = 'planted-and-not-to-be-seen';

const sleeper = [process.execPath, '-e', 'setTimeout(() => {}, 600000)'];

/** A runner's options for a turn within a sandbox. */
function confined(world: World, more: Parameters<World['options']>[0] = {}): ReturnType<World['options']> {
  const options = world.options(more);
  const settings = { ...SETTINGS, ...options.settings, sandbox: 'require' as const };
  return { ...options, openSandbox: createSandbox({ paths: world.layout, settings, log: assert.fail }) };
}

/** What JavaScript prints that the agent runs, as JSON. */
async function inside<T>(world: World, code: string, options = confined(world)): Promise<T> {
  const turn = world.post([{ show: [process.execPath, '-e', code] }]);
  assert.equal(await runTurn(options), 'completed', JSON.stringify(world.events().at(-1)));
  const said = world.events().reduce((text, event) => (event.turn === turn && event.kind === 'text' ? text + event.delta : text), '');
  return JSON.parse(said) as T;
}

/** The orchestrator's socket, which says a word to whoever connects. */
async function listen(world: World, word: string): Promise<Server> {
  const { agentSocket, agentDoor } = world.layout;
  const server = createServer((client) => client.resume().end(word));
  await new Promise<void>((resolve) => void server.listen(agentSocket, resolve));
  mkdirSync(join(world.layout.run, 'agent'), { recursive: true });
  linkSync(agentSocket, `${agentDoor}.new`);
  renameSync(`${agentDoor}.new`, agentDoor);
  return server;
}

/** Waits for something of a turn; fails when the turn ends without it. */
async function meanwhile(world: World, ran: Promise<string>, holds: () => boolean): Promise<void> {
  const over = ran.then((status) => assert.fail(`the turn ended as ${status}: ${JSON.stringify(world.events().at(-1))}`));
  over.catch(() => undefined);
  await Promise.race([world.until(holds), over]);
}

const close = (server: Server): Promise<void> => new Promise((resolve) => void server.close(() => resolve()));

test('an agent in its sandbox reads nothing of the data directory, of other apps and of the machine, and writes nowhere else', async (t) => {
  const world = createWorld(t);
  const { layout } = world;
  const other = join(layout.data, '..', 'other-app');
  for (const folder of [other, join(layout.run, 'contract'), join(layout.repo, 'hooks'), layout.slot('a')])
    mkdirSync(folder, { recursive: true });
  const hidden = [
    layout.secrets,
    layout.journal,
    layout.previewKey,
    join(other, 'secrets.env'),
    join(layout.repo, 'hooks', 'post-receive'),
    join(layout.slot('a'), 'app.js'),
  ];
  for (const file of [...hidden, layout.contractCopy]) writeFileSync(file, PLANTED);
  execFileSync('git', ['-C', layout.repo, 'config', 'planted.value', PLANTED]);
  const read = [...hidden, layout.transcript, layout.agentTurn, '/etc/shadow', '/var/lib/dpkg/status', '/proc/1/environ'];
  const written = [
    layout.data,
    layout.run,
    layout.agent,
    join(layout.agent, 'git'),
    join(layout.run, 'contract'),
    layout.repo,
    '/',
    '/etc',
    '/usr',
    '/home',
  ];
  const answer = await inside<Record<string, unknown>>(
    world,
    `const fs = require('fs'), { join } = require('path');
    const attempt = (work) => { try { return work() ?? 'done'; } catch (error) { return error.code; } };
    const all = (paths, work) => Object.fromEntries(paths.map((path) => [path, attempt(() => work(path))]));
    fs.symlinkSync(${JSON.stringify(layout.secrets)}, 'leak');
    console.log(JSON.stringify({
      read: all(${JSON.stringify(read)}, (path) => fs.readFileSync(path, 'utf8').slice(0, 40)),
      written: all(${JSON.stringify(written)}, (path) => fs.writeFileSync(join(path, 'new-file'), '')),
      leak: attempt(() => fs.readFileSync('leak', 'utf8')),
      contract: fs.readFileSync(process.env.GREENROOM_CONTRACT, 'utf8'),
      contractWritten: attempt(() => fs.writeFileSync(process.env.GREENROOM_CONTRACT, 'other')),
      config: fs.readFileSync(${JSON.stringify(join(layout.repo, 'config'))}, 'utf8'),
      signal: attempt(() => process.kill(${process.pid}, 0)),
      processes: fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length,
      rights: fs.readFileSync('/proc/self/status', 'latin1').match(/CapEff:\\s*(\\w+)/)[1],
      sockets: fs.readdirSync(${JSON.stringify(layout.run)}).sort(),
      home: attempt(() => fs.writeFileSync(join(process.env.HOME, 'note'), 'kept')),
      temporary: attempt(() => fs.writeFileSync(join(require('os').tmpdir(), 'note'), '')),
    }));`,
  );
  for (const [path, said] of Object.entries(answer['read'] as object)) {
    if (path !== '/proc/1/environ') assert.ok(said === 'ENOENT' || said === 'EACCES', `${path}: ${said}`);
    else assert.ok(!String(said).includes(PLANTED));
  }
  for (const [path, said] of Object.entries(answer['written'] as object)) assert.match(String(said), /^(EROFS|EACCES|ENOENT)$/, path);
  assert.ok(!JSON.stringify({ ...answer, contract: '' }).includes(PLANTED));
  assert.deepEqual(
    [answer['leak'], answer['contract'], answer['contractWritten'], answer['signal'], answer['rights']],
    ['ENOENT', PLANTED, 'EROFS', 'ESRCH', '0000000000000000'],
  );
  assert.deepEqual(answer['sockets'], ['agent', 'agent-git', 'agent.sock', 'contract']);
  assert.deepEqual([answer['home'], answer['temporary']], ['done', 'done']);
  assert.equal(readFileSync(join(layout.data, 'agent-home', 'note'), 'utf8'), 'kept');
  // The first of the namespace, ours, the agent and what it runs.
  assert.ok((answer['processes'] as number) <= 4, `${answer['processes']} processes`);
});

test('git and the way to the orchestrator work in the sandbox, over a restart of it too', async (t) => {
  const world = createWorld(t);
  const { layout } = world;
  const first = await listen(world, 'first');
  const done = join(world.memory, 'restarted');
  const ask = `require('net').connect(process.env.GREENROOM_AGENT_SOCKET).on('data', (word) => console.log(String(word))).on('error', (error) => console.log(error.code))`;
  world.post([
    { show: [process.execPath, '-e', ask] },
    { waitFor: done },
    { show: [process.execPath, '-e', ask] },
    { show: ['sh', '-c', 'git fetch -q origin && git log -1 --format=%s origin/later'] },
    { commit: 'Say two', file: 'app.js' },
  ]);
  const ran = runTurn(confined(world));
  await meanwhile(world, ran, () => world.said() !== '');
  await close(first);
  const second = await listen(world, 'second');
  t.after(() => close(second));
  execFileSync('git', ['-C', layout.repo, 'update-ref', 'refs/remotes/origin/later', 'refs/heads/main']);
  writeFileSync(done, '');
  assert.equal(await ran, 'completed');
  assert.equal(world.said(), 'first\nsecond\nBegin\n');
  assert.ok(world.events().some((event) => event.kind === 'commit'));
});

test('a turn that is cancelled leaves nothing of its sandbox, and what had to be ended is named', async (t) => {
  const world = createWorld(t);
  const told = join(world.memory, 'told');
  const polite = [
    process.execPath,
    '-e',
    `process.on('SIGTERM', () => { require('fs').writeFileSync('${told}', ''); process.exit(); }); setTimeout(() => {}, 600000); console.log('on')`,
  ];
  const turn = world.post([
    { leave: sleeper },
    { leave: polite, escape: true },
    { say: 'ready' },
    { show: ['sleep', '0.3'] },
    { hang: true },
  ]);
  const ran = runTurn(confined(world));
  await meanwhile(world, ran, () => /ready/.test(world.said()));
  world.transcript.request(turn, { kind: 'cancel', by: 'Ada' });
  assert.equal(await ran, 'cancelled');
  assert.deepEqual(processesOf(turn), []);
  assert.ok(world.events().some((event) => event.kind === 'notice' && /left running.*setTimeout/.test(event.text)));
  assert.equal(readFileSync(told, 'utf8'), '', 'it was asked to end before it was killed');
});

test('a runner that is killed takes the sandbox and all in it along', async (t) => {
  const world = createWorld(t);
  writeContract(world, { sandbox: 'require' });
  const turn = world.post([{ leave: sleeper, escape: true }, { say: 'ready' }, { hang: true, deaf: true }]);
  const runner = spawnRunner(world);
  await world.until((event) => event.kind === 'text' && /ready/.test(world.said()));
  assert.ok(processesOf(turn).length >= 4);
  runner.kill();
  await runner.exited;
  await until(
    () => processesOf(turn).length === 0,
    () => `still there: ${processesOf(turn)}`,
  );
});

test('how an agent in a sandbox ended is said as without one', async (t) => {
  const world = createWorld(t);
  world.post([{ exit: 7 }]);
  assert.equal(await runTurn(confined(world)), 'failed');
  assert.match(JSON.stringify(world.events().at(-1)), /it exited with code 7/);
});

test('a machine that can make no sandbox: `require` does not work without, `auto` does and says what is missing', async (t) => {
  const world = createWorld(t);
  const missing = { PATH: world.memory };
  const path = process.env['PATH'];
  process.env['PATH'] = missing.PATH;
  t.after(() => (process.env['PATH'] = path));
  const log: string[] = [];
  const open = async (sandbox: 'auto' | 'require'): Promise<unknown> => {
    const settings = { ...SETTINGS, sandbox };
    const { agent } = world.options();
    assert.ok(agent.ok);
    return await createSandbox({ paths: world.layout, settings, log: (line) => void log.push(line) })({ agent: agent.agent, env: {} });
  };
  assert.deepEqual(await open('auto'), { layers: [], sandboxed: false, env: {} });
  assert.match(
    log.join(),
    /^The agent works without a sandbox, because bubblewrap is not installed\. Install it: apt-get install bubblewrap/,
  );
  assert.match(JSON.stringify(await open('require')), /"agent\.sandbox\\" is \\"require\\"\), and bubblewrap is not installed/);
});

test('a user without rights makes a sandbox too', { skip: process.getuid?.() !== 0 && 'is what runs already' }, async () => {
  const nobody = await findUser({ user: 'nobody' });
  assert.ok(typeof nobody !== 'string');
  assert.deepEqual(await trySandbox([asUser(nobody)]), { ok: true });
});
