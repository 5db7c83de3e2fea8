import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createClient, type GreenroomClient } from '@greenroom/sdk/client';
import { commitFiles, git } from '../../../../bench/harness/repo.ts';
import { type Behaviour, openRig, type Rig, until } from './rig.ts';

interface AgentAtWork {
  rig: Rig;
  client: GreenroomClient;
  commit(behaviour: Behaviour, files?: Record<string, string>): string;
  /** Head of the agent's branch in the operator's repository; empty when it has none. */
  published(): string;
}

/** A live release, and an agent with a workspace of its own. */
async function agentAtWork(t: TestContext, contract: Record<string, unknown>): Promise<AgentAtWork> {
  const rig = await openRig(t, { contract: { health_timeout_ms: 2_000, ...contract } });
  await rig.live(rig.commit({ name: 'first' }));
  const workspace = join(rig.data, 'workspace');
  git(rig.root, 'clone', '-q', rig.repo, workspace);
  git(workspace, 'checkout', '-q', '-b', 'machine');
  return {
    rig,
    client: createClient({ socket: join(rig.data, 'run', 'agent.sock') }),
    commit: (behaviour, files = {}) => commitFiles(workspace, { ...files, 'behaviour.json': JSON.stringify(behaviour) }, 'Change'),
    published: () => git(rig.repo, 'for-each-ref', '--format=%(objectname)', 'refs/heads/machine'),
  };
}

test('push_before_promotion: what the gate let pass is pushed before it is live, and never what it refused', async (t) => {
  const { rig, client, commit, published } = await agentAtWork(t, { push_before_promotion: true, protected_paths: ['locked.txt'] });
  const live_commit = commit({ name: 'of the agent' });
  const live = await client.deploy({ branch: 'machine' });
  assert.ok(live.success, JSON.stringify(live));

  const failing = commit({ neverListens: true });
  const answer = client.deploy({ branch: 'machine' });
  await until(
    () => published() === failing,
    () => 'the candidate at the remote',
  );
  assert.equal((await rig.status()).live_commit, live_commit);
  const failed = await answer;
  assert.ok(!failed.success && failed.code === 'health_timeout', JSON.stringify(failed));

  commit({ name: 'refused' }, { 'locked.txt': 'x' });
  const refused = await client.deploy({ branch: 'machine' });
  assert.ok(!refused.success && refused.code === 'gate_protected_path', JSON.stringify(refused));
  assert.equal(published(), failing);
  // What is published is ahead of what is live, and behind the workspace: nothing that is live waits to be pushed.
  const { code, output } = await rig.cli(['reconcile', '--dry-run']);
  assert.equal(code, 0, output);
  assert.doesNotMatch(output, /unpublished/);
});

test('push_before_promotion: neither a remote that refuses nor one that hangs keeps a commit from going live', async (t) => {
  const { rig, client, commit, published } = await agentAtWork(t, { push_before_promotion: true });
  const hook = join(rig.repo, '.git', 'hooks', 'pre-receive');
  const asked = join(rig.root, 'asked');
  const go = join(rig.root, 'go');
  const setHook = (script: string): void => {
    writeFileSync(hook, `#!/bin/sh\n${script}\n`);
    chmodSync(hook, 0o755);
  };
  const log = (): string => readFileSync(rig.logFile, 'utf8');

  setHook('echo not today; exit 1');
  const first = commit({ name: 'refused by the remote' });
  const one = await client.deploy({ branch: 'machine' });
  assert.ok(one.success, JSON.stringify(one));
  assert.equal((await rig.status()).live_commit, first);
  await until(
    () => /Before its promotion: The remote refused machine.*not today/.test(log()),
    () => log(),
  );
  assert.equal(published(), '');

  setHook(`touch '${asked}'; until [ -e '${go}' ] || [ ! -d '${rig.root}' ]; do sleep 0.05; done`);
  const second = commit({ name: 'the remote hangs' });
  const two = await client.deploy({ branch: 'machine' });
  assert.ok(two.success, JSON.stringify(two));
  assert.equal((await rig.status()).live_commit, second);
  await until(
    () => existsSync(asked),
    () => 'the push',
  );
  writeFileSync(go, '');
  await until(
    () => published() === second,
    () => 'the push made',
  );
  rmSync(hook);
});

test('without push_before_promotion a commit is pushed when it is live', async (t) => {
  const { client, commit, published } = await agentAtWork(t, {});
  commit({ neverListens: true });
  const failed = await client.deploy({ branch: 'machine' });
  assert.ok(!failed.success, JSON.stringify(failed));
  assert.equal(published(), '');
  const good = commit({ name: 'good' });
  assert.ok((await client.deploy({ branch: 'machine' })).success);
  await until(
    () => published() === good,
    () => 'the live commit at the remote',
  );
});
