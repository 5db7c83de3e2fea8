import assert from 'node:assert/strict';
import { symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { git } from '../../../../bench/harness/repo.ts';
import { askToFetch, createWorkspace } from '../../src/agent/workspace.ts';
import { until } from '../e2e/rig.ts';
import { openReconcileRig } from './rig.ts';

test('a conflict that the agent gave up on is alerted about once, at the end of the turn, and over when it is merged', {
  timeout: 60_000,
}, async (t) => {
  const rig = await openReconcileRig(t, { contract: { agent: {}, on_human_push: 'notify' } });
  const { layout } = rig;
  assert.ok((await rig.client.deploy({ branch: 'main' })).success);
  const workspace = createWorkspace({
    paths: layout,
    humanBranch: 'main',
    agentBranch: 'machine',
    author: { name: 'An agent', email: 'agent@example.invalid' },
    refresh: () => askToFetch(layout.agentSocket, 'main'),
  });
  const conflicts = (): string[] => rig.alerted().filter((kind) => kind.endsWith('merge_conflict'));
  const turn = async (id: string): Promise<string | undefined> => {
    const prepared = await workspace.prepare({ conversation: 'c1', turn: id });
    assert.ok(prepared.ok);
    assert.ok(!prepared.notes.some(({ text }) => /could not/.test(text)), JSON.stringify(prepared.notes));
    return prepared.firstTask;
  };

  assert.equal(await turn('t1'), undefined);
  rig.work({ name: 'of the agent' });
  await workspace.close({ conversation: 'c1', turn: 't1' });
  // Nobody has told the orchestrator of the push: it asks the remote because the turn begins.
  const human = rig.push({ name: 'of a person' });
  assert.match((await turn('t2')) ?? '', new RegExp(`git merge ${human}`));
  await workspace.close({ conversation: 'c1', turn: 't2' });
  await until(() => conflicts().length > 0, rig.log);
  const { body } = rig.alerts.received.find((it) => it.body['kind'] === 'merge_conflict') ?? { body: {} };
  assert.match(
    JSON.stringify(body),
    new RegExp(`gave up merging main \\(${human.slice(0, 10)}\\) into machine.*behaviour\\.json.*conversation c1`),
  );

  await rig.reconcile();
  await turn('t3');
  await workspace.close({ conversation: 'c1', turn: 't3' });
  await rig.reconcile();
  assert.deepEqual(conflicts(), ['merge_conflict']);

  const second = rig.push({ name: 'of a person again' });
  await turn('t4');
  await workspace.close({ conversation: 'c1', turn: 't4' });
  await until(() => conflicts().length > 1, rig.log);

  git(layout.workspace, 'merge', '-q', '-s', 'ours', '-m', 'Resolve', second);
  await rig.reconcile();
  await until(() => conflicts().length > 2, rig.log);
  assert.deepEqual(conflicts(), ['merge_conflict', 'merge_conflict', '-merge_conflict']);

  // What a hostile agent may leave there is worth nothing.
  for (const report of [
    '{',
    '{"version":1}',
    JSON.stringify({ version: 1, human_commit: second, conversation: 'c1' }),
    'x'.repeat(100_000),
  ]) {
    writeFileSync(layout.agentReport, report);
    await rig.reconcile();
  }
  unlinkSync(layout.agentReport);
  symlinkSync('/dev/zero', layout.agentReport);
  await rig.reconcile();
  assert.equal(conflicts().length, 3);
});
