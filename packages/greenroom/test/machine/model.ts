/** Drives the simulated world: of everything that could happen next, a number chooses one. The same numbers give the same story. */
import type { AttemptKind, Trigger } from '@greenroom/sdk/wire';
import { project } from '../../src/orchestrator/core/history.ts';
import { rollbackUnderWay } from '../../src/orchestrator/core/machine/rules.ts';
import type { Drift, Policy, Request } from '../../src/orchestrator/core/state.ts';
import { observe } from './coverage.ts';
import { checkAtRest, checkEvent, checkWorld } from './properties.ts';
import { hold } from './rules.ts';
import { checkStale } from './stale.ts';
import { COMMITS, carryOut } from './work.ts';
import {
  aliveInstances,
  copyFacts,
  createSimulation,
  endLife,
  endProcess,
  type Life,
  type Machine,
  post,
  type RouteCall,
  type Simulation,
  spawn,
  type Task,
} from './world.ts';

/** Moves that a quiet end needs at most: what is under way, and each request that waits. */
const CALM_MOVES = 300;
const CALM_MOVES_PER_REQUEST = 60;

export const POLICIES: readonly Policy[] = [
  { standby_ms: 30_000, watch_ms: 10_000 },
  { standby_ms: 30_000, watch_ms: 0 },
  { standby_ms: 0, watch_ms: 10_000 },
  { standby_ms: 0, watch_ms: 0 },
  { standby_ms: 30_000, watch_ms: 10_000, approval_timeout_ms: 60_000 },
  { standby_ms: 0, watch_ms: 0, approval_timeout_ms: 60_000 },
];

/** How much goes wrong in a story, and how much is asked for, against what goes well. */
interface Pace {
  trouble: number;
  demand: number;
}

const PACES: readonly Pace[] = [0.3, 1, 3].flatMap((trouble) => [0.15, 0.5, 1.5].map((demand) => ({ trouble, demand })));

/** One story: the numbers choose among what can happen, then everything comes to rest. Throws a `Violation` when a rule does not hold. */
export function runStory(machine: Machine, numbers: readonly number[], seen: (situation: string) => void): Simulation {
  const sim = createSimulation(machine, choose(POLICIES, numbers[0] ?? 0), seen);
  const pace = choose(PACES, numbers[1] ?? 0);
  begin(sim);
  for (const number of numbers) {
    pick(wildMoves(sim, pace), number)();
    checkWorld(sim);
  }
  comeToRest(sim, numbers.at(-1) ?? 0);
  return sim;
}

/** Nothing goes wrong any more and nobody asks for anything: it ends, and everything is in its place. */
export function comeToRest(sim: Simulation, salt: number): void {
  let noise = salt;
  const waiting = sim.state.queue.length + (sim.life?.inbox.length ?? 0);
  const most = CALM_MOVES + CALM_MOVES_PER_REQUEST * waiting;
  for (let moves = 0; moves < most; moves++) {
    const possible = calmMoves(sim);
    if (possible.length === 0) {
      checkAtRest(sim);
      return;
    }
    noise = (noise * 1_103_515_245 + 12_345) % 2_147_483_648;
    choose(possible, noise >> 8)();
    checkWorld(sim);
  }
  hold('everything_ends', false, `${most} moves without coming to rest: ${JSON.stringify(sim.state)}`);
}

type Move = () => void;
type Weighted = [weight: number, move: Move];

function calmMoves(sim: Simulation): Move[] {
  const { life, facts } = sim;
  if (!life) return [() => begin(sim)];
  const moves: Move[] = [];
  if (life.inbox.length > 0) moves.push(() => deliver(sim));
  if (facts.calls.some(isPending)) moves.push(() => takeCall(sim, true));
  for (const [instance, { ending }] of facts.processes) if (ending) moves.push(() => endProcess(sim, instance));
  for (const it of life.tasks) if (!it.wait.optional && isReady(it)) moves.push(() => resume(life, it, 0));
  return moves;
}

/** What waits for approval does so for a while: it would be decided before anything else could end it. */
const whileWaiting = ({ state }: Simulation): number => (state.attempt?.phase === 'waiting' ? 5 : 1);

