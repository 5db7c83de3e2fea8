import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { asUser } from '../../src/confine/as-user.ts';
import { confine } from '../../src/confine/command.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { until } from '../e2e/rig.ts';
import { asAttempts, HOSTILE, haveAgentTry, install, targetsOf } from './attacks/installation.ts';
import { type Attack, attacksInTurn, attacksOfApp, attacksOn, EXHAUSTIONS, LIMITS, surprises } from './attacks/table.ts';
import { type Machine, openMachine } from './machine.ts';

const ROOT = process.getuid?.() === 0;

test('a hostile agent on an isolated installation', { skip: !ROOT && 'needs root' }, async (t) => {
  const machine = await openMachine(t);
  const neighbour = layoutOf(join(machine.home, 'apps', 'neighbour'));
  const as = { user: 'gr-shop', capable: true };
  const installation = await install(machine, {
    app: 'shop',
    internal: 'run/internal.sock',
    home: machine.home,
    contract: { api_access: 'read', setup_command: 'setsid --fork env -i sleep 4242', limits: { agent: LIMITS } },
    agent: { approval: true, sandbox: 'require' },
    as,
    async prepare(own) {
      const contract = join(own, 'app.contract.json');
      const another = join(own, 'neighbour.contract.json');
      copyFileSync(contract, another);
      await isolate(machine, 'shop', own, contract);
      await machine.must('chown', ['-R', 'gr-shop:gr-shop', join(own, 'repo')]);
      mkdirSync(neighbour.data);
      for (const file of [neighbour.secrets, neighbour.journal]) writeFileSync(file, 'of another app', { mode: 0o600 });
      await isolate(machine, 'neighbour', own, another);
    },
  });
  const targets = await targetsOf(machine, installation, neighbour);
  const tryAs = async (user: string, attacks: readonly Attack[]): Promise<void> => {
    const outcomes = await runAs(machine, user, asAttempts(attacks));
    assert.deepEqual(surprises(attacks, outcomes, 'outside'), []);
  };

  await t.test('by what its dependencies leave running', async () => {
    const { stdout } = await machine.run('pgrep', ['-u', 'gr-shop-setup', '-a']);
    assert.equal(stdout, '', 'who may write the live slot runs on after setup');
  });
  await t.test('in a turn of the agent, in its sandbox', async () => {
    const attacks = [...attacksInTurn(targets), ...EXHAUSTIONS];
    const { outcomes, said } = await haveAgentTry(machine, installation, asAttempts(attacks), as);
    assert.deepEqual(surprises(attacks, outcomes, 'in the sandbox'), []);
    for (const limit of ['memory_mb', 'processes']) assert.match(said, new RegExp(`limits\\.agent\\.${limit}`));

    const { client, said: log } = installation;
    await until(
      async () => (await client.status()).attempt?.approval !== undefined,
      () => `what it deployed does not wait for a person: ${log()}`,
    );
    const { slots, attempt } = await client.status();
    assert.equal(attempt?.trigger, 'agent', 'a deploy of the agent, whatever it says');
    const candidate = slots.find(({ role }) => role === 'candidate');
    assert.ok(candidate);
    assert.equal(readFileSync(join(targets.layout.slot(candidate.slot), 'filtered.txt'), 'utf8'), 'as committed\nas committed\n');
    assert.equal(readFileSync(targets.witness, 'utf8'), '', 'others ran what the agent planted');
    const ran = new Set(readFileSync(join(targets.layout.workspace, '.git/planted.by'), 'utf8').trim().split('\n'));
    assert.deepEqual([...ran], ['gr-shop-agent']);
  });
  await t.test("with the rights of the agent's user", () => tryAs('gr-shop-agent', attacksOn(targets)));
  await t.test("with the rights of the app's user", () => tryAs('gr-shop-app', attacksOfApp(targets)));
});

async function isolate(machine: Machine, app: string, own: string, contract: string): Promise<void> {
  const [node, cli] = machine.command;
  await machine.must(node, [cli, 'init', join(own, 'repo'), '--app', app, '--contract', contract]);
  await machine.must(node, [cli, 'isolate', '--app', app]);
}

/** Tries it all in a process that has become the user as ours do. Answers what came of each attempt. */
async function runAs(machine: Machine, user: string, attempts: readonly object[]): Promise<Record<string, string>> {
  const [uid = 0, gid = 0] = (await machine.must('sh', ['-c', 'id -u "$1"; id -g "$1"', 'sh', user])).split('\n').map(Number);
  assert.ok(uid > 0 && gid > 0);
  const [program, list] = [join(machine.folder, 'hostile.py'), join(machine.folder, 'attempts.json')];
  writeFileSync(program, readFileSync(HOSTILE));
  writeFileSync(list, JSON.stringify(attempts));
  const { file, args } = confine({ file: 'python3', args: [program, list] }, [asUser({ uid, gid })]);
  return JSON.parse(await machine.must(file, args));
}
