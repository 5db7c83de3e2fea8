import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeployBody, DeploySuccess, FailureCode, Refusal, Status, StepName } from '@greenroom/sdk/wire';
import { type Greenroom, prepareGreenroom, tail } from '../../../../bench/harness/greenroom.ts';
import { endLeftovers, processesOf } from '../../../../bench/harness/leftovers.ts';
import { freePorts } from '../../../../bench/harness/ports.ts';
import { commitFiles, initRepo } from '../../../../bench/harness/repo.ts';
import { type Answer, ask } from './ask.ts';

const SERVER = readFileSync(new URL('app/server.cjs', import.meta.url), 'utf8');
const UNTIL_LIMIT_MS = 15_000;
const POLL_MS = 20;
/** Between two looks at the public port while something goes wrong. */
const VISIT_EVERY_MS = 40;

/** What `behaviour.json` makes the app do; see app/server.cjs. */
export interface Behaviour {
  name?: string;
  exits?: string;
  says?: string[];
  /** Takes memory without end. */
  eats?: boolean;
  exitsAtDeepCheck?: boolean;
  daemon?: boolean;
  neverListens?: boolean;
  listensAfterMs?: number;
  ignoresSigterm?: boolean;
  floods?: number;
  forks?: boolean[];
  health?: number;
  /** Lowest and highest version of the schema that it works with; without it there is no schema status. */
  schema?: [min: number, max: number];
  deepStatus?: number;
  deepBody?: string;
}

export interface RigOptions {
  /** Fields of the contract, or what they are in this run's folder. */
  contract?: Record<string, unknown> | ((root: string) => Record<string, unknown>);
  env?: Record<string, string>;
  /** Calls the API over the operator's socket. */
  bySocket?: boolean;
  /** Called with the run's folder before anything else is made in it. */
  prepare?(root: string): void;
}

