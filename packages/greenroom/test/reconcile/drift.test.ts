import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { DRIFT_NAMES, type DriftName, type SchemaStatus } from '@greenroom/sdk/wire';
import { type Facts, findDrift, type Limits } from '../../src/orchestrator/core/drift.ts';
import { type Attempt, type Drift, initialState, type Queued, type State } from '../../src/orchestrator/core/state.ts';

const NOW = 1_770_000_000_000;
const [LIVE, HEAD, MERGE] = ['1'.repeat(40), '2'.repeat(40), '3'.repeat(40)];

const LIVE_A = { commit: LIVE, slot: 'a', instance: 'i1', attempt: 'd1', served_at: 0 } as const;

const LIMITS: Limits = { on_human_push: 'deploy', max_branch_divergence: 50, disk_threshold_percent: 90, alert_after_failures: 3 };

const QUIET: Facts = {
  human_head: LIVE,
  human_branch: 'main',
  human_target: LIVE,
  live_contains_human: true,
  live_has_agent_work: false,
  agent_branch: 'machine',
  agent_ahead: 0,
  agent_merged: false,
  reset_waits: '',
  unpublished: [],
  unhealthy: '',
  mismatch: '',
  changed: [],
  schema: null,
  disk_percent: 40,
  journal_problem: '',
};

const AHEAD: Partial<Facts> = { human_head: HEAD, human_target: HEAD, live_contains_human: false };

const request = { kind: 'deploy', branch: '', reason: '', trigger: 'webhook', caller: 'orchestrator', at: NOW } as const;

const queued = (commit: string): Queued => ({ ...request, id: 'q', commit, overtaken: 0 });

function attempt(commit: string, resolved = ''): Attempt {
  const rest = { reused: false, touched: false, waiting_for: [], candidate_exit: '', failure: null, candidate: null };
  return { ...request, ...rest, id: 't', commit, resolved, steps: ['resolve'], step: 'resolve', phase: 'running', slot: 'b' };
}

const schema = (current: number, changes: Partial<SchemaStatus> = {}): SchemaStatus => ({
  current_schema_version: current,
  code_min_schema_version: 5,
  code_max_schema_version: 8,
  pending_migrations: 0,
  compatible: current >= 5 && current <= 8,
  ...changes,
});
const says = (status: SchemaStatus): Partial<Facts> => ({ schema: { ok: true, status } });
const AT_5: Partial<State> = { live: { ...LIVE_A, schema: schema(5) } };

function stateOf(changes: Partial<State> = {}): State {
  return { ...initialState(), live: LIVE_A, ...changes };
}

const find = (facts: Partial<Facts>, state: Partial<State> = {}, limits: Partial<Limits> = {}): Drift[] =>
  findDrift({ ...QUIET, ...facts }, stateOf(state), { ...LIMITS, ...limits }, NOW);

