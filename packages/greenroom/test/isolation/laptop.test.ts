import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { asAttempts, haveAgentTry, install, targetsOf } from './attacks/installation.ts';
import { attacksInTurn, CONTROLS } from './attacks/table.ts';
import { openMachine } from './machine.ts';

const ROOT = process.getuid?.() === 0;

test('one user, without root: everything works, and what is said not to be isolated is not', {
  skip: !ROOT && 'needs root for a machine',
}, async (t) => {
  const machine = await openMachine(t);
  const home = join(machine.folder, 'ada');
  await machine.must('useradd', ['--create-home', '--home-dir', home, 'ada']);
  const users = await machine.must('getent', ['passwd']);
  const as = { user: 'ada', env: { HOME: home, GREENROOM_HOME: join(home, 'greenroom') } };
  const installation = await install(machine, {
    app: 'shop',
    home: join(home, 'greenroom'),
    agent: { sandbox: 'off' },
    as,
    prepare: async (own) => void (await machine.must('chown', ['-R', 'ada:ada', home, own])),
  });
  assert.equal(installation.said().match(/^.*Not isolated: .*$/gm)?.length, 1, installation.said());
  assert.equal(await machine.must('getent', ['passwd']), users);

  const targets = await targetsOf(machine, installation, installation.layout);
  const attacks = attacksInTurn(targets);
  const outcomes = await haveAgentTry(machine, installation, asAttempts(attacks), as);
  for (const { name, stopped_by, laptop } of attacks) {
    const outcome = outcomes[name] ?? '';
    if (laptop) assert.equal(outcome, 'done', `"${name}" does nothing even where nothing stands in its way`);
    else assert.match(outcome, CONTROLS[stopped_by].shows, `${name}: stopped by ${CONTROLS[stopped_by].what}, whoever it is`);
  }
});
