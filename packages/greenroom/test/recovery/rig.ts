import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createClient } from '@greenroom/sdk/client';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import type { Accepted, AttemptView, DryRun, FailureCode, JournalRecord, Refusal, StepName } from '@greenroom/sdk/wire';
import { tail } from '../../../../bench/harness/greenroom.ts';
import { processesOf } from '../../../../bench/harness/leftovers.ts';
import { commitFiles } from '../../../../bench/harness/repo.ts';
import { type Load, startLoad } from '../../../../bench/load/load.ts';
import { proxyDirectory } from '../../src/home.ts';
import { verifyJournal } from '../../src/orchestrator/adapters/journal/verify.ts';
import { layoutOf } from '../../src/orchestrator/layout.ts';
import { ask } from '../e2e/ask.ts';
import { instanceProcesses, pidOf, prepareRig, type Rig, until } from '../e2e/rig.ts';
import type { KillPoint } from './kill-points.ts';

const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');
const FILES = { 'server.cjs': read('app/server.cjs'), 'setup.sh': read('app/setup.sh'), 'smoke.sh': read('app/smoke.sh') };
const HOOK = new URL('kill-points.ts', import.meta.url).href;

/** See app/server.cjs. */
interface Behaviour {
  name?: string;
  health?: 'held';
  deep?: 'held';
  exits?: boolean;
  forks?: boolean;
  ignoresSigterm?: boolean;
}

export interface RecoveryRig extends Omit<Rig, 'commit'> {
  /** Commits another version; with `hold` its setup or smoke test waits for `release`. */
  version(behaviour?: Behaviour, hold?: 'hold-setup' | 'hold-smoke'): string;
  /** The file in `control/` that the app and its commands make and look for. */
  control(name: string): string;
  /** Lets everything go on that waits. */
  release(): void;
  /** Puts the holds back. */
  hold(): void;
  /** Asks for a deploy and answers its id, without waiting for the outcome; from the journal when the orchestrator died before it answered. */
  ask(commit: string): Promise<string>;
  /** The same for a rollback. */
  askBack(): Promise<string>;
  /** The same for a restart. */
  askAgain(): Promise<string>;
  /** Arms a point at which the orchestrator kills itself; `died` waits for that. */
  killAt(point: KillPoint): void;
  died(): Promise<void>;
  records(): JournalRecord[];
  /** Requests that the proxy has in flight. */
  inFlight(): Promise<number>;
  proxyPid(): Promise<number>;
  load: Load | undefined;
}

export interface RecoveryOptions {
  contract?: Record<string, unknown>;
  /** Visitors who never try twice, from the first release on. */
  load?: boolean;
}

/** A started orchestrator with one live release. The kind of contract that has every step in it. */
export async function openRecovery(t: TestContext, { contract = {}, load = true }: RecoveryOptions = {}): Promise<RecoveryRig> {
  const rig = await prepareRig(t, {
    env: { NODE_OPTIONS: `--import ${HOOK}` },
    contract: {
      setup_command: 'sh setup.sh',
      setup_inputs: ['hold-setup'],
      smoke_test_command: 'sh smoke.sh',
      health_test_payload: { method: 'GET', path: '/deep' },
      health_timeout_ms: 20_000,
      ...contract,
    },
    prepare: (root) => mkdirSync(join(root, 'control')),
  });
  const control = (name: string): string => join(rig.root, 'control', name);
  const killFile = join(rig.root, 'kill-at');
  let versions = 0;
  const recovery: RecoveryRig = {
    ...rig,
    load: undefined,
    version(behaviour = {}, hold) {
      versions += 1;
      const holds = { 'hold-setup': hold === 'hold-setup', 'hold-smoke': hold === 'hold-smoke' };
      for (const [name, wanted] of Object.entries(holds)) if (!wanted) rmSync(join(rig.repo, name), { force: true });
      const held = Object.fromEntries(Object.entries(holds).flatMap(([name, wanted]) => (wanted ? [[name, `${versions}`]] : [])));
      return commitFiles(
        rig.repo,
        { ...FILES, ...held, 'behaviour.json': JSON.stringify({ name: `v${versions}`, ...behaviour }) },
        `Version ${versions}`,
      );
    },
    control,
    release: () => writeFileSync(control('release'), ''),
    hold() {
      for (const name of ['release', 'setup-runs', 'smoke-runs', 'deep-asked', 'health-asked', 'sigterm-seen'])
        rmSync(control(name), { force: true });
    },
    ask: (commit) => idOf(rig.client.deploy({ commit }, { async: true }), () => recovery.records()),
    askBack: () => idOf(rig.client.rollback({}, { async: true }), () => recovery.records()),
    askAgain: () =>
      idOf(createClient({ socket: layoutOf(rig.data).operatorSocket }).restart({}, { async: true }), () => recovery.records()),
    killAt: (point) => writeFileSync(killFile, JSON.stringify(point)),
    async died() {
      await until(
        () => !existsSync(killFile) && !running(rig.pid()),
        () => `the orchestrator is not at ${existsSync(killFile) ? readFileSync(killFile, 'utf8') : 'its end'}:\n${tail(rig.logFile)}`,
      );
    },
    inFlight: async () => (await proxyStatus(rig.home)).apps.flatMap((app) => app.in_flight).reduce((sum, it) => sum + it.requests, 0),
    proxyPid: async () => (await proxyStatus(rig.home)).pid,
    records: () =>
      readFileSync(layoutOf(rig.data).journal, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as JournalRecord),
  };
  await recovery.start();
  await recovery.live(recovery.version());
  if (load) {
    const visitors = startLoad({ url: `http://127.0.0.1:${rig.port}`, mix: { get: 1, 'get-new': 1, post: 1 }, pause_ms: 10 });
    recovery.load = visitors;
    t.after(async () => void (await visitors.stop()));
  }
  return recovery;
}