describe('what is found', () => {
  const table: Record<DriftName, { facts?: Partial<Facts>; state?: Partial<State>; action: Drift['action']; says: RegExp }> = {
    human_ahead: { facts: AHEAD, action: 'deploy', says: /main is at 2222222222, which is not live; deploying it/ },
    agent_diverged: { facts: { agent_ahead: 51 }, action: 'alert', says: /machine has 51 commits .*max_branch_divergence is 50/ },
    machine_merged: { facts: { agent_merged: true }, action: 'reset', says: /machine has been merged; setting it to the head of main/ },
    live_unhealthy: { facts: { unhealthy: 'HTTP 503' }, action: 'alert', says: /1111111111 does not hold: HTTP 503/ },
    live_mismatch: { facts: { mismatch: 'Requests go to nothing.' }, action: 'alert', says: /Requests go to nothing/ },
    slot_changed: {
      facts: { changed: [{ slot: 'a', paths: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] }] },
      action: 'restore',
      says: /slot a: a, b, c, d, e and 2 more/,
    },
    schema_moved: { facts: says(schema(7)), state: AT_5, action: 'alert', says: /from schema version 5 to 7 since 1111111111 went live/ },
    schema_incompatible: { facts: says(schema(9)), action: 'alert', says: /1111111111 supports versions 5 to 8, .* at version 9/ },
    disk_pressure: { facts: { disk_percent: 90.4 }, action: 'clean', says: /90 % full \(disk_threshold_percent is 90\)/ },
    deploys_failing: { state: { consecutive_failures: 3 }, action: 'alert', says: /3 deploys in a row have failed/ },
    unpublished: { facts: { unpublished: ['branch machine', '2 reports'] }, action: 'publish', says: /branch machine; 2 reports/ },
    journal_damaged: { facts: { journal_problem: 'line 7 was changed' }, action: 'alert', says: /line 7 was changed/ },
  };
  for (const name of DRIFT_NAMES) {
    it(name, () => {
      const { facts = {}, state = {}, action, says } = table[name];
      const found = find(facts, state);
      assert.deepEqual(
        found.map((each) => [each.name, each.action, each.at]),
        [[name, action, NOW]],
      );
      assert.match(found[0]?.detail ?? '', says);
    });
  }

  it('nothing, when all is well and just below every limit', () => {
    assert.deepEqual(find({ agent_ahead: 50, disk_percent: 89.9 }, { consecutive_failures: 2 }), []);
  });

  it('all of it at once, each name once', () => {
    const facts = Object.assign({}, ...Object.values(table).map((it) => it.facts ?? {})) as Partial<Facts>;
    const names = find(facts, { ...AT_5, consecutive_failures: 3 }).map((each) => each.name);
    assert.deepEqual([...names].sort(), [...DRIFT_NAMES].sort());
  });

  it('each name is explained in the guide', () => {
    const guide = readFileSync(new URL('../../../../docs/guides/operations.md', import.meta.url), 'utf8');
    const explained = guide.split('\n').flatMap((line) => /^\| `(\w+)` \|/.exec(line)?.[1] ?? []);
    assert.deepEqual([...explained].sort(), [...DRIFT_NAMES].sort());
  });
});

describe('a schema that moved', () => {
  const previous = (min: number, max: number): Partial<State> => ({
    ...AT_5,
    previous: {
      commit: HEAD,
      slot: 'b',
      faulty: false,
      schema: schema(5, { code_min_schema_version: min, code_max_schema_version: max }),
    },
  });
  const detail = (name: DriftName, facts: Partial<Facts>, state: Partial<State> = {}): string =>
    find(facts, state).find((it) => it.name === name)?.detail ?? '';

  it('says whether there is still a way back', () => {
    assert.match(detail('schema_moved', says(schema(6)), previous(4, 6)), /A rollback to 2222222222 is still allowed\.$/);
    assert.match(
      detail('schema_moved', says(schema(7)), previous(4, 6)),
      /would be refused now\. The database is at version 7, and 2222222222 supports versions 4 to 6\./,
    );
    assert.match(detail('schema_moved', says(schema(7)), AT_5), /There is no release to roll back to/);
  });

  it('is nothing while the version is as it was, and over with the next promotion', () => {
    assert.deepEqual(find(says(schema(5)), AT_5), []);
    assert.deepEqual(find(says(schema(7)), { live: { ...LIVE_A, schema: schema(7) } }), []);
  });

  it('is trouble when the live release objects, or does not answer', () => {
    assert.match(detail('schema_incompatible', says(schema(6, { compatible: false }))), /says itself that it is not compatible/);
    assert.match(
      detail('schema_incompatible', { schema: { ok: false, problem: 'it answered status 500, not 200' } }),
      /does not say .*: it answered status 500/,
    );
  });
});

describe('time', () => {
  it('a finding keeps the time at which it was first made, also when its detail changes', () => {
    const earlier: Drift = { name: 'disk_pressure', detail: 'The disk is 91 % full', action: 'clean', at: NOW - 5_000 };
    assert.equal(find({ disk_percent: 95 }, { drift: [earlier] })[0]?.at, NOW - 5_000);
    assert.equal(find({ unhealthy: 'x' }, { drift: [earlier] })[0]?.at, NOW);
  });

  it('what cannot be told during an attempt stays as it was', () => {
    const drift: Drift[] = [
      { name: 'live_mismatch', detail: 'elsewhere', action: 'alert', at: 1 },
      { name: 'slot_changed', detail: 'changed', action: 'restore', at: 2 },
    ];
    assert.deepEqual(find({ mismatch: null, changed: null }, { drift }), drift);
    assert.deepEqual(find({ mismatch: null, changed: null }), []);
    assert.deepEqual(find({}, { drift }), []);
  });
});

