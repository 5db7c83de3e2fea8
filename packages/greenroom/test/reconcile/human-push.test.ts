import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { AttemptView } from '@greenroom/sdk/wire';
import type { Alert } from '../../src/orchestrator/core/alert.ts';
import { initialState, type State } from '../../src/orchestrator/core/state.ts';
import type { MergedState } from '../../src/orchestrator/ports.ts';
import { createHumanPush } from '../../src/orchestrator/runner/human-push.ts';

const [LIVE, HEAD, MERGE, AGENT] = ['1'.repeat(40), '2'.repeat(40), '3'.repeat(40), '4'.repeat(40)];

interface World {
  policy: 'deploy' | 'merge' | 'notify';
  /** Pairs of a commit and what it contains. */
  contains?: [string, string][];
  merged?: Partial<MergedState>;
  merge?: string | null;
  state?: Partial<State>;
  trigger?: AttemptView['trigger'];
}

/** The policies over a repository that is only what the test says of it; the real one is in the end-to-end tests. */
function world({ policy, contains = [], merged = {}, merge = MERGE, state = {}, trigger = 'manual' }: World) {
  const asked: string[] = [];
  const alerts: Alert[] = [];
  const current: State = {
    ...initialState(),
    live: { commit: LIVE, slot: 'a', instance: 'i', attempt: 'd', served_at: 0 },
    ...state,
  };
  const humanPush = createHumanPush({
    policy,
    humanBranch: 'main',
    agentBranch: 'machine',
    runner: { state: () => current, history: () => new Map([['d', { id: 'd', trigger, branch: '' } as AttemptView]]) },
    service: {
      async ask(ask) {
        asked.push(`${ask.commit} by ${ask.trigger}`);
        current.queue.push({ ...ask, id: `q${asked.length}`, at: 0, overtaken: 0 });
        return { id: `q${asked.length}`, outcome: new Promise(() => undefined) };
      },
    },
    repo: { contains: async (commit, part) => contains.some(([a, b]) => a === commit && b === part), merge: async () => merge },
    branches: { mergedState: async () => ({ state: 'unmerged', by: '', through: '', unmerged: [AGENT], publishedLags: false, ...merged }) },
    alert: (alert) => alerts.push(alert),
    log: () => undefined,
  });
  return { humanPush, asked, alerts };
}

const agentIsLive: [string, string][] = [[LIVE, AGENT]];

it('deploy: the head is deployed, whatever is live', async () => {
  const { humanPush, asked, alerts } = world({ policy: 'deploy', contains: agentIsLive });
  await humanPush.deploy(HEAD, 'webhook');
  assert.deepEqual([asked, alerts], [[`${HEAD} by webhook`], []]);
});

it('merge: a clean merge is deployed; without one the head is, with an alert', async () => {
  const clean = world({ policy: 'merge', contains: agentIsLive });
  await clean.humanPush.deploy(HEAD, 'reconcile');
  assert.deepEqual([clean.asked, clean.alerts], [[`${MERGE} by reconcile`], []]);
  const conflict = world({ policy: 'merge', contains: agentIsLive, merge: null });
  await conflict.humanPush.deploy(HEAD, 'webhook');
  assert.deepEqual(conflict.asked, [`${HEAD} by webhook`]);
  assert.deepEqual(
    conflict.alerts.map((it) => it.kind),
    ['merge_conflict'],
  );
});

it('notify: nothing is deployed, a person is told, and told when it is over', async () => {
  const { humanPush, asked, alerts } = world({ policy: 'notify', contains: agentIsLive });
  await humanPush.deploy(HEAD, 'webhook');
  humanPush.untell();
  assert.deepEqual(asked, []);
  assert.deepEqual(
    alerts.map((it) => [it.key, it.resolved ?? false]),
    [
      ['human_push', false],
      ['human_push', true],
    ],
  );
  assert.match(alerts[0]?.title ?? '', /main is at 2222222222/);
});

for (const policy of ['merge', 'notify'] as const) {
  const harmless: [string, Omit<World, 'policy'>][] = [
    ['the head contains what is live', { contains: [...agentIsLive, [HEAD, LIVE]] }],
    ['it is in the head by content', { contains: agentIsLive, merged: { state: 'merged' } }],
    ['the agent has no branch', { merged: { state: 'none', unmerged: [] } }],
    ['its work is not live', {}],
    ['nothing is live', { state: { live: null } }],
  ];
  for (const [name, rest] of harmless) {
    it(`${policy}: the head is deployed when no work of the agent goes: ${name}`, async () => {
      const { humanPush, asked, alerts } = world({ policy, ...rest });
      await humanPush.deploy(HEAD, 'webhook');
      assert.deepEqual([asked, alerts], [[`${HEAD} by webhook`], []]);
    });
  }
  it(`${policy}: a live commit that the agent has taken off its branch is still the agent's`, async () => {
    const { humanPush, asked } = world({ policy, trigger: 'agent' });
    await humanPush.deploy(HEAD, 'webhook');
    assert.notDeepEqual(asked, [`${HEAD} by webhook`]);
  });
}

it('prompts about one head, at the same time and later, are one deploy, also of a merge', async () => {
  for (const policy of ['deploy', 'merge'] as const) {
    const { humanPush, asked } = world({ policy, contains: agentIsLive });
    await Promise.all([humanPush.deploy(HEAD, 'webhook'), humanPush.deploy(HEAD, 'reconcile'), humanPush.deploy(HEAD, 'webhook')]);
    await humanPush.deploy(HEAD, 'reconcile');
    assert.equal(asked.length, 1);
  }
});

it('a prompt deploys nothing that the loop would leave alone', async () => {
  const reasons: Partial<State>[] = [
    { quarantine: [HEAD] },
    { failed_commits: [HEAD] },
    { settled_head: HEAD },
    { freeze: { scope: 'all', reason: 'r', caller: 'c', at: 0 } },
  ];
  for (const state of reasons) {
    const { humanPush, asked } = world({ policy: 'deploy', state });
    await humanPush.deploy(HEAD, 'webhook');
    assert.deepEqual(asked, [], JSON.stringify(state));
  }
  const contained = world({ policy: 'deploy', contains: [[LIVE, HEAD]] });
  await contained.humanPush.deploy(HEAD, 'webhook');
  await contained.humanPush.deploy('', 'webhook');
  await contained.humanPush.deploy(LIVE, 'webhook');
  assert.deepEqual(contained.asked, []);
});
