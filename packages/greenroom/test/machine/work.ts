/** How the world carries out the machine's commands: as the runner does, but each moment, order and outcome is chosen by the driver. */
import type { Failure, SlotName } from '@greenroom/sdk/wire';
import type { Command } from '../../src/orchestrator/core/commands.ts';
import type { StepData } from '../../src/orchestrator/core/events.ts';
import { hold } from './rules.ts';
import { EXIT, endLife, failed, post, type RouteCall, type Simulation, type StepRun, spawn, type Task, type Wait } from './world.ts';

export const COMMITS: readonly string[] = ['c1', 'c2', 'c3', 'c4'];

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>;

export function carryOut(sim: Simulation, command: Command): void {
  const { life } = sim;
  if (!life) return;
  switch (command.type) {
    case 'finish':
      return;
    case 'cancel_drain': {
      const drain = life.drains.get(command.instance);
      if (drain) drain.aborted = true;
      return;
    }
    case 'abort_step':
      if (life.running?.attempt === command.attempt) life.running.aborted = true;
      return;
    case 'clear_route':
      sim.facts.calls.push({ target: null, result: 'pending' });
      return;
    default:
      spawn(sim, taskOf(sim, command));
  }
}

function taskOf(sim: Simulation, command: Exclude<Command, { type: 'finish' | 'cancel_drain' | 'abort_step' | 'clear_route' }>): Task {
  switch (command.type) {
    case 'run_step':
      return runStep(sim, command);
    case 'await_approval':
      return awaitApproval(sim, command);
    case 'undo':
      return undo(sim, command);
    case 'drain':
      return drain(sim, command);
    case 'stop':
      return stop(sim, command);
    case 'keep_standby':
      return keepStandby(sim, command);
    case 'restart':
      return restart(sim, command);
    case 'switch_live':
      return switchLive(sim, command);
    case 'publish':
      return publish(sim, command);
    case 'watch':
      return watch(sim, command);
    case 'shut_down':
      return shutDown(sim, command);
    default: {
      const exhaustive: never = command;
      throw new Error(`unknown command ${JSON.stringify(exhaustive)}`);
    }
  }
}

type Outcome = { data: StepData } | { failure: Failure };

function* runStep(sim: Simulation, command: CommandOf<'run_step'>): Task {
  const { life } = sim;
  if (!life) return;
  const { attempt, step } = command;
  const before = life.running;
  hold(
    'one_step_at_a_time',
    !before || before.done || before.aborted,
    `${step} of ${attempt} begins while a step of ${before?.attempt} runs`,
  );
  const run: StepRun = { attempt, aborted: false, done: false };
  life.running = run;
  const outcome = yield* perform(sim, command, run);
  run.done = true;
  if (life.running !== run) return;
  if ('data' in outcome) post(sim, { type: 'step_succeeded', attempt, step, ms: 1, data: outcome.data });
  else post(sim, { type: 'step_failed', attempt, step, ms: 1, failure: outcome.failure });
}

function* perform(sim: Simulation, command: CommandOf<'run_step'>, run: StepRun): Generator<Wait, Outcome, number> {
  const { slot, commit, instance, step } = command;
  const aborted = (): Outcome => ({ failure: failed('aborted') });
  switch (step) {
    case 'resolve': {
      const asked = command.branch ? COMMITS : [commit];
      const choice = yield { choices: [...asked.map((it) => `resolve ${it}`), 'resolve fails'] };
      const found = asked[choice];
      if (run.aborted) return aborted();
      return found === undefined ? { failure: failed('commit_not_found') } : { data: { commit: found, branch: command.branch } };
    }
    case 'gate': {
      const choice = yield { choices: ['gate passes', 'gate fails'] };
      if (run.aborted) return aborted();
      return choice === 0 ? { data: {} } : { failure: failed('gate_secret') };
    }
    case 'prepare': {
      const choice = yield* overwrite(sim, slot, ['prepare', 'prepare fails']);
      if (run.aborted) return aborted();
      return choice === 0 ? { data: {} } : { failure: failed('setup_failed') };
    }
    case 'boot':
      return (yield* boot(sim, instance, slot, commit)) ? { data: {} } : { failure: failed('boot_exited') };
    case 'probe':
      return yield* probe(sim, instance, () => run.aborted, ['health_timeout', 'schema_incompatible']);
    case 'promote': {
      const choice = yield { choices: ['call the proxy', 'the schema has moved'], pace: 0.3 };
      if (!sim.facts.processes.has(instance)) return { failure: failed('boot_exited') };
      if (choice === 1) return { failure: failed('schema_incompatible') };
      return (yield* switchTo(sim, instance)) ? { data: {} } : { failure: failed('promote_failed') };
    }
    default:
      throw new Error(`${step} is not a step that an attempt runs`);
  }
}

