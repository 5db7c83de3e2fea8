/** After every event, what comes from a past attempt, step or instance is thrown at the machine: it must change nothing, and say why. */
import { STEP_NAMES } from '@greenroom/sdk/wire';
import type { NewEvent } from '../../src/orchestrator/core/events.ts';
import type { State } from '../../src/orchestrator/core/state.ts';
import { hold } from './rules.ts';
import { EXIT, failed, type Simulation } from './world.ts';

/** Known to the state, so that events about them are not stale. */
export function knownInstances(state: State): string[] {
  const { live, standby, attempt, restart, retiring } = state;
  const all = [live?.instance, standby?.instance, attempt?.candidate, restart?.instance, ...retiring.map((it) => it.instance)];
  return all.filter((it): it is string => typeof it === 'string');
}

export function checkStale(sim: Simulation): void {
  const { state, machine } = sim;
  const stale = staleEvents(sim);
  const event = stale[sim.journal.length % Math.max(1, stale.length)];
  if (!event) return;
  const copy = structuredClone(state);
  const result = machine(copy, { ...event, at: sim.now });
  hold('stale_events_change_nothing', 'ignored' in result && result.ignored.length > 0, () => JSON.stringify({ event, state }));
}

function staleEvents({ state, requests, names }: Simulation): NewEvent[] {
  const events: NewEvent[] = [];
  const { attempt } = state;
  const past = [...requests].filter(([, it]) => it.outcomes > 0).map(([id]) => id);
  for (const id of past.slice(-3)) {
    for (const step of STEP_NAMES) events.push(succeeded(id, step), brokeDown(id, step));
    events.push({ type: 'undone', attempt: id, slot_ready: true }, ...decisions(id));
    if (!state.publishing.includes(id)) events.push({ type: 'published', attempt: id, ms: 1, error: '' });
    if (state.watch?.attempt === id) continue;
    events.push({ type: 'watch_elapsed', attempt: id }, { type: 'watch_failed', attempt: id, failure: failed('rolled_back') });
  }
  for (const step of STEP_NAMES) {
    if (!attempt || (attempt.phase === 'running' && attempt.step === step && attempt.waiting_for.length === 0)) continue;
    events.push(succeeded(attempt.id, step), brokeDown(attempt.id, step));
  }
  if (attempt && attempt.phase !== 'waiting') events.push(...decisions(attempt.id));
  if (attempt?.phase === 'running') events.push({ type: 'undone', attempt: attempt.id, slot_ready: true });
  const known = knownInstances(state);
  const gone = [...names.instances].filter((it) => !known.includes(it));
  for (const instance of gone.slice(-3)) events.push(...aboutInstance(instance));
  return events;
}

const succeeded = (attempt: string, step: (typeof STEP_NAMES)[number]): NewEvent => ({
  type: 'step_succeeded',
  attempt,
  step,
  ms: 1,
  data: { commit: 'stale' },
});
const brokeDown = (attempt: string, step: (typeof STEP_NAMES)[number]): NewEvent => ({
  type: 'step_failed',
  attempt,
  step,
  ms: 1,
  failure: failed('slot_failed'),
});

function decisions(attempt: string): NewEvent[] {
  const by = { by: 'Ada', caller: 'operator-socket' };
  return [
    { type: 'approved', attempt, ...by },
    { type: 'denied', attempt, ...by, reason: '' },
    { type: 'approval_expired', attempt },
  ];
}

function aboutInstance(instance: string): NewEvent[] {
  return [
    { type: 'instance_exited', instance, exit: EXIT, log_tail: [], log_file: '' },
    { type: 'drained', instance, ms: 1, closed_streams: 0, abandoned_requests: 0 },
    { type: 'standby_expired', instance },
    { type: 'restart_ready', instance },
    { type: 'restart_failed', instance, failure: failed('health_timeout') },
    { type: 'live_switched', instance },
  ];
}