/** Without peaceful stretches the later stages of an app's life would never be reached. */
function wildMoves(sim: Simulation, { trouble, demand }: Pace): Weighted[] {
  const { life, facts } = sim;
  const moves: Weighted[] = [];
  const eager = whileWaiting(sim);
  for (const [instance, { ending }] of facts.processes) moves.push([ending ? 10 : 0.4 * trouble * eager, () => endProcess(sim, instance)]);
  if (!life) return [...moves, [20, () => begin(sim)], [2, () => powerOff(sim)]];
  if (life.inbox.length > 0) moves.push([30, () => deliver(sim)], [0.7 * trouble, () => deliver(sim, true)]);
  if (facts.calls.some(isPending)) moves.push([12, () => takeCall(sim, true)], [trouble, () => takeCall(sim, false)]);
  for (const it of life.tasks) {
    if (!isReady(it)) continue;
    for (const index of it.wait.choices.keys()) moves.push([weightOf(it, index, trouble), () => resume(life, it, index)]);
  }
  moves.push([0.4 * trouble, () => crash(sim)], [0.3, () => letTimePass(sim)]);
  if (life.stage === 'serving' || life.stage === 'resting') moves.push(...requests(sim, demand), ...governance(sim), ...decisions(sim));
  if (life.stage === 'serving')
    moves.push([0.1 * trouble * eager, () => askToStop(sim, false)], [0.1 * trouble, () => askToStop(sim, true)]);
  return moves;
}

const isReady = ({ wait }: Life['tasks'][number]): boolean => wait.ready?.() ?? true;
const isPending = (call: RouteCall): boolean => call.result === 'pending';

function weightOf({ wait }: Life['tasks'][number], index: number, trouble: number): number {
  return (wait.pace ?? 1) * (index === 0 || index < wait.choices.length - 1 ? 10 : trouble);
}

function resume(life: Life, entry: Life['tasks'][number], choice: number): void {
  const next = entry.task.next(choice);
  if (next.done) life.tasks = life.tasks.filter((it) => it !== entry);
  else entry.wait = next.value;
}

function takeCall({ facts }: Simulation, works: boolean): void {
  const call = facts.calls.find(isPending);
  if (!call) return;
  // Not being able to clear the route is only reported: requests to an instance that has ended are answered 503 all the same.
  const taken = works || call.target === null;
  call.result = taken ? 'done' : 'refused';
  if (taken) facts.route = call.target;
  facts.calls = facts.calls.filter(isPending);
}

function deliver(sim: Simulation, crashes = false): void {
  const news = sim.life?.inbox.shift();
  if (!news) return;
  sim.now += 1;
  const event = { ...news, at: sim.now };
  const before = sim.state;
  const result = sim.machine(before, event);
  if ('ignored' in result) {
    hold('a_refused_event_has_a_reason', result.ignored !== '', JSON.stringify(event));
    const joined = event.type === 'rollback_requested' && rollbackUnderWay(before) !== null;
    hold(
      'every_request_is_taken',
      event.type !== 'deploy_requested' && event.type !== 'restart_requested' && (event.type !== 'rollback_requested' || joined),
      JSON.stringify(event),
    );
    sim.seen(`ignored ${event.type}`);
    return;
  }
  const { state, commands } = result;
  if ('request' in event) enroll(sim, event.request);
  for (const it of state.queue) if (!sim.requests.has(it.id)) enroll(sim, it);
  if (state.attempt && !sim.requests.has(state.attempt.id)) enroll(sim, state.attempt);
  project(sim.history, event, before, state, commands);
  if (event.type === 'approved' || event.type === 'denied') sim[event.type].add(event.attempt);
  sim.state = state;
  sim.journal.push({ event, state, facts: copyFacts(sim.facts) });
  if (state.stopping !== 'no') for (const it of commands) if (it.type === 'stop') sim.dismissed.add(it.instance);
  observe(sim, before, event, commands);
  checkEvent(sim, before, event, commands);
  checkStale(sim);
  if (event.type === 'started' && sim.life) sim.life.stage = 'serving';
  if (event.type === 'stopped' && sim.life) sim.life.stage = 'closing';
  if (crashes) {
    sim.seen(`died after writing ${event.type}`);
    crash(sim);
  } else for (const command of commands) carryOut(sim, command);
}

function enroll(sim: Simulation, request: Request): void {
  sim.requests.set(request.id, { order: sim.requests.size, request, overtaken: 0, outcomes: 0 });
}

function begin(sim: Simulation): void {
  sim.life = {
    inbox: [],
    tasks: [],
    stage: 'adopting',
    running: null,
    drains: new Map(),
    restarts: new Map(),
    reporting: new Set(),
    publications: 0,
    published: 0,
    timersCancelled: false,
  };
  spawn(sim, start(sim));
}