describe('a head that is not live is left alone', () => {
  const frozen = (scope: 'all' | 'agent') => ({ freeze: { scope, reason: 'holidays', caller: 'operator-socket', at: 0 } });
  const byHand = <T extends Queued | Attempt>(asked: T, human_head = HEAD): T => ({ ...asked, trigger: 'manual', human_head });
  const waits: [string, Partial<State>, RegExp][] = [
    ['it was rolled back from', { quarantine: [HEAD] }, /rolled back from/],
    ['its deploy failed', { failed_commits: [HEAD] }, /failed, and it has not changed/],
    ['somebody chose another version when it was known', { settled_head: HEAD }, /by hand/],
    ['all deploys are frozen', frozen('all'), /frozen \(holidays\)/],
    ['its deploy is asked for', { attempt: attempt(HEAD) }, /under way/],
    ['its deploy was asked for by another name', { attempt: attempt('main', HEAD) }, /under way/],
    ['its deploy waits', { queue: [queued(HEAD)] }, /under way/],
    ['somebody deploys another version when it is known', { attempt: byHand(attempt(MERGE, MERGE)) }, /by hand/],
    ['somebody rolls back when it is known', { queue: [{ ...byHand(queued('')), kind: 'rollback' }] }, /by hand/],
  ];
  for (const [name, state, why] of waits) {
    it(name, () => {
      const [found, ...rest] = find(AHEAD, state);
      assert.deepEqual([found?.name, found?.action, rest.length], ['human_ahead', 'none', 0]);
      assert.match(found?.detail ?? '', why);
    });
    it(`${name}: the same holds for a merge that it leads to`, () => {
      const merged = JSON.parse(JSON.stringify(state).replaceAll(HEAD, MERGE)) as Partial<State>;
      const [found] = find({ ...AHEAD, human_target: MERGE }, why.source === 'by hand' ? state : merged);
      assert.equal(found?.action, 'none');
    });
  }

  const goesOn: [string, Partial<State>][] = [
    ['another commit was rolled back from', { quarantine: [MERGE] }],
    ['another commit failed', { failed_commits: [MERGE] }],
    ['another head was known', { settled_head: MERGE }],
    ['the agent is frozen', frozen('agent')],
    ['somebody deploys another version without knowing it', { attempt: byHand(attempt(MERGE), LIVE) }],
    ['its deploy by the agent waits for approval: the push is one', { attempt: { ...attempt(HEAD, HEAD), phase: 'waiting' } }],
    ['something else is being deployed', { attempt: attempt(MERGE, MERGE), queue: [queued(MERGE)] }],
  ];
  for (const [name, state] of goesOn) {
    it(`but not because ${name}`, () => {
      assert.equal(find(AHEAD, state)[0]?.action, 'deploy');
    });
  }

  it('until a person decides, with the policy notify, and only while work of the agent is live', () => {
    const notify = { on_human_push: 'notify' } as const;
    assert.equal(find({ ...AHEAD, live_has_agent_work: true }, {}, notify)[0]?.action, 'alert');
    assert.equal(find(AHEAD, {}, notify)[0]?.action, 'deploy');
    assert.equal(find({ ...AHEAD, live_has_agent_work: true })[0]?.action, 'deploy');
    assert.equal(find({ ...AHEAD, live_has_agent_work: true }, { failed_commits: [HEAD] }, notify)[0]?.action, 'none');
  });

  it('and it is nothing to speak of when it is live, contained, unknown, or nothing is live yet', () => {
    assert.deepEqual(find({ ...AHEAD, human_head: LIVE }), []);
    assert.deepEqual(find({ ...AHEAD, live_contains_human: true }), []);
    assert.deepEqual(find({ ...AHEAD, human_head: '' }), []);
    assert.deepEqual(find(AHEAD, { live: null }), []);
  });
});

it('a reset that has to wait says why, and is tried again', () => {
  const [found] = find({ agent_merged: true, reset_waits: 'The agent is working; its branch is reset when it is done.' });
  assert.deepEqual(
    [found?.action, found?.detail],
    ['reset', 'machine has been merged. The agent is working; its branch is reset when it is done.'],
  );
});
