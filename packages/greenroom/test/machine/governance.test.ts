import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Command } from '../../src/orchestrator/core/commands.ts';
import type { AliveInstance, MachineEvent, NewEvent } from '../../src/orchestrator/core/events.ts';
import { FAILED_COMMITS_KEPT } from '../../src/orchestrator/core/machine/governance.ts';
import { transition } from '../../src/orchestrator/core/machine.ts';
import { initialState, type Policy, type Request, type State } from '../../src/orchestrator/core/state.ts';

const START = 1_770_000_000_000;
const HOUR = 3_600_000;

/** The machine with a clock, so that a test reads as a story. */
function story(policy: Partial<Policy> = {}): {
  tell(event: NewEvent): Command[];
  ask(id: string, more?: Partial<Request>): string;
  succeed(id: string, commit: string): void;
  fail(id: string, commit: string): void;
  wait(ms: number): void;
  state(): State;
} {
  let state: State = { ...initialState(), policy: { standby_ms: 0, watch_ms: 0, ...policy } };
  let at = START;
  const tell = (event: NewEvent): Command[] => {
    at += 1;
    const result = transition(state, { ...event, at } as Parameters<typeof transition>[1]);
    if ('ignored' in result) return assert.fail(`${event.type} was ignored: ${result.ignored}`);
    state = result.state;
    return result.commands;
  };
  const step = (attempt: string, name: 'resolve' | 'gate' | 'prepare' | 'boot' | 'probe' | 'promote', commit = ''): void =>
    void tell({ type: 'step_succeeded', attempt, step: name, ms: 1, data: commit ? { commit } : {} });
  return {
    tell,
    /** Answers the code of the refusal, or nothing when it was taken. */
    ask(id, more = {}) {
      const request: Request = { id, kind: 'deploy', commit: id, branch: '', reason: '', trigger: 'manual', caller: 'tcp', at, ...more };
      const commands = tell({ type: request.kind === 'deploy' ? 'deploy_requested' : 'rollback_requested', request });
      const refused = commands.find((it) => it.type === 'finish' && it.attempt === id && !it.outcome.ok);
      return refused?.type === 'finish' && !refused.outcome.ok ? refused.outcome.failure.code : '';
    },
    succeed(id, commit) {
      for (const name of ['resolve', 'gate', 'prepare', 'boot', 'probe', 'promote'] as const) step(id, name, commit);
      for (const { instance } of state.retiring) {
        if (state.retiring.find((it) => it.instance === instance)?.phase === 'draining') {
          tell({ type: 'drained', instance, ms: 1, closed_streams: 0, abandoned_requests: 0 });
        }
        tell({ type: 'instance_exited', instance, exit: { code: 0, signal: null, description: 'ended' }, log_tail: [], log_file: '' });
      }
    },
    fail(id, commit) {
      step(id, 'resolve', commit);
      tell({ type: 'step_failed', attempt: id, step: 'gate', ms: 1, failure: { code: 'gate_secret', error: 'a secret' } });
      tell({ type: 'undone', attempt: id, slot_ready: false });
    },
    wait: (ms) => {
      at += ms;
    },
    state: () => state,
  };
}

describe('freeze', () => {
  it('stops agents only, or everybody, until it is lifted; rollbacks go on', () => {
    const { tell, ask, succeed } = story();
    ask('one');
    succeed('one', 'c1');
    ask('two');
    succeed('two', 'c2');
    tell({ type: 'frozen', scope: 'agent', reason: 'the agent is confused', caller: 'operator-socket' });
    assert.equal(ask('three', { trigger: 'agent' }), 'frozen');
    assert.equal(ask('four'), '');
    succeed('four', 'c4');
    tell({ type: 'frozen', scope: 'all', reason: 'holidays', caller: 'operator-socket' });
    assert.equal(ask('five'), 'frozen');
    assert.equal(ask('agent back', { kind: 'rollback', trigger: 'agent' }), 'frozen');
    assert.equal(ask('back', { kind: 'rollback' }), '');
    tell({ type: 'step_succeeded', attempt: 'back', step: 'boot', ms: 1, data: {} });
    tell({ type: 'step_succeeded', attempt: 'back', step: 'probe', ms: 1, data: {} });
    tell({ type: 'step_succeeded', attempt: 'back', step: 'promote', ms: 1, data: {} });
    tell({ type: 'thawed', reason: 'back from holidays', caller: 'operator-socket' });
    assert.equal(ask('six', { trigger: 'agent' }), '');
  });

  it('holds what was waiting in the queue when it came', () => {
    const { tell, ask, fail, state } = story();
    ask('one');
    ask('two', { trigger: 'agent' });
    tell({ type: 'frozen', scope: 'agent', reason: 'stop', caller: 'operator-socket' });
    fail('one', 'c1');
    assert.equal(state().attempt, null);
    assert.deepEqual(state().queue, []);
  });
});

