import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { alive, kill } from '../../src/harness/processes.ts';
import { faulty } from './faults.ts';
import { boot, healthy, type Instance, probe, processesOf, stop } from './instances.ts';
import type { Contract } from './main.ts';
import type { Repo } from './repo.ts';
import type { Route } from './route.ts';
import { schemaProblem } from './schema.ts';

type Slot = 'a' | 'b';
export interface Release {
  slot: Slot;
  commit: string;
}
export interface AttemptRequest {
  kind: 'deploy' | 'rollback';
  commit?: string;
  branch?: string;
  reason?: string;
  trigger?: string;
  dry_run?: boolean;
}
interface Step {
  step: string;
  status: 'succeeded' | 'failed';
  started_at: string;
  duration_ms: number;
}
export interface Attempt extends AttemptRequest {
  id: string;
  status: 'succeeded' | 'failed';
  promoted: boolean;
  slot: string;
  previous_commit: string;
  step: string;
  code: string;
  error: string;
  steps: Step[];
}
interface State {
  live: Instance | null;
  previous: Release | null;
  lastDeploy: number;
  /** Instance id of the attempt under way. */
  candidate: string;
  /** What the state will be if the route says that the candidate is live. */
  next: { live: Instance; previous: Release | null } | null;
}

export interface Deployer {
  recover(): Promise<void>;
  attempt(request: AttemptRequest): Promise<Attempt>;
  status(): Record<string, unknown>;
  attempts(): Attempt[];
  stop(): Promise<void>;
}

const TICK_MS = 50;
const FIRST_BACK_OFF_MS = 1_000;
const MAX_BACK_OFF_MS = 10_000;
const LATE_SWITCH_MS = 500;
const DEFAULT_DRAIN_MS = 10_000;

