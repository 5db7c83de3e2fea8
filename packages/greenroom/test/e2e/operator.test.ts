import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import type { ReconcileAnswer } from '@greenroom/sdk/wire';
import { git } from '../../../../bench/harness/repo.ts';
import { openRig, until } from './rig.ts';

test('what only the operator may do, against the real orchestrator', async (t) => {
  const rig = await openRig(t, { contract: { protected_paths: ['locked.txt'] } });
  const agent = createClient({ socket: join(rig.data, 'run', 'agent.sock') });
  await rig.live(rig.commit({ name: 'first' }));
  await rig.live(rig.commit({ name: 'second' }));
  const run = async (...args: string[]): Promise<string> => {
    const { code, output } = await rig.cli(args);
    assert.equal(code, 0, output);
    return output;
  };

  await t.test('a freeze stops the agent, or everybody; a rollback works meanwhile, and thaw lifts it', async () => {
    await run('freeze', '--reason', 'sale until Monday');
    const commit = rig.commit({ name: 'frozen' });
    const byAgent = await agent.deploy({ commit });
    assert.ok(!byAgent.success && byAgent.code === 'frozen', JSON.stringify(byAgent));
    assert.match(byAgent.error, /sale until Monday/);
    await rig.live(commit);
    await run('freeze', '--all', '--reason', 'database move');
    const next = rig.commit({ name: 'next' });
    await rig.refused({ commit: next }, { code: 'frozen', error: /database move/ });
    assert.match(await run('status'), /frozen +all deploys, .*: database move/);
    await run('rollback', '--reason', 'still possible');
    await rig.kill();
    await rig.start();
    assert.equal((await rig.status()).freeze?.scope, 'all', 'forgotten by a restart');
    await run('thaw', '--reason', 'moved');
    assert.equal((await rig.status()).freeze, null);
    await rig.live(next);
  });

  await t.test('an override lets one refusal of one commit pass, once', async () => {
    const commit = rig.commit({ name: 'locked' }, { 'locked.txt': 'changed' });
    await rig.refused({ commit }, { code: 'gate_protected_path', step: 'gate' });
    await run('override', commit.slice(0, 12), '--code', 'gate_diff_lines', '--reason', 'another rule');
    await rig.refused({ commit }, { code: 'gate_protected_path', step: 'gate' });
    await run('override', commit.slice(0, 12), '--code', 'gate_protected_path', '--reason', 'agreed with Ann');
    assert.match(await run('status'), /may pass gate_protected_path, .*: agreed with Ann/);
    await rig.live(commit);
    assert.deepEqual((await rig.status()).overrides, [], 'used up');
    await run('rollback');
    await rig.refused({ commit }, { code: 'gate_protected_path', step: 'gate' });
  });

  await t.test('neither the agent nor a caller of the port may do any of it', async () => {
    for (const client of [agent, rig.client]) {
      const refused = [
        await client.freeze({ reason: 'r' }),
        await client.thaw(),
        await client.override({ commit: 'main', code: 'gate_secret', reason: 'r' }),
        await client.reconcile({ dry_run: true }),
        await client.pullRequest(),
        await client.approve({ id: 'any', by: 'me' }),
        await client.deny({ id: 'any', by: 'me' }),
      ];
      assert.deepEqual(
        refused.map((it) => !it.success && it.code),
        Array(7).fill('forbidden'),
      );
    }
    assert.equal((await rig.status()).freeze, null);
  });

  await t.test('reconcile --dry-run lists what it finds and leaves it; reconcile acts', async () => {
    git(rig.repo, 'reset', '-q', '--hard', (await rig.status()).live_commit);
    await rig.live(rig.commit({ name: 'by hand' }));
    const head = rig.commit({ name: 'missed' });
    const before = (await rig.status()).live_commit;
    const { drift } = JSON.parse(await run('reconcile', '--dry-run', '--json')) as ReconcileAnswer;
    assert.deepEqual(
      drift.map((it) => [it.name, it.action]),
      [['human_ahead', 'deploy']],
    );
    assert.match(await run('reconcile', '--dry-run'), /human_ahead +deploy +/);
    assert.deepEqual([(await rig.status()).live_commit, (await rig.status()).drift], [before, []]);
    assert.match(await run('reconcile'), /human_ahead/);
    await until(
      async () => (await rig.status()).live_commit === head,
      () => 'the missed commit live',
    );
    assert.match(await run('reconcile'), /Everything is as it should be/);
  });

  await t.test('pr without GitHub says so', async () => {
    const { code, output } = await rig.cli(['pr']);
    assert.equal(code, 1);
    assert.match(output, /GitHub is not configured/);
  });
});