/** What ends between the adoption and the start is told as running, and its end is reported after it. */
function* start(sim: Simulation): Task {
  yield { choices: ['adopt'] };
  const alive = aliveInstances(sim.facts);
  yield { choices: ['ask the proxy'] };
  post(sim, { type: 'started', policy: sim.policy, alive, route: sim.facts.route });
}

function crash(sim: Simulation): void {
  sim.seen('crash');
  endLife(sim);
}

function powerOff(sim: Simulation): void {
  if (sim.facts.processes.size > 0) sim.seen('power-off');
  sim.facts.processes.clear();
}

function letTimePass(sim: Simulation): void {
  sim.now += 70_000;
}

function askToStop(sim: Simulation, detach: boolean): void {
  post(sim, { type: 'stop_requested', detach });
}

const ASKERS: readonly Trigger[] = ['agent', 'agent', 'manual', 'webhook', 'reconcile'];

function requests(sim: Simulation, demand: number): Weighted[] {
  const ask = (kind: AttemptKind, commit: string, branch: string): Move => {
    return () => {
      const id = `r${++sim.count}`;
      // A restart is the operator's alone.
      const trigger = kind === 'restart' ? 'manual' : choose(ASKERS, sim.count + sim.now);
      const request = { id, kind, commit, branch, reason: '', trigger, caller: callerOf(trigger, sim.count), at: sim.now };
      post(sim, { type: `${kind}_requested`, request });
    };
  };
  return [
    ...COMMITS.map((commit): Weighted => [0.6 * demand, ask('deploy', commit, '')]),
    [0.5 * demand, ask('deploy', '', 'main')],
    [demand, ask('deploy', '', 'machine')],
    [1.5 * demand * whileWaiting(sim), ask('rollback', '', '')],
    [0.2 * demand * whileWaiting(sim), ask('restart', '', '')],
  ];
}

function callerOf(trigger: Trigger, count: number): string {
  if (trigger === 'agent') return 'agent-socket';
  if (trigger === 'manual') return count % 2 === 0 ? 'operator-socket' : 'tcp';
  return 'orchestrator';
}

/** Of whoever looks at what waits; once in a while of somebody who looks at a page of before. */
function decisions(sim: Simulation): Weighted[] {
  const { attempt } = sim.state;
  const id = attempt?.id ?? 'r1';
  const said = { attempt: id, by: 'Ada', caller: 'operator-socket' };
  const weight = attempt?.phase === 'waiting' ? 0.5 : 0.02;
  return [
    [2 * weight, () => post(sim, { type: 'approved', ...said })],
    [weight, () => post(sim, { type: 'denied', ...said, reason: 'not like this' })],
  ];
}

const DRIFT: Drift = { name: 'human_ahead', detail: 'simulated', action: 'none', at: 0 };

/** What operators and the reconcile loop tell the machine beside requests. */
function governance(sim: Simulation): Weighted[] {
  const caller = 'operator-socket';
  const freeze = (scope: 'agent' | 'all'): Weighted => [
    0.05 * whileWaiting(sim),
    () => post(sim, { type: 'frozen', scope, reason: 'a holiday', caller }),
  ];
  const override = { commit: 'c1', code: 'gate_secret', fingerprint: 'f', reason: 'a test key', caller } as const;
  return [
    freeze('agent'),
    freeze('all'),
    [sim.state.freeze ? 3 : 0.05, () => post(sim, { type: 'thawed', reason: 'over', caller })],
    [0.05, () => post(sim, { type: 'override_granted', ...override })],
    [0.05, () => post(sim, { type: 'drift_changed', drift: sim.state.drift.length > 0 && sim.now % 2 === 0 ? [] : [DRIFT] })],
  ];
}

function choose<T>(from: readonly T[], number: number): T {
  const chosen = from[number % from.length];
  if (chosen === undefined) throw new Error('nothing to choose from');
  return chosen;
}

/** `number` is a thousandth of a thousandth of the whole weight. */
function pick(from: readonly Weighted[], number: number): Move {
  const total = from.reduce((sum, [weight]) => sum + weight, 0);
  let left = ((number % 1_000_000) / 1_000_000) * total;
  for (const [weight, move] of from) {
    left -= weight;
    if (left < 0) return move;
  }
  throw new Error('nothing can happen');
}