export function createDeployer(contract: Contract, data: string, repo: Repo, route: Route): Deployer {
  const stateFile = `${data}/state.json`;
  const journalFile = `${data}/journal.jsonl`;
  const drainMs = contract.drain_timeout_ms ?? DEFAULT_DRAIN_MS;
  let state: State = { live: null, previous: null, lastDeploy: 0, candidate: '', next: null };
  const journal: Attempt[] = [];
  let turn: Promise<unknown> = Promise.resolve();
  let retirement: Promise<unknown> = Promise.resolve();
  let holds = false;
  let restarting = false;
  let rolledBack = 0;
  let stopping = false;
  let promoting = false;

  const save = (): void => {
    writeFileSync(`${stateFile}.new`, JSON.stringify(state));
    renameSync(`${stateFile}.new`, stateFile);
  };
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const done = turn.then(work);
    turn = done.catch((error: unknown) => error);
    return done;
  };
  // Without a mutex git still has to take turns: its lock files would refuse the second deploy, which is not the violation meant.
  const alone = <T>(work: () => Promise<T>): Promise<T> => (faulty('no-mutex') ? exclusive(work) : work());
  const start = (release: Release, directory: string, id: string): Promise<Instance> => {
    state.candidate = id;
    save();
    return boot(contract, data, directory, release.slot, release.commit, id);
  };

  async function promote(next: Instance, previous: Release | null, counts: boolean): Promise<void> {
    const old = state.live;
    promoting = true;
    state.next = { live: next, previous };
    save();
    const stopsFirst = faulty('stop-before-switch') || (faulty('rollback-stops-first') && counts && rolledBack > 0);
    if (old && stopsFirst) {
      await stop(old.instance, old.pid, drainMs);
      // Long enough for any client to notice.
      await delay(LATE_SWITCH_MS);
    }
    const late = faulty('answer-before-switch') && old !== null;
    if (!late) await route.switchTo(next);
    state = { live: next, previous, lastDeploy: counts ? Date.now() : state.lastDeploy, candidate: '', next: null };
    holds = true;
    promoting = false;
    save();
    retirement = (async () => {
      if (late) {
        await delay(LATE_SWITCH_MS);
        await route.switchTo(next);
      }
      if (!old || faulty('never-retire')) return;
      if (!faulty('no-drain')) await route.drain(old.instance, drainMs);
      await stop(old.instance, old.pid, faulty('no-drain') ? drainMs : Math.min(drainMs, 500));
    })().catch((error: unknown) => process.stderr.write(`retire: ${String(error)}\n`));
    if (faulty('answer-after-drain')) await retirement;
  }

  async function run(request: AttemptRequest): Promise<Attempt> {
    const attempt: Attempt = {
      ...request,
      id: crypto.randomUUID(),
      commit: request.commit ?? '',
      branch: request.branch ?? '',
      reason: faulty('no-reason') ? '' : (request.reason ?? ''),
      trigger: request.trigger ?? 'manual',
      status: 'failed',
      promoted: false,
      slot: '',
      previous_commit: state.live?.commit ?? '',
      step: '',
      code: '',
      error: '',
      steps: [],
    };
    const step = async <T>(name: string, work: () => Promise<T>, judge: (value: T) => string): Promise<T | undefined> => {
      if (attempt.code) return undefined;
      const begun = Date.now();
      const value = await work();
      attempt.code = judge(value);
      if (attempt.code) Object.assign(attempt, { step: name, error: `${name} failed: ${attempt.code}` });
      const status = attempt.code ? 'failed' : 'succeeded';
      attempt.steps.push({ step: name, status, started_at: new Date(begun).toISOString(), duration_ms: Date.now() - begun });
      return value;
    };
    const deploys = request.kind === 'deploy';
    let candidate: Instance | undefined;

    const planned = async (): Promise<Release | undefined> => {
      if (!deploys) {
        if (faulty('rollback-once') && rolledBack > 0) return undefined;
        const to = state.previous;
        return faulty('rollback-reboots-live') && to && state.live ? { slot: to.slot, commit: state.live.commit } : (to ?? undefined);
      }
      const commit = await alone(() => repo.resolve(request));
      if (commit) return { slot: state.live?.slot === 'a' ? 'b' : 'a', commit };
      if (faulty('unknown-commit-unroutes')) await route.switchTo(null);
      return undefined;
    };
    const unknown = faulty('vague-code') ? 'slot_failed' : 'commit_not_found';
    const release = await step('resolve', planned, (found) => (found ? '' : deploys ? unknown : 'no_previous_release'));
    if (faulty('rollback-always-succeeds') && attempt.code === 'no_previous_release') return { ...attempt, code: '', status: 'succeeded' };
    if (!release) return attempt;
    Object.assign(attempt, { commit: release.commit, slot: release.slot });
    if (request.dry_run && !faulty('dry-run-deploys')) return { ...attempt, status: 'succeeded' };
    if (!faulty('no-mutex')) await retirement;
    const directory = await step(
      'prepare',
      () => alone(() => repo.prepare(release.slot, release.commit)),
      () => '',
    );
    const work = async (): Promise<void> => {
      candidate = await step(
        'boot',
        () => start(release, directory ?? '', attempt.id),
        () => '',
      );
      if (!candidate) return;
      const booted = candidate;
      if (faulty('promote-before-probe') && state.live) await route.switchTo(booted);
      const unprobed = faulty('rollback-unprobed') && !deploys;
      await step('probe', () => (unprobed ? Promise.resolve('') : probe(contract, booted)), String);
      const anySchema = faulty('rollback-any-schema') && !deploys;
      const problem = attempt.code || anySchema ? '' : await schemaProblem(contract, booted);
      if (problem) {
        await step(
          'probe',
          async () => problem,
          () => 'schema_incompatible',
        );
        attempt.error = problem;
      }
      const smoke = contract.smoke_test_command;
      if (smoke && !faulty('smoke-ignored')) {
        await step(
          'probe',
          async () => spawnSync('/bin/sh', ['-c', smoke], { cwd: directory }).status,
          (code) => (code === 0 ? '' : 'smoke_failed'),
        );
      }
      if (attempt.code && faulty('promote-before-probe')) await route.switchTo(state.live);
      if (attempt.code && !faulty('leave-candidate')) await stop(booted.instance, booted.pid, 200);
      if (!deploys && !attempt.code) rolledBack += 1;
      const previous = state.live ? { slot: state.live.slot, commit: state.live.commit } : null;
      await step(
        'promote',
        () => promote(booted, previous, true),
        () => '',
      );
    };
    await work();
    if (!attempt.code) Object.assign(attempt, { status: 'succeeded', promoted: true });
    return attempt;
  }

  async function record(attempt: Attempt): Promise<Attempt> {
    if (attempt.dry_run || (faulty('journal-successes-only') && !attempt.promoted)) return attempt;
    journal.push(attempt);
    if (!faulty('journal-in-memory')) appendFileSync(journalFile, `${JSON.stringify(attempt)}\n`);
    return attempt;
  }

  /** Boots a release outside an attempt: after a crash of the app, or at start. */
  async function bootAgain(release: Release): Promise<boolean> {
    const directory = await repo.prepare(release.slot, release.commit);
    const instance = await start(release, directory, crypto.randomUUID());
    if ((await probe(contract, instance)) !== '') {
      await stop(instance.instance, instance.pid, 0);
      return false;
    }
    await promote(instance, state.previous, false);
    return true;
  }

  async function watch(): Promise<void> {
    let checked = 0;
    while (!stopping) {
      await delay(TICK_MS);
      const live = state.live;
      // An instance that is being replaced is the promotion's to end.
      if (!live || stopping || promoting) continue;
      if (alive(live.pid)) {
        if (Date.now() - checked < 200) continue;
        checked = Date.now();
        holds = faulty('healthy-is-running') || (await healthy(contract, live));
      } else {
        holds = false;
        await restart(live);
      }
    }
  }

  async function restart(dead: Instance): Promise<void> {
    await route.switchTo(null);
    await stop(dead.instance, dead.pid, 0);
    const watched = Date.now() - state.lastDeploy < (contract.watch_ms ?? 0) && state.previous;
    if (watched && !faulty('no-watch')) {
      await exclusive(() => run({ kind: 'rollback' }).then(record));
      return;
    }
    if (faulty('no-restart')) return void (await delay(MAX_BACK_OFF_MS));
    restarting = true;
    let backOff = faulty('no-back-off') ? TICK_MS : FIRST_BACK_OFF_MS;
    for (;;) {
      await delay(backOff);
      if (!faulty('no-back-off')) backOff = Math.min(backOff * 2, MAX_BACK_OFF_MS);
      // A deploy may have replaced it meanwhile.
      const done = await exclusive(async () => stopping || state.live?.instance !== dead.instance || (await bootAgain(dead)));
      if (done) break;
    }
    restarting = false;
  }

  return {
    async recover() {
      if (existsSync(stateFile)) state = JSON.parse(readFileSync(stateFile, 'utf8'));
      if (existsSync(journalFile)) for (const line of readFileSync(journalFile, 'utf8').trim().split('\n')) journal.push(JSON.parse(line));
      const routed = await route.current();
      if (state.next && routed?.instance === state.next.live.instance) state = { ...state, ...state.next, lastDeploy: Date.now() };
      if (faulty('forget-previous-on-recovery')) state.previous = null;
      const { candidate } = state;
      const keeps = (id: string): boolean =>
        (faulty('keep-candidate') && id === candidate) || (faulty('keep-retiring') && id !== candidate);
      for (const { pid } of processesOf((id) => id !== state.live?.instance && !keeps(id), data)) kill(pid, 'SIGKILL');
      state = { ...state, candidate: '', next: null };
      save();
      if (state.live && !faulty('reboot-on-recovery') && alive(state.live.pid)) {
        if (routed?.instance !== state.live.instance) await route.switchTo(state.live);
        holds = await healthy(contract, state.live);
      } else if (state.live && !faulty('no-boot-after-power-off')) {
        if (!alive(state.live.pid)) await route.switchTo(null);
        await bootAgain(state.live);
      } else {
        state.live = null;
        await route.switchTo(null);
      }
      void watch();
    },
    attempt(request) {
      if (request.kind === 'deploy' && restarting && faulty('busy-while-restarting')) throw new Error('a restart is under way');
      const work = (): Promise<Attempt> => run(request).then(record);
      return faulty('no-mutex') ? work() : exclusive(work);
    },
    status() {
      const named = (slot: Slot | undefined): string | null =>
        slot ? (faulty('one-slot-name') ? 'a' : slot) : faulty('status-null') ? null : '';
      const previous = faulty('status-without-previous') ? null : state.previous;
      const time = faulty('time-in-seconds') ? state.lastDeploy / 1000 : new Date(state.lastDeploy).toISOString();
      return {
        live_slot: named(state.live?.slot),
        live_commit: state.live?.commit ?? '',
        previous_slot: named(previous?.slot),
        previous_commit: previous?.commit ?? '',
        last_deploy_time: state.lastDeploy ? time : '',
        healthy: faulty('always-healthy') ? state.live !== null : state.live !== null && holds && alive(state.live.pid),
      };
    },
    attempts: () => (faulty('journal-oldest-first') ? journal : journal.toReversed()),
    async stop() {
      stopping = true;
      await route.switchTo(null);
      if (state.live) await stop(state.live.instance, state.live.pid, drainMs, true);
      if (!faulty('stop-leader-only')) for (const { pid } of processesOf(() => true, data)) kill(pid, 'SIGKILL');
      if (faulty('forget-on-stop')) rmSync(stateFile, { force: true });
    },
  };
}
