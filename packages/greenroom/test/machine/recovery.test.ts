import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MachineEvent } from '../../src/orchestrator/core/events.ts';
import { type History, project } from '../../src/orchestrator/core/history.ts';
import { transition } from '../../src/orchestrator/core/machine.ts';
import { initialState, type State } from '../../src/orchestrator/core/state.ts';
import { comeToRest, runStory } from './model.ts';
import { numbersOfAStory, SEED, STORIES } from './run.ts';
import { copyFacts, createSimulation, type Facts, type Simulation } from './world.ts';

/** Each story is cut off at each of its events: it costs as much as a hundred stories. */
const STORIES_CUT_OFF = Math.ceil(STORIES / 40);

test('a journal replays to the state it was written by, however often, at each of its events', () => {
  const story = fc.property(numbersOfAStory(200), (numbers) => {
    const { journal } = runStory(transition, numbers, () => undefined);
    let state = initialState();
    for (const { event, state: written } of journal) {
      const once = replayed(state, event);
      assert.deepEqual(once, replayed(state, event));
      assert.deepEqual(once, written);
      state = structuredClone(JSON.parse(JSON.stringify(once)));
    }
  });
  fc.assert(story, { numRuns: STORIES_CUT_OFF, seed: SEED });
});

test('every prefix of a journal recovers: with everything running, with nothing running, with half of it running', (t) => {
  let recoveries = 0;
  const story = fc.property(numbersOfAStory(200), (numbers) => {
    const sim = runStory(transition, numbers, () => undefined);
    const history: History = new Map();
    let before = initialState();
    for (const [index, { event, state, facts }] of sim.journal.entries()) {
      const result = transition(before, event);
      assert.ok('state' in result);
      project(history, event, before, state, result.commands);
      before = state;
      comeToRest(diedAt(sim, index, structuredClone(history), worldOf(facts, recoveries)), numbers[index % numbers.length] ?? 0);
      recoveries += 1;
    }
  });
  fc.assert(story, { numRuns: STORIES_CUT_OFF, seed: SEED });
  t.diagnostic(`${recoveries} recoveries`);
});

function replayed(state: State, event: MachineEvent): State {
  const result = transition(state, event);
  assert.ok('state' in result, `a journalled event is ignored in replay: ${JSON.stringify(event)}`);
  return result.state;
}

/** The story up to one of its events, whose commands were never carried out. Its requests are taken from the state: outcomes of before do not count again. */
function diedAt(sim: Simulation, index: number, history: History, facts: Facts): Simulation {
  const cut = createSimulation(transition, sim.policy, () => undefined);
  const state = sim.journal[index]?.state ?? initialState();
  cut.state = state;
  cut.history = history;
  cut.now = (sim.journal[index]?.event.at ?? cut.now) + 1;
  cut.facts = facts;
  cut.probed = new Set(sim.probed);
  for (const { event } of sim.journal.slice(0, index + 1)) if (event.type === 'approved') cut.approved.add(event.attempt);
  for (const instance of facts.processes.keys()) cut.names.instances.add(instance);
  for (const it of [...state.queue, ...(state.attempt ? [state.attempt] : [])]) {
    cut.requests.set(it.id, { order: cut.requests.size, request: it, overtaken: 'overtaken' in it ? it.overtaken : 0, outcomes: 0 });
  }
  return cut;
}

/** Everything that ran still runs, or half of it, or nothing after a power-off. */
function worldOf(facts: Facts, choice: number): Facts {
  const world = copyFacts(facts);
  world.calls = [];
  const instances = [...world.processes.keys()];
  for (const [index, instance] of instances.entries()) {
    if (choice % 3 === 2 || (choice % 3 === 1 && index % 2 === 0)) world.processes.delete(instance);
  }
  return world;
}
