import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { asAttempts, haveAgentTry, install, targetsOf } from './attacks/installation.ts';
import { attacksInTurn, attacksOn, surprises } from './attacks/table.ts';
import { openMachine } from './machine.ts';

const ROOT = process.getuid?.() === 0;

test('one user, without root: everything works, and what is said not to be isolated is not', {
  skip: !ROOT && 'needs root for a machine',
}, async (t) => {
  const machine = await openMachine(t);
  const home = join(machine.folder, 'ada');
  await machine.must('useradd', ['--create-home', '--home-dir', home, 'ada']);
  const users = await machine.must('getent', ['passwd']);
  const neighbour = layoutOf(join(home, 'greenroom', 'apps', 'neighbour'));
  const as = { user: 'ada', env: { HOME: home, GREENROOM_HOME: join(home, 'greenroom') } };
  const installation = await install(machine, {
    app: 'shop',
    home: join(home, 'greenroom'),
    agent: { sandbox: 'off' },
    as,
    async prepare(own) {
      mkdirSync(neighbour.workspace, { recursive: true });
      for (const file of [neighbour.secrets, neighbour.journal]) writeFileSync(file, 'of another app');
      await machine.must('chown', ['-R', 'ada:ada', home, own]);
    },
  });
  assert.equal(installation.said().match(/^.*Not isolated: .*$/gm)?.length, 1, installation.said());
  assert.equal(await machine.must('getent', ['passwd']), users);

  const targets = await targetsOf(machine, installation, neighbour);
  const attacks = attacksInTurn(targets);
  const { outcomes: unprotected } = await haveAgentTry(machine, installation, asAttempts(attacks), as);
  const [stopped, succeeding] = [attacks.filter(({ laptop }) => !laptop), attacks.filter(({ laptop }) => laptop)];
  const idle = succeeding.filter(({ name }) => unprotected[name] !== 'done').map(({ name }) => `${name}: ${unprotected[name]}`);
  assert.deepEqual(idle, [], 'nothing stands in their way here, and still they do nothing');
  assert.deepEqual(surprises(stopped, unprotected, 'outside'), []);

  const contract = JSON.parse(readFileSync(installation.contract, 'utf8'));
  writeFileSync(installation.contract, JSON.stringify({ ...contract, agent: { ...contract.agent, sandbox: 'require' } }));
  // The network is the machine's, also in there.
  const hidden = attacksOn(targets).filter(({ name }) => !/by the port|internal endpoints/.test(name));
  const { outcomes: sandboxed } = await haveAgentTry(machine, installation, asAttempts(hidden), as);
  assert.deepEqual(surprises(hidden, sandboxed, 'in the sandbox'), []);
});
