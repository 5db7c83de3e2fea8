/** What the simulated world is made of, and the facts in it that outlive the orchestrator: processes, the route, the journal. */
import type { Failure, SlotName } from '@greenroom/sdk/wire';
import type { AliveInstance, MachineEvent, NewEvent } from '../../src/orchestrator/core/events.ts';
import type { History } from '../../src/orchestrator/core/history.ts';
import type { Transition } from '../../src/orchestrator/core/machine.ts';
import { initialState, type Policy, type Request, type State } from '../../src/orchestrator/core/state.ts';

export type Machine = (state: State, event: MachineEvent) => Transition;

/** A point at which the world decides how something goes on. Choice 0 is the good end. */
export interface Wait {
  choices: readonly string[];
  ready?: () => boolean;
  /** Not needed for coming to rest: a standby's time is up, a process ends by itself. */
  optional?: boolean;
  /** How soon it happens against other things; 1 when absent. */
  pace?: number;
}

/** Something under way, one `yield` per moment at which other things can happen. */
export type Task = Generator<Wait, void, number>;

export interface RouteCall {
  target: string | null;
  result: 'pending' | 'done' | 'refused';
}

export interface Facts {
  processes: Map<string, { slot: SlotName; commit: string; ending: boolean }>;
  route: string | null;
  /** What the repository was told, in the last publication that worked. */
  refs: { live: string; previous: string };
  /** Calls on their way to the proxy, which takes them in order; it may still take them when their caller has died. */
  calls: RouteCall[];
}

export interface StepRun {
  attempt: string;
  aborted: boolean;
  done: boolean;
}

/** One life of the orchestrator. All of it is lost by a crash. */
export interface Life {
  inbox: NewEvent[];
  tasks: { task: Task; wait: Wait }[];
  stage: 'adopting' | 'serving' | 'resting' | 'closing';
  running: StepRun | null;
  drains: Map<string, { aborted: boolean }>;
  restarts: Map<string, { aborted: boolean; done: boolean }>;
  reporting: Set<string>;
  publications: number;
  published: number;
  timersCancelled: boolean;
}

export interface Entry {
  order: number;
  request: Request;
  overtaken: number;
  outcomes: number;
}

export interface Simulation {
  machine: Machine;
  now: number;
  policy: Policy;
  state: State;
  history: History;
  facts: Facts;
  life: Life | null;
  journal: { event: MachineEvent; state: State; facts: Facts }[];
  /** Requests that the machine took, by id. */
  requests: Map<string, Entry>;
  /** Instances that answered a probe. */
  probed: Set<string>;
  /** Attempts that a person said yes to, and no to. */
  approved: Set<string>;
  denied: Set<string>;
  /** Told to end because the orchestrator was asked to stop, perhaps in an earlier life. */
  dismissed: Set<string>;
  /** Slots that are being overwritten now. */
  overwriting: Set<SlotName>;
  names: { attempts: string[]; instances: Set<string> };
  count: number;
  seen(situation: string): void;
}

const START_AT = Date.UTC(2030, 0, 1);

export function createSimulation(machine: Machine, policy: Policy, seen: (situation: string) => void): Simulation {
  return {
    machine,
    now: START_AT,
    policy,
    state: initialState(),
    history: new Map(),
    facts: { processes: new Map(), route: null, refs: { live: '', previous: '' }, calls: [] },
    life: null,
    journal: [],
    requests: new Map(),
    probed: new Set(),
    approved: new Set(),
    denied: new Set(),
    dismissed: new Set(),
    overwriting: new Set(),
    names: { attempts: [], instances: new Set() },
    count: 0,
    seen,
  };
}

export function post(sim: Simulation, event: NewEvent): void {
  sim.life?.inbox.push(event);
}

export function spawn(sim: Simulation, task: Task): void {
  const first = task.next();
  if (!first.done) sim.life?.tasks.push({ task, wait: first.value });
}

export function aliveInstances({ processes }: Facts): AliveInstance[] {
  return [...processes].map(([instance, { slot, commit }]) => ({ instance, slot, commit }));
}

export function copyFacts({ processes, route, refs, calls }: Facts): Facts {
  return {
    processes: new Map([...processes].map(([id, it]) => [id, { ...it }])),
    route,
    refs: { ...refs },
    calls: calls.map((it) => ({ ...it })),
  };
}

/** The orchestrator is gone. What was on its way to the proxy is taken by it now, or never. */
export function endLife(sim: Simulation): void {
  const { facts } = sim;
  for (const call of facts.calls) if ((sim.now + sim.journal.length) % 2 === 0) facts.route = call.target;
  facts.calls = [];
  sim.overwriting.clear();
  sim.life = null;
}

/** The process is gone. Whoever watches it will say so, a little later, but never before the machine has been told what runs. */
export function endProcess(sim: Simulation, instance: string): void {
  if (!sim.facts.processes.delete(instance) || !sim.life) return;
  sim.life.reporting.add(instance);
  spawn(sim, reportExit(sim, instance));
}

function* reportExit(sim: Simulation, instance: string): Task {
  yield { choices: ['report exit'], ready: () => sim.life?.stage !== 'adopting' };
  post(sim, { type: 'instance_exited', instance, exit: EXIT, log_tail: [], log_file: '' });
  sim.life?.reporting.delete(instance);
}

export const EXIT: { code: number; signal: null; description: string } = { code: 1, signal: null, description: 'exited with code 1' };

export const failed = (code: Failure['code']): Failure => ({ code, error: `simulated ${code}` });