function* overwrite(sim: Simulation, slot: SlotName, choices: string[]): Generator<Wait, number, number> {
  sim.overwriting.add(slot);
  const choice = yield { choices };
  sim.overwriting.delete(slot);
  return choice;
}

/** Cannot be aborted: whoever wants the instance gone waits for the end of its boot. */
function* boot(sim: Simulation, instance: string, slot: SlotName, commit: string): Generator<Wait, boolean, number> {
  const choice = yield { choices: ['spawn', 'spawn fails'] };
  if (choice === 1) return false;
  hold('instance_names_are_unique', !sim.names.instances.has(instance), `${instance} is booted twice`);
  sim.names.instances.add(instance);
  sim.facts.processes.set(instance, { slot, commit, ending: false });
  yield { choices: ['booted'] };
  return true;
}

function* probe(
  sim: Simulation,
  instance: string,
  aborted: () => boolean,
  codes: readonly Failure['code'][] = ['health_timeout'],
): Generator<Wait, Outcome, number> {
  const choice = yield { choices: ['probe passes', 'probe fails'] };
  if (aborted()) return { failure: failed('aborted') };
  if (!sim.facts.processes.has(instance)) return { failure: failed('boot_exited') };
  if (choice === 1) return { failure: failed(codes[sim.now % codes.length] ?? 'health_timeout') };
  sim.probed.add(instance);
  return { data: {} };
}

function* switchTo(sim: Simulation, target: string | null): Generator<Wait, boolean, number> {
  const call: RouteCall = { target, result: 'pending' };
  sim.facts.calls.push(call);
  yield { choices: ['proxy answers'], ready: () => call.result !== 'pending' };
  return call.result === 'done';
}

/** Nobody decides in time. A person's word comes from the driver. */
function* awaitApproval(sim: Simulation, { attempt, instance, until }: CommandOf<'await_approval'>): Task {
  hold('what_waits_for_approval_has_proved_itself', sim.probed.has(instance), `${instance} of ${attempt} is shown without a probe`);
  yield { choices: ['nobody approves'], pace: 0.04, ready: () => !sim.life?.timersCancelled };
  if (sim.state.attempt?.id !== attempt || sim.state.attempt.phase !== 'waiting') return;
  sim.now = Math.max(sim.now, until);
  post(sim, { type: 'approval_expired', attempt });
}

function* undo(sim: Simulation, { attempt, candidate, slot, touched, restore }: CommandOf<'undo'>): Task {
  const run = sim.life?.running;
  if (run?.attempt === attempt) yield { choices: ['step has ended'], ready: () => run.done };
  if (candidate !== null) yield* stopProcess(sim, candidate);
  let ready = false;
  if (touched && restore !== '') ready = (yield* overwrite(sim, slot, ['restored and ready', 'restored, not ready'])) === 0;
  else yield { choices: ['nothing to restore'] };
  post(sim, { type: 'undone', attempt, slot_ready: ready });
}

/** SIGTERM, then until nothing of it runs. What is not running, or not any more, is gone at once. */
function* stopProcess(sim: Simulation, instance: string): Generator<Wait, void, number> {
  const running = sim.facts.processes.get(instance);
  if (running) {
    const needed = sim.facts.route === instance && !sim.dismissed.has(instance);
    hold('requests_never_reach_a_stopped_instance', !needed, `${instance} has the route and is told to end`);
    running.ending = true;
  }
  const gone = (): boolean => !sim.facts.processes.has(instance) && !sim.life?.reporting.has(instance);
  yield { choices: ['gone'], ready: gone };
}

function* drain(sim: Simulation, { instance }: CommandOf<'drain'>): Task {
  const drain = { aborted: false };
  sim.life?.drains.set(instance, drain);
  yield { choices: ['drain ends'] };
  if (!drain.aborted) post(sim, { type: 'drained', instance, ms: 1, closed_streams: 0, abandoned_requests: 0 });
}

