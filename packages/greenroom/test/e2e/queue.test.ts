import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import { git } from '../../../../bench/harness/repo.ts';
import { openRig, type Rig, until, visitAllTheTime } from './rig.ts';

/** A deploy that is under way until its app listens; what is asked for meanwhile has to wait. */
async function busy(rig: Rig, commit: string): Promise<{ done: Promise<unknown> }> {
  const done = rig.client.deploy({ commit });
  await until(
    async () => (await rig.status()).attempt?.steps.some((it) => it.step === 'probe' && it.status === 'running') ?? false,
    () => 'the probe',
  );
  return { done };
}

const SLOW = { name: 'busy', listensAfterMs: 1_500 };

test('one attempt at a time, in the right order', async (t) => {
  const rig = await openRig(t);
  const agent = createClient({ socket: join(rig.data, 'run', 'agent.sock') });
  await rig.live(rig.commit({ name: 'start' }));
  const startedOf = async (id: string | undefined): Promise<string> => (await rig.client.attempt(String(id)))?.started_at ?? '';

  await t.test('two deploys at once: both go live, one after the other, and nobody notices', async () => {
    const visits = visitAllTheTime(rig);
    const commits = ['x', 'y'].map((name) => rig.commit({ name }));
    const [x, y] = await Promise.all(commits.map((commit) => rig.client.deploy({ commit })));
    assert.deepEqual(await visits.end(), []);
    assert.ok(x?.success && y?.success, JSON.stringify([x, y]));
    const views = await Promise.all([x, y].map((it) => rig.client.attempt(String('id' in it ? it.id : ''))));
    const [first, second] = views.sort((one, other) => (one?.started_at ?? '').localeCompare(other?.started_at ?? ''));
    assert.ok((first?.finished_at ?? '') <= (second?.started_at ?? ''), 'they overlapped');
    assert.equal(second?.previous_commit, first?.commit);
    assert.equal((await rig.status()).live_commit, second?.commit);
  });

  await t.test('a newer deploy of the same branch takes the place of one that waits', async () => {
    const slow = rig.commit(SLOW);
    const last = rig.commit({ name: 'last' });
    const { done } = await busy(rig, slow);
    const older = rig.client.deploy({ branch: 'main' });
    await until(
      async () => (await rig.status()).queue.length === 1,
      () => 'the first in the queue',
    );
    const newer = rig.client.deploy({ branch: 'main' });
    const refused = await older;
    assert.ok(!refused.success && refused.code === 'superseded', JSON.stringify(refused));
    assert.match(refused.error, /newer deploy of branch main/);
    await done;
    const winner = await newer;
    assert.ok(winner.success && 'commit' in winner && winner.commit === last, JSON.stringify(winner));
  });

  await t.test("a person's deploy goes before an agent's that waits", async () => {
    const slow = rig.commit(SLOW);
    git(rig.repo, 'branch', '-f', 'machine');
    const { done } = await busy(rig, slow);
    const machine = agent.deploy({ branch: 'machine', trigger: 'manual' });
    await until(
      async () => (await rig.status()).queue.length === 1,
      () => 'the agent in the queue',
    );
    assert.equal((await rig.status()).queue[0]?.trigger, 'agent');
    const person = rig.client.deploy({ branch: 'main' });
    const [byAgent, byPerson] = await Promise.all([machine, person, done]);
    assert.ok(byAgent.success && byPerson.success && 'id' in byAgent && 'id' in byPerson, JSON.stringify([byAgent, byPerson]));
    assert.ok((await startedOf(byPerson.id)) < (await startedOf(byAgent.id)));
  });

  await t.test('a stop refuses what waits and what is not promoted, and says so', async () => {
    const { live_commit } = await rig.status();
    const hanging = rig.client.deploy({ commit: rig.commit({ neverListens: true }) });
    await until(
      async () => (await rig.status()).attempt?.steps.some((it) => it.step === 'probe' && it.status === 'running') ?? false,
      () => 'the probe',
    );
    const waiting = rig.client.deploy({ branch: 'machine' });
    await until(
      async () => (await rig.status()).queue.length === 1,
      () => 'the queue',
    );
    const [one, other, code] = await Promise.all([hanging, waiting, rig.stop()]);
    assert.ok(!one.success && one.code === 'shutting_down', JSON.stringify(one));
    assert.ok(!other.success && other.code === 'shutting_down', JSON.stringify(other));
    assert.equal(code, 0);
    await rig.start();
    assert.equal((await rig.status()).live_commit, live_commit);
    assert.equal((await rig.status()).healthy, true);
  });
});
