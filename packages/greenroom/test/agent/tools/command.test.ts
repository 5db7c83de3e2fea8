import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AttemptView } from '@greenroom/sdk/wire';
import { git } from '../../../../../bench/harness/repo.ts';
import { connect, greenroom, openDeadTools, openToolsRig, origins } from './rig.ts';

test('the command says what it can do, and what was wrong with what it was given', async (t) => {
  // A folder's name must not be able to end the launcher's quotes.
  const tools = await openDeadTools(t, `it's "$(touch pwned)" \`x\``);
  const help = await greenroom(tools, ['--help']);
  assert.equal(help.code, 0);
  for (const word of ['deploy', 'rollback', 'status', 'log', 'logs', 'diff', 'contract', 'Exit codes'])
    assert.match(help.stdout, new RegExp(word));
  assert.deepEqual(await greenroom(tools, []), help);
  const one = await greenroom(tools, ['deploy', '--help']);
  assert.match(one.stdout, /^greenroom deploy --reason TEXT \[--allow-uncommitted\] \[--json\]\n/);
  for (const [args, said] of [
    [['destroy'], /There is no command "destroy"/],
    [['deploy'], /--reason: /],
    [['deploy', '--reason', ''], /--reason: say why/],
    [['logs', '--lines', 'many'], /--lines: /],
    [['logs', '--lines', '1001'], /--lines: /],
    [['log', 'one', 'two'], /"two" is one word too many/],
    [['status', '--what'], /--what/],
  ] as const) {
    const { code, stdout, stderr } = await greenroom(tools, args);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    assert.match(stderr, said);
    assert.doesNotMatch(stderr, /\bat .*:\d+:\d+/, 'no stack trace');
  }
  const lost = await greenroom(tools, ['status'], { GREENROOM_TURN: '' });
  assert.equal(lost.code, 2);
  assert.match(lost.stderr, /within a turn of the agent only; GREENROOM_TURN must say where/);
});

test('an agent without MCP deploys, looks and rolls back by the command; one that starts its servers has the same tools', async (t) => {
  const rig = await openToolsRig(t);
  const tools = await rig.tools('turn-1');
  const { workspace } = rig.layout;
  const first = (await rig.status()).live_commit;
  const second = rig.work({ name: 'second', says: ['\u001b[2Jup'] });

  const deployed = await greenroom(tools, ['deploy', '--reason', 'second version']);
  assert.equal(deployed.code, 0, deployed.stderr + deployed.stdout);
  assert.match(deployed.stdout, new RegExp(`^Live: commit ${second.slice(0, 10)}`));
  assert.match(deployed.stderr, /probe…\n/);

  const list = await greenroom(tools, ['log', '--json']);
  const { attempts } = JSON.parse(list.stdout) as { attempts: AttemptView[] };
  assert.deepEqual([attempts[0]?.status, attempts[0]?.reason, attempts[0]?.caller], ['succeeded', 'second version', 'agent-socket']);
  const one = await greenroom(tools, ['log', attempts[0]?.id ?? '']);
  assert.match(one.stdout, /promote succeeded/);
  assert.match((await greenroom(tools, ['logs', '--lines', '3'])).stdout, /\nup\n/);

  const back = await greenroom(tools, ['rollback', '--reason', 'wanted', '--json']);
  assert.deepEqual([back.code, (JSON.parse(back.stdout) as { commit: string }).commit], [0, first]);
  // As a shell of the agent finds it.
  const shell = execFileSync('/bin/sh', ['-c', 'greenroom status'], {
    encoding: 'utf8',
    env: { ...tools.environment.variables, PATH: `${tools.environment.pathPrefix}:/usr/bin:/bin` },
  });
  assert.match(shell, new RegExp(`live: ${first.slice(0, 10)} in slot a`));
  assert.deepEqual(await origins(rig), ['conversation-1/turn-1', 'conversation-1/turn-1', '-']);

  await t.test('what the working copy has that the live version has not', async (t) => {
    const use = await connect(t, tools.mcpServer({ http: false, sse: false }));
    writeFileSync(join(workspace, 'server.cjs'), 'changed\u001b[31m\n');
    writeFileSync(join(workspace, 'new \u202efile'), 'x');
    const { text } = await use('diff_live');
    assert.match(text, /-{5} begin diff (\w+) \(data.*\n\+changed\n.*-{5} end diff \1 -{5}/s);
    assert.match(text, /git does not know yet:\n {2}new file$/);
    assert.match((await use('diff_live', { stat: true })).text, /behaviour\.json \| .*\n.*server\.cjs +\| /);
    assert.doesNotMatch((await use('diff_live', { path: 'behaviour.json' })).text, /server\.cjs/);
    assert.match((await use('diff_live', { path: '../..' })).text, /could not be made: .*outside repository/);
    writeFileSync(join(workspace, 'server.cjs'), 'a long line that fills the answer\n'.repeat(20_000));
    const long = await use('diff_live');
    assert.match(long.text, /was cut after 49152 bytes/);
    assert.ok(long.text.length < 60_000);
    git(workspace, 'checkout', '-q', '--', 'server.cjs');

    // The live commit is one that the working copy has never seen.
    const human = rig.commit({ name: 'human' });
    await rig.live(human);
    assert.match((await use('diff_live')).text, /-\{"name":"human"\}/);
    assert.equal(git(workspace, 'cat-file', '-t', human), 'commit');
  });
});