function* stop(sim: Simulation, { instance }: CommandOf<'stop'>): Task {
  const restart = sim.life?.restarts.get(instance);
  if (restart) {
    restart.aborted = true;
    yield { choices: ['restart has ended'], ready: () => restart.done };
  }
  yield* stopProcess(sim, instance);
  if (!sim.state.retiring.some((it) => it.instance === instance)) return;
  post(sim, { type: 'instance_exited', instance, exit: EXIT, log_tail: [], log_file: '' });
}

function* keepStandby(sim: Simulation, { instance, until }: CommandOf<'keep_standby'>): Task {
  yield { choices: ['standby expires'], optional: true, pace: 0.05, ready: () => !sim.life?.timersCancelled };
  sim.now = Math.max(sim.now, until);
  post(sim, { type: 'standby_expired', instance });
}

function* restart(sim: Simulation, { instance, slot, commit, delay_ms }: CommandOf<'restart'>): Task {
  const restart = { aborted: false, done: false };
  sim.life?.restarts.set(instance, restart);
  const due = sim.now + delay_ms;
  yield { choices: ['restart is due'], ready: () => restart.aborted || !sim.life?.timersCancelled };
  const outcome = restart.aborted ? null : yield* bootAndProbe();
  restart.done = true;
  if (restart.aborted || !outcome) return;
  if ('data' in outcome) post(sim, { type: 'restart_ready', instance });
  else post(sim, { type: 'restart_failed', instance, failure: outcome.failure });

  function* bootAndProbe(): Generator<Wait, Outcome, number> {
    sim.now = Math.max(sim.now, due);
    const booted = yield* boot(sim, instance, slot, commit);
    return booted ? yield* probe(sim, instance, () => restart.aborted) : { failure: failed('boot_exited') };
  }
}

function* switchLive(sim: Simulation, { instance }: CommandOf<'switch_live'>): Task {
  const switched = sim.facts.processes.has(instance) && (yield* switchTo(sim, instance));
  if (switched) post(sim, { type: 'live_switched', instance });
  else post(sim, { type: 'restart_failed', instance, failure: failed('promote_failed') });
}

/** One after the other: a later publication never comes to be overwritten by an earlier one. */
function* publish(sim: Simulation, { attempt, live, previous }: CommandOf<'publish'>): Task {
  const { life } = sim;
  if (!life) return;
  const turn = life.publications++;
  const choice = yield { choices: ['published', 'publish fails'], ready: () => life.published === turn };
  life.published += 1;
  if (choice === 0) sim.facts.refs = { live, previous };
  post(sim, { type: 'published', attempt, ms: 1, error: choice === 0 ? '' : 'the refs could not be moved' });
}

function* watch(sim: Simulation, { attempt, instance, until }: CommandOf<'watch'>): Task {
  const wait: Wait = { choices: ['watch holds', 'watch fails', 'watch goes on'], pace: 0.15, ready: () => !sim.life?.timersCancelled };
  let choice = yield wait;
  while (choice === 2) choice = yield wait;
  if (sim.state.watch?.attempt !== attempt || sim.state.watch.instance !== instance) return;
  if (choice === 0) {
    sim.now = Math.max(sim.now, until);
    post(sim, { type: 'watch_elapsed', attempt });
  } else if (sim.facts.processes.has(instance)) {
    post(sim, { type: 'watch_failed', attempt, failure: failed('rolled_back') });
  }
}

function* shutDown(sim: Simulation, { detach }: CommandOf<'shut_down'>): Task {
  const { life, facts } = sim;
  if (!life) return;
  life.stage = 'resting';
  yield { choices: ['at rest'] };
  life.timersCancelled = true;
  if (!detach) {
    yield* switchTo(sim, null);
    for (const process of facts.processes.values()) process.ending = true;
    yield { choices: ['all stopped'], ready: () => facts.processes.size === 0 };
  }
  post(sim, { type: 'stopped', detach });
  yield { choices: ['closed'], ready: () => life.inbox.length === 0 };
  if (sim.state.stopping === 'stop') {
    hold('a_stop_stops_everything', facts.processes.size === 0, () => `still running: ${[...facts.processes.keys()].join(', ')}`);
    facts.route = null;
    facts.calls = [];
  }
  sim.seen(detach ? 'detached' : 'stopped');
  endLife(sim);
}
