import { claimPort } from '../orchestrator/adapters/instances/fresh-ports.ts';
import { listeningPorts } from '../orchestrator/adapters/probe/listeners.ts';
import { cutOff, judgeDependencies } from './dependencies.ts';
import { checkFiles, compare, snapshot } from './files.ts';
import { type AppFinding, fine } from './finding.ts';
import { checkFirstRequest } from './first-request.ts';
import { checkPorts, judgeBoot } from './ports.ts';
import { checkMemory, checkSession } from './session.ts';
import { openStage, type Stage, type Staged, type StageOptions } from './stage.ts';
import { checkStop, type SlowPath } from './stop.ts';
import { type Form, type Visits, visitAll } from './traffic.ts';

export interface AppExamination {
  commit: string;
  findings: AppFinding[];
}

export interface AppQuestions extends StageOptions {
  /** Public paths to ask; by default that of the deep check and `/`. */
  paths: readonly string[];
  signIn?: Form | undefined;
  /** Variables to lead nowhere, beside those that name services by themselves. */
  without: readonly string[];
  /** What is going on, for people who wait. */
  progress(sentence: string): void;
}

/** An app that needs its services may wait for them until the contract's limit: this much more than it usually takes shows enough. */
const TIMES_USUAL = 4;
const LEAST_HEALTH_MS = 1_500;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Boots the app twice side by side, away from its slots, and says what would break when one release takes the place of another. Takes everything
 * away again, also when the signal is aborted: then it throws the signal's reason. Throws `StageError` when the app cannot be tried.
 */
export async function examineApp(questions: AppQuestions): Promise<AppExamination> {
  questions.progress('Preparing two throw-away slots.');
  // Instances do not keep their orchestrator from ending, and nothing else here may be left to do while one of them ends.
  const awake = setInterval(() => undefined, LONGEST_TIMER_MS);
  try {
    const stage = await openStage(questions);
    try {
      return { commit: stage.commit, findings: await examine(stage, questions) };
    } finally {
      await stage.close();
    }
  } finally {
    clearInterval(awake);
  }
}

async function examine(stage: Stage, questions: AppQuestions): Promise<AppFinding[]> {
  const { contract, signal, progress } = questions;
  const before = { a: await snapshot(stage.slots.directory('a')), b: await snapshot(stage.slots.directory('b')) };
  progress('Booting the app twice.');
  const first = await stage.boot('a');
  if (!first.ok) return [judgeBoot(first.failure, first.ports, true)];
  const second = await stage.boot('b');
  const both = second.ok ? [first.staged, second.staged] : [first.staged];
  progress('Asking both.');
  const findings = second.ok ? [portsOf(first.staged)] : [judgeBoot(second.failure, second.ports, false)];
  const paths = pathsToAsk(questions);
  const visits: Visits[][] = [];
  for (const staged of both) visits.push(await visitAll(staged, paths, signal));
  const [earlier = [], later = []] = visits;
  if (second.ok) {
    findings.push(await checkSession(first.staged, second.staged, paths, questions.signIn, signal));
    findings.push(checkMemory(earlier, later));
  }
  findings.push(checkFirstRequest(visits));
  progress('Stopping them.');
  findings.push(...(await checkStop(first.staged, slowest(earlier), contract.drain_timeout_ms, signal)));
  for (const { instances, instance } of both) await instances.stop(instance.instance, contract.drain_timeout_ms);
  findings.push(await filesOf(stage, before));
  progress('Booting it without the services it needs.');
  findings.push(await withoutServices(stage, questions, first.staged.healthyAfterMs));
  return findings;
}

function portsOf({ instance }: Staged): AppFinding {
  return checkPorts(listeningPorts(instance.pid), [instance.port, instance.internalPort]);
}

function pathsToAsk({ paths, contract }: AppQuestions): string[] {
  const deep = contract.health_test_payload;
  return paths.length > 0 ? [...new Set(paths)] : [...new Set([...(deep?.method === 'GET' ? [deep.path] : []), '/'])];
}

function slowest(all: readonly Visits[]): SlowPath {
  const times = all
    .map(({ path, visits }) => ({ path, ms: Math.min(...visits.map(({ ms }) => ms)) }))
    .filter(({ ms }) => Number.isFinite(ms));
  return times.sort((one, other) => other.ms - one.ms)[0] ?? { path: '/', ms: 0 };
}

async function filesOf({ slots }: Stage, before: { a: Map<string, string>; b: Map<string, string> }): Promise<AppFinding> {
  const changes = new Map<string, string>();
  const tracked = new Set<string>();
  for (const slot of ['a', 'b'] as const) {
    for (const [path, mark] of compare(before[slot], await snapshot(slots.directory(slot)))) changes.set(path, mark);
    for (const path of await slots.changes(slot)) tracked.add(path);
  }
  return checkFiles(changes, tracked);
}

async function withoutServices(stage: Stage, { contract, secrets, without }: AppQuestions, usualMs: number): Promise<AppFinding> {
  const { values } = await secrets.read(contract.secrets_inject);
  const dead = await claimPort([contract.port, contract.internal_port ?? 0]);
  try {
    const cut = cutOff({ ...contract.env, ...values }, without, dead.port);
    const names = Object.keys(cut);
    if (names.length === 0)
      return fine('health', 'not tried without its services: no variable of the contract names one; --without NAME says which does');
    const third = await stage.boot('a', { variables: cut, healthTimeoutMs: Math.max(LEAST_HEALTH_MS, TIMES_USUAL * usualMs) });
    return judgeDependencies(names, third.ok ? undefined : third.failure, contract);
  } finally {
    dead.release();
  }
}