/** One Greenroom of its own with a repository of the test app. */
export interface Rig extends Greenroom {
  root: string;
  repo: string;
  port: number;
  internalPort: number;
  apiPort: number;
  /** Commits a version of the app on the current branch; `files` beside its behaviour. Answers the commit. */
  commit(behaviour?: Behaviour, files?: Record<string, string>): string;
  /** Deploys, and fails the test unless the commit is live afterwards. */
  live(commit: string): Promise<DeploySuccess>;
  /** Asks for a deploy, and fails the test unless it is refused as expected, with the live release serving all the time, and nothing left of it. */
  refused(body: DeployBody, expected: { code: FailureCode; step?: StepName; error?: RegExp }): Promise<Refusal>;
  status(): Promise<Status>;
  visit(path?: string): Promise<Answer>;
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

/** A started rig: the test ends it, whatever becomes of it, and fails if anything of it stays behind. */
export async function openRig(t: TestContext, options: RigOptions = {}): Promise<Rig> {
  const rig = await prepareRig(t, options);
  await rig.start();
  return rig;
}

export async function prepareRig(t: TestContext, { contract = {}, env = {}, bySocket = false, prepare }: RigOptions = {}): Promise<Rig> {
  const root = mkdtempSync(join(tmpdir(), 'e2e-'));
  const repo = join(root, 'repo');
  const [port = 0, internalPort = 0, apiPort = 0] = await freePorts(3);
  initRepo(repo);
  commitFiles(repo, { 'server.cjs': SERVER, '.gitignore': '/data\n' }, 'Begin');
  const greenroom = prepareGreenroom({
    root,
    repo,
    apiPort,
    app: 'shop',
    env,
    bySocket,
    contract: {
      start_command: 'node server.cjs',
      port,
      internal_port: internalPort,
      health_endpoint: '/healthz',
      drain_timeout_ms: 3_000,
      watch_ms: 0,
      reconcile_interval_ms: 86_400_000,
      ...(typeof contract === 'function' ? contract(root) : contract),
    },
  });
  t.after(async () => {
    await greenroom.stop();
    const left = await endLeftovers(root);
    const log = left.length > 0 ? safeTail(greenroom.logFile) : '';
    rmSync(root, { recursive: true, force: true });
    assert.deepEqual(left, [], `processes were left behind:\n${log}`);
    for (const each of [port, internalPort, apiPort]) await assertPortFree(each);
  });
  prepare?.(root);

  const rig: Rig = {
    ...greenroom,
    root,
    repo,
    port,
    internalPort,
    apiPort,
    commit: (behaviour = {}, files = {}) => commitFiles(repo, { ...files, 'behaviour.json': JSON.stringify(behaviour) }, 'Change'),
    async live(commit) {
      const answer = await greenroom.client.deploy({ commit });
      assert.ok(answer.success && 'slot' in answer && !('dry_run' in answer), JSON.stringify(answer, null, 2));
      assert.equal((await rig.status()).live_commit, commit);
      return answer;
    },
    refused: (body, expected) => expectRefusal(rig, body, expected),
    status: () => greenroom.client.status(),
    visit: (path = '/') => ask({ port, path }),
    api: (method, path, body, headers = {}) => ask({ port: apiPort, method, path, body, headers }),
  };
  return rig;
}

async function expectRefusal(
  rig: Rig,
  body: DeployBody,
  expected: { code: FailureCode; step?: StepName; error?: RegExp },
): Promise<Refusal> {
  const before = await rig.status();
  const visits = visitAllTheTime(rig, before.live_commit);
  const answer = await rig.client.deploy(body);
  const bad = await visits.end();
  assert.ok(!answer.success, `was not refused: ${JSON.stringify(answer)}`);
  assert.equal(answer.code, expected.code, JSON.stringify(answer, null, 2));
  if (expected.step !== undefined) assert.equal(answer.step, expected.step);
  if (expected.error) assert.match(answer.error, expected.error);
  assert.deepEqual(bad, [], 'the live release did not serve all the time');
  const after = await rig.status();
  for (const field of ['live_slot', 'live_commit', 'previous_slot', 'previous_commit', 'last_deploy_time'] as const) {
    assert.equal(after[field], before[field], field);
  }
  assert.equal(after.healthy, before.healthy);
  assert.equal(pidOf(after), pidOf(before), 'the live process is another one');
  assert.equal(after.attempt, null);
  const wanted = after.slots.map((slot) => slot.instance).filter((instance) => instance !== '');
  await until(
    () => sameSet([...instanceProcesses(rig.data).keys()], wanted),
    () => `processes of ${[...instanceProcesses(rig.data).keys()]} beside ${wanted}`,
  );
  if (answer.id !== undefined) {
    const attempt = await rig.client.attempt(answer.id);
    assert.equal(attempt?.status, 'failed');
    assert.equal(attempt.code, expected.code);
    assert.equal(attempt.promoted, false);
  }
  return answer;
}

/** Visits the app until told to end. Answers the visits that were not served by the commit; with nothing live there is nothing to visit. */
export function visitAllTheTime(rig: Pick<Rig, 'visit'>, commit = ''): { end(): Promise<string[]> } {
  let ending = false;
  const ended = Promise.withResolvers<void>();
  const bad: string[] = [];
  const work = (async () => {
    while (!ending) {
      const outcome = await rig.visit().then(
        ({ status, headers }) =>
          status === 200 && (commit === '' || headers['x-commit'] === commit) ? '' : `${status} ${headers['x-commit']}`,
        (error: Error) => error.message,
      );
      if (outcome !== '') bad.push(outcome);
      // A test that fails before it ends the visits must not be kept from ending by them.
      await Promise.race([ended.promise, delay(VISIT_EVERY_MS, undefined, { ref: false })]);
    }
  })();
  return {
    async end() {
      ending = true;
      ended.resolve();
      await work;
      return bad;
    },
  };
}

export const pidOf = (status: Status): number => status.slots.find((it) => it.role === 'live')?.pid ?? 0;

/** Polls until the condition holds; fails with the sentence when it does not in time. */
export async function until(condition: () => boolean | Promise<boolean>, what: () => string, limitMs = UNTIL_LIMIT_MS): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) assert.fail(`not within ${limitMs} ms: ${what()}`);
    await delay(POLL_MS);
  }
}

/** Processes below the data directory that carry an instance id, by that id. */
export function instanceProcesses(data: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const pid of processesOf(data)) {
    const instance = /(?:^|\0)GREENROOM_INSTANCE=([^\0]*)/.exec(environ(pid))?.[1];
    if (instance !== undefined) found.set(instance, [...(found.get(instance) ?? []), pid]);
  }
  return found;
}

/** Fails when anything listens on the port. */
export async function assertPortFree(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  await new Promise((resolve) => server.close(resolve));
}

function environ(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch (error) {
    // Gone between two looks.
    assert.ok(error instanceof Error && 'code' in error);
    return '';
  }
}

function safeTail(file: string): string {
  try {
    return tail(file);
  } catch (error) {
    return (error as Error).message;
  }
}

function sameSet(one: string[], other: string[]): boolean {
  return one.length === other.length && one.every((it) => other.includes(it));
}
