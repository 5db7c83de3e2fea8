import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { HandOver } from '@greenroom/sdk/chat';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { isRunning, readStat } from '../../src/proc.ts';
import { openRig, pidOf, until } from './rig.ts';

/** The app starts a stand-in for a runner as carelessly as can be: as a child in its own group, with its own environment and log. */
const APP = `const { readFileSync } = require('node:fs');
const { spawn } = require('node:child_process');
const { createServer } = require('node:http');
const { dirname, join } = require('node:path');
const answer = (request, response) => {
  if (request.url === '/start') {
    const { data } = JSON.parse(readFileSync(join(dirname(process.env.GREENROOM_CONTRACT), 'greenroom.json'), 'utf8'));
    spawn(process.execPath, ['runner.cjs', 'agent-run', '--data', data], { stdio: 'inherit' });
  }
  response.end('ok');
};
createServer(answer).listen(process.env.PORT, '127.0.0.1');
createServer(answer).listen(process.env.INTERNAL_PORT, '127.0.0.1');
`;

/** Like a runner: names itself, and has an agent that has a shell in a session of its own. */
const RUNNER = `const { spawn } = require('node:child_process');
const { readFileSync, renameSync, writeFileSync } = require('node:fs');
const data = process.argv[4];
const agent = spawn('sh', ['-c', 'setsid sleep 1000 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
agent.stdout.on('data', (shell) => {
  const start_ticks = Number(readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[19]);
  const boot_id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const pids = [process.pid, agent.pid, Number(shell)];
  writeFileSync(data + '/run/turn.tmp', JSON.stringify({ pid: process.pid, start_ticks, boot_id, turn: 't', conversation: 'c', pids }));
  renameSync(data + '/run/turn.tmp', data + '/run/agent-turn.json');
});
`;

const isAlive = (pid: number): boolean => isRunning(readStat(pid));

test('an agent that the app started lives through deploys over it, a crash, and the end of the orchestrator', {
  timeout: 60_000,
}, async (t) => {
  let pids: number[] = [];
  // Before the rig looks for what was left behind.
  t.after(async () => {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    await until(
      () => !pids.some(isAlive),
      () => 'the agent does not end',
    );
  });
  const rig = await openRig(t, { contract: { start_command: 'node app.cjs', agent: { chat_path: '/chat' }, drain_timeout_ms: 1_000 } });
  const layout = layoutOf(join(rig.root, 'data'));
  const commit = (name: string): string => rig.commit({ name }, { 'app.cjs': APP, 'runner.cjs': RUNNER });
  await rig.live(commit('one'));

  const { command, ...rest } = JSON.parse(readFileSync(layout.handOver, 'utf8')) as HandOver;
  assert.deepEqual(rest, { version: 1, data: layout.data, app: 'shop', chat_path: '/chat', chat_socket: layout.chatAppSocket });
  const [program = '', ...words] = command;
  assert.match(execFileSync(program, [...words, '--version'], { encoding: 'utf8' }), /\d+\.\d+/);

  assert.equal((await rig.status()).agent.busy, false);
  await rig.visit('/start');
  await until(
    () => existsSync(layout.agentTurn),
    () => 'no runner',
  );
  pids = (JSON.parse(readFileSync(layout.agentTurn, 'utf8')) as { pids: number[] }).pids;
  const alive = (when: string): void => assert.deepEqual(pids.filter(isAlive), pids, when);
  assert.equal((await rig.status()).agent.busy, true);

  const first = pidOf(await rig.status());
  await rig.live(commit('two'));
  await until(
    () => !isAlive(first),
    () => 'the old instance does not end',
  );
  alive('after a deploy over it');
  await rig.live(commit('three'));
  await rig.client.rollback();

  process.kill(pidOf(await rig.status()), 'SIGKILL');
  await until(
    async () => (await rig.status()).healthy,
    () => 'the live release is not started again',
  );
  alive('after a crash');

  await rig.end('SIGKILL');
  await rig.start();
  alive('after the orchestrator was killed and has taken over');
  await rig.stop();
  alive('after the end of everything');
  rmSync(layout.agentTurn);
});