export interface Expected {
  /** How the attempt ended; `succeeded` when the switch had happened. */
  status: 'failed' | 'succeeded';
  code?: FailureCode;
  step?: StepName;
}

/** After a kill and a restart: the attempt told, the right release live, nothing lost, nothing left of what was under way, the journal whole. */
export async function expectRecovered(
  rig: RecoveryRig,
  { id, commit, before }: { id: string; commit: string; before: { commit: string; pid: number } },
  expected: Expected,
): Promise<AttemptView> {
  const attempt = await decided(rig, id);
  const told = { status: attempt.status, code: attempt.code, step: attempt.step };
  assert.deepEqual(told, { status: expected.status, code: expected.code, step: expected.step }, JSON.stringify(attempt, null, 2));
  assert.equal(attempt.promoted, expected.status === 'succeeded');
  const status = await rig.status();
  assert.equal(status.live_commit, expected.status === 'succeeded' ? commit : before.commit);
  assert.ok(status.healthy, 'not healthy');
  if (expected.status === 'failed') assert.equal(pidOf(status), before.pid, 'the live process is another one');
  assert.equal((await rig.visit()).body, `${pidOf(status)}\n`, 'another process serves');
  await atRest(rig);
  await expectNothingLeft(rig);
  await expectWhole(rig);
  return attempt;
}

/** What is live now, to be compared after a kill. */
export async function liveNow(rig: RecoveryRig): Promise<{ commit: string; pid: number }> {
  const status = await rig.status();
  assert.ok(status.healthy && pidOf(status) > 0, JSON.stringify(status));
  return { commit: status.live_commit, pid: pidOf(status) };
}

export async function decided(rig: RecoveryRig, id: string): Promise<AttemptView> {
  let view: AttemptView | null = null;
  await until(
    async () => {
      view = await rig.client.attempt(id);
      return view !== null && view.status !== 'running' && view.status !== 'queued';
    },
    () => `attempt ${id} is not decided: ${JSON.stringify(view)}\n${tail(rig.logFile)}`,
  );
  assert.ok(view);
  return view;
}

export async function atRest(rig: RecoveryRig): Promise<void> {
  let shown = '';
  await until(
    async () => {
      const status = await rig.status();
      shown = JSON.stringify(status);
      return status.healthy && status.attempt === null && status.queue.length === 0 && status.slots.every((it) => it.role !== 'retiring');
    },
    () => `not at rest: ${shown}\n${tail(rig.logFile)}`,
  );
}

/** Of app, setup and smoke test only what the status names runs. */
async function expectNothingLeft(rig: RecoveryRig): Promise<void> {
  const { slots } = await rig.status();
  const wanted = slots.flatMap(({ instance, pid }) => (pid > 0 ? [instance] : [])).sort();
  await until(
    () => {
      const found = [...instanceProcesses(rig.data).keys()].sort();
      return found.join() === wanted.join() && strangers(rig).length === 0;
    },
    () => `beside ${wanted} run ${[...instanceProcesses(rig.data).keys()]}; ${strangers(rig).map(commandOf).join('; ')}`,
  );
}

/** Processes in the slots that belong to no instance: left by setup, or git. */
function strangers(rig: RecoveryRig): number[] {
  const known = new Set([...instanceProcesses(rig.data).values()].flat());
  return processesOf(rig.data).filter((pid) => pid !== rig.pid() && !known.has(pid));
}

export async function expectWhole(rig: RecoveryRig): Promise<void> {
  assert.deepEqual((await verifyJournal(layoutOf(rig.data))).problems, []);
  const { journal } = await rig.status();
  assert.ok(journal.intact, journal.problem);
}

async function proxyStatus(home: string): Promise<ProxyStatus> {
  const { body } = await ask({ socket: join(proxyDirectory(home), 'proxy.sock'), path: '/' });
  return JSON.parse(body) as ProxyStatus;
}

async function idOf(asked: Promise<Accepted | DryRun | Refusal>, records: () => JournalRecord[]): Promise<string> {
  const answer = await asked.catch((error: Error) => error);
  if (answer instanceof Error) {
    const request = records().findLast(({ type }) => type.endsWith('_requested'))?.['request'] as { id: string } | undefined;
    assert.ok(request, 'no request is in the journal');
    return request.id;
  }
  assert.ok(answer.success && 'id' in answer, JSON.stringify(answer));
  return answer.id;
}

/** The visitors of the whole test, none of whom may have been turned away. */
export async function expectNoLoss(rig: RecoveryRig): Promise<void> {
  const report = await rig.load?.stop();
  assert.ok(report && report.ok > 0);
  assert.deepEqual(report.failures, []);
  assert.equal(report.failed, 0);
}

export function running(pid: number): boolean {
  const stat = procFile(pid, 'stat');
  return stat !== '' && !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
}

export const commandOf = (pid: number): string => `${pid} ${procFile(pid, 'cmdline').replaceAll('\0', ' ')}`;

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error);
    return '';
  }
}