describe('the rate limit', () => {
  it('counts the deploys that an agent asked for within an hour, and nobody else’s', () => {
    const { ask, fail, wait } = story({ agent_deploys_per_hour: 2 });
    assert.equal(ask('a1', { trigger: 'agent' }), '');
    fail('a1', 'c1');
    wait(HOUR / 2);
    assert.equal(ask('a2', { trigger: 'agent' }), '');
    fail('a2', 'c2');
    assert.equal(ask('a3', { trigger: 'agent' }), 'rate_limited');
    assert.equal(ask('person'), '');
    fail('person', 'c3');
    wait(HOUR / 2);
    assert.equal(ask('a4', { trigger: 'agent' }), '');
    fail('a4', 'c4');
    assert.equal(ask('a5', { trigger: 'agent' }), 'rate_limited');
  });
});

describe('what reconcile has to know', () => {
  it('remembers the head that was known when a person chose what is live', () => {
    const { ask, succeed, fail, state } = story();
    ask('push', { trigger: 'webhook', human_head: 'h1' });
    succeed('push', 'h1');
    assert.equal(state().settled_head, '', 'a push is no choice against itself');
    ask('older', { human_head: 'h2' });
    assert.equal(state().settled_head, '', 'not before it is live');
    succeed('older', 'c0');
    assert.equal(state().settled_head, 'h2');
    ask('agent', { trigger: 'agent', human_head: 'h3' });
    succeed('agent', 'm1');
    assert.equal(state().settled_head, 'h2');
    ask('failing', { human_head: 'h4' });
    fail('failing', 'c9');
    assert.equal(state().settled_head, 'h2');
  });

  it('remembers commits that failed until they go live, and no more than it needs', () => {
    const { ask, succeed, fail, state } = story();
    for (let index = 0; index < FAILED_COMMITS_KEPT + 5; index += 1) {
      ask(`d${index}`);
      fail(`d${index}`, `c${index}`);
    }
    assert.equal(state().failed_commits.length, FAILED_COMMITS_KEPT);
    assert.equal(state().failed_commits.includes('c0'), false);
    const last = `c${FAILED_COMMITS_KEPT + 4}`;
    assert.equal(state().failed_commits.at(-1), last);
    ask('again');
    succeed('again', last);
    assert.equal(state().failed_commits.includes(last), false);
  });

  it('keeps an override until its commit is live, one for each finding', () => {
    const { tell, ask, succeed, state } = story();
    const grant = { type: 'override_granted', commit: 'c1', code: 'gate_secret', reason: 'a sample', caller: 'operator-socket' } as const;
    tell({ ...grant, fingerprint: 'f1' });
    tell({ ...grant, fingerprint: 'f2' });
    tell({ ...grant, fingerprint: 'f1', reason: 'said again' });
    assert.deepEqual(
      state().overrides.map(({ fingerprint, reason }) => [fingerprint, reason]),
      [
        ['f2', 'a sample'],
        ['f1', 'said again'],
      ],
    );
    ask('other');
    succeed('other', 'c2');
    assert.equal(state().overrides.length, 2);
    ask('one');
    succeed('one', 'c1');
    assert.deepEqual(state().overrides, []);
  });
});

describe('a rollback asked for while a deploy is being promoted', () => {
  const toPromote = (id: string): Parameters<ReturnType<typeof story>['tell']>[0][] =>
    (['resolve', 'gate', 'prepare', 'boot', 'probe'] as const).map((step) => ({
      type: 'step_succeeded',
      attempt: id,
      step,
      ms: 1,
      data: { commit: `${id}-commit` },
    }));

  it('undoes it when it was promoted, and is refused when it was not', () => {
    for (const promoted of [true, false]) {
      const { tell, ask, succeed, state } = story();
      ask('one');
      succeed('one', 'c1');
      ask('two');
      succeed('two', 'c2');
      ask('three');
      for (const event of toPromote('three')) tell(event);
      assert.equal(ask('back', { kind: 'rollback' }), '');
      if (promoted) {
        tell({ type: 'step_succeeded', attempt: 'three', step: 'promote', ms: 1, data: {} });
        assert.equal(state().attempt?.id, 'back');
        assert.equal(state().attempt?.resolved, 'c2');
        continue;
      }
      tell({ type: 'step_failed', attempt: 'three', step: 'promote', ms: 1, failure: { code: 'promote_failed', error: 'no' } });
      const commands = tell({ type: 'undone', attempt: 'three', slot_ready: true });
      const refused = commands.find((it) => it.type === 'finish' && it.attempt === 'back');
      assert.equal(refused?.type === 'finish' && !refused.outcome.ok && refused.outcome.failure.code, 'aborted');
      assert.equal(state().attempt, null);
      assert.equal(state().live?.commit, 'c2');
    }
  });
});

describe('a start without memory', () => {
  it('takes what serves the visitors for live, and stops everything else', () => {
    const alive: AliveInstance[] = [
      { instance: 'i1', slot: 'a', commit: 'c1' },
      { instance: 'i2', slot: 'b', commit: 'c2' },
    ];
    const started: MachineEvent = { at: START, type: 'started', policy: { standby_ms: 0, watch_ms: 0 }, alive, route: 'i1' };
    const result = transition(initialState(), started);
    assert.ok('state' in result);
    assert.equal(result.state.live?.instance, 'i1');
    assert.deepEqual(
      result.commands.map((it) => [it.type, 'instance' in it ? it.instance : '']),
      [['stop', 'i2']],
    );
  });
});
