/** The loop between deploys: is everything still as it should be? Gathers facts, asks `findDrift` what they mean, and acts on each finding once. */
import { type DriftView, SLOT_NAMES } from '@greenroom/sdk/wire';
import { type Facts, findDrift, type Limits } from './core/drift.ts';
import type { Drift, State } from './core/state.ts';
import type { Branches, BranchesView, Clock, Instances, Log, Prober, Repo, Router, SchemaCheck, Slots } from './ports.ts';
import type { HumanPush } from './runner/human-push.ts';
import type { LoopMeasures } from './runner/measured.ts';
import type { Runner } from './runner.ts';

const HEALTH_TIMEOUT_MS = 5_000;
const SCHEMA_TIMEOUT_MS = 5_000;
const RESCUES_KEPT_MS = 30 * 86_400_000;
const RESCUES_KEPT = 20;

export interface ReconcileOptions {
  runner: Runner;
  ports: {
    branches: Branches;
    clock: Clock;
    instances: Instances;
    prober: Prober;
    repo: Repo;
    router: Router;
    schemaCheck: SchemaCheck;
    slots: Slots;
  };
  humanPush: HumanPush;
  humanBranch: string;
  agentBranch: string;
  limits: Limits;
  intervalMs: number;
  /** Share of the data directory's file system that is used, 0 to 100. */
  diskPercent(): Promise<number>;
  journalProblem(): string;
  /** Deletes what can be made again, and never what is shared. */
  cleanUp(signal: AbortSignal): Promise<void>;
  /** Told after each round what it found, known or not. */
  onDrift(drift: readonly Drift[]): void;
  /** Counts the rounds, and keeps what the last one saw. */
  measures: LoopMeasures;
  /** What waits to be told to the world, as phrases. */
  pendingReports(): string[];
  /** Publishes the agent's branch up to the live commit. Empty, or why not. */
  publish(commit: string): Promise<string>;
  log: Log;
}

export interface Reconcile {
  /** One round, after any that is under way. With `dryRun` nothing is done, nor recorded. */
  run(dryRun: boolean): Promise<DriftView[]>;
  /** Somebody says that the human branch was pushed: what is there is asked of the remote, and waits for no round. Rejects when the remote cannot be asked. */
  pushed(): Promise<void>;
  start(): void;
  /** Ends the loop; a round that is under way is cut short. */
  stop(): Promise<void>;
}

export function createReconcile(options: ReconcileOptions): Reconcile {
  const { runner, ports, humanPush, limits, measures, log } = options;
  const { branches, clock, instances, prober, repo, router, schemaCheck, slots } = ports;
  const ended = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  let cancelTimer = (): void => undefined;
  let maintenance: { work: Promise<void>; makeWay: AbortController } | null = null;
  let resetWaits = '';
  let lastProblem = '';
  let humanHead = '';
  let liveCommit = runner.state().live?.commit;
  const unsubscribe = runner.subscribe(() => {
    const { attempt, live } = runner.state();
    if (attempt) maintenance?.makeWay.abort();
    if (live?.commit === liveCommit) return;
    liveCommit = live?.commit;
    last = last
      .then(dropReached)
      .catch((error: Error) => log(`what is live now could not be compared: ${error.message}`, { level: 'error' }));
  });

  function run(dryRun: boolean): Promise<DriftView[]> {
    const round = last.then(() => oneRound(dryRun));
    last = round.catch((error: Error) => {
      measures.rounds.add({ outcome: 'failed' });
      log(`a reconcile round broke off: ${error.stack ?? error.message}`, { level: 'error' });
    });
    return round;
  }

  async function pushed(): Promise<void> {
    maintenance?.makeWay.abort();
    const { human, problem } = await branches.refresh(ended.signal);
    humanHead = human.commit;
    await humanPush.deploy(human.commit, 'webhook');
    if (problem !== '') throw new Error(problem);
  }

  async function oneRound(dryRun: boolean): Promise<DriftView[]> {
    const view = await branches.refresh(ended.signal);
    humanHead = view.human.commit;
    const facts = await gather(view);
    const drift = findDrift(facts, runner.state(), limits, clock.now());
    const shown = drift.map(({ at, ...it }) => ({ ...it, since: new Date(at).toISOString() }));
    if (dryRun || ended.signal.aborted) return shown;
    noteProblem(view.problem);
    await remember(drift);
    // Each time, also when nothing is new: a crash may have come between the two.
    options.onDrift(drift);
    const state = runner.state();
    for (const finding of drift) {
      // What one finding cannot be helped with must not stand in the way of the others.
      await act(finding, facts, view).catch((error: Error) =>
        log(`${finding.name} could not be dealt with: ${error.stack ?? error.message}`, { level: 'error' }),
      );
    }
    if (facts.reset_waits !== resetWaits) await remember(findDrift({ ...facts, reset_waits: resetWaits }, state, limits, clock.now()));
    const { ahead, behind, unpublished } = view;
    measures.last = { at: clock.now(), ahead, behind, unpublished, disk_percent: facts.disk_percent };
    measures.rounds.add({ outcome: 'completed' });
    maintain();
    return shown;
  }

  /** A push that has just gone live is ahead no more: the next round may be minutes away. */
  async function dropReached(): Promise<void> {
    const { drift, live } = runner.state();
    const rest = drift.filter((it) => it.name !== 'human_ahead');
    if (rest.length === drift.length || !live || humanHead === '' || ended.signal.aborted) return;
    if (!(await repo.contains(live.commit, humanHead)) || runner.state().live?.commit !== live.commit) return;
    await remember(rest);
    humanPush.untell();
  }

  async function remember(drift: Drift[]): Promise<void> {
    if (JSON.stringify(drift) !== JSON.stringify(runner.state().drift)) await runner.dispatch({ type: 'drift_changed', drift });
  }

  function noteProblem(problem: string): void {
    if (problem !== '' && problem !== lastProblem) log(problem, { level: 'warn' });
    lastProblem = problem;
  }

  /** Off the round, and makes way for deploys: what it repacks can wait, and nobody waits for it. */
  function maintain(): void {
    if (maintenance || ended.signal.aborted) return;
    const makeWay = new AbortController();
    const work = branches
      .maintain(AbortSignal.any([ended.signal, makeWay.signal]))
      .then(
        ({ status, detail }) => (status === 'failed' ? log(`git maintenance failed: ${detail}`, { level: 'warn' }) : undefined),
        (error: Error) => log(`git maintenance broke off: ${error.stack ?? error.message}`, { level: 'error' }),
      )
      .finally(() => {
        maintenance = null;
      });
    maintenance = { work, makeWay };
  }

  async function gather(view: BranchesView): Promise<Facts> {
    const state = runner.state();
    const [push, merged, unpublishedParts, unhealthy, mismatch, changed, schema, disk] = await Promise.all([
      humanPush.facts(view.human.commit),
      branches.mergedState(),
      unpublished(view, state),
      healthProblem(state),
      mismatchProblem(state),
      changedSlots(state),
      schemaOf(state),
      options.diskPercent(),
    ]);
    return {
      ...push,
      human_branch: options.humanBranch,
      agent_branch: options.agentBranch,
      agent_ahead: view.ahead,
      agent_merged: merged.state === 'merged' || merged.state === 'partly' || merged.publishedLags,
      reset_waits: resetWaits,
      unpublished: unpublishedParts,
      unhealthy,
      mismatch,
      changed,
      schema,
      disk_percent: disk,
      journal_problem: options.journalProblem(),
    };
  }

  async function unpublished({ agent, human }: BranchesView, { live }: State): Promise<string[]> {
    const pending = options.pendingReports();
    // During an attempt it is the attempt that publishes.
    if (!live || runner.state().attempt || !agent.containsLive || human.containsLive) return pending;
    return (await repo.contains(agent.published, live.commit)) ? pending : [`branch ${options.agentBranch}`, ...pending];
  }

  async function healthProblem({ live }: State): Promise<string> {
    if (!live) return '';
    const instance = live.instance === null ? undefined : instances.get(live.instance);
    const problem = instance ? await prober.check(instance, HEALTH_TIMEOUT_MS) : 'no instance of it runs';
    // One that was replaced meanwhile may have ended for that reason.
    return runner.state().live?.instance === live.instance ? problem : '';
  }

  async function schemaOf({ live }: State): Promise<Facts['schema']> {
    const instance = live?.instance ? instances.get(live.instance) : undefined;
    const said = instance ? await schemaCheck.read(instance, SCHEMA_TIMEOUT_MS, ended.signal) : null;
    return runner.state().live?.instance === live?.instance ? said : null;
  }

  async function mismatchProblem(state: State): Promise<string | null> {
    const { live, attempt } = state;
    if (!live || live.instance === null) return '';
    // While an attempt is at work the route may change between two looks.
    if (attempt) return null;
    const routed = await router.current().catch((error: Error) => error);
    if (runner.state().live?.instance !== live.instance || runner.state().attempt) return null;
    if (routed instanceof Error) return `The proxy does not say where requests go: ${routed.message}`;
    if (routed !== live.instance) return `Requests go to ${routed ?? 'nothing'}, but ${live.instance} is live.`;
    const running = instances.get(live.instance);
    return running && running.commit !== live.commit ? `The live instance runs ${running.commit}, but ${live.commit} is live.` : '';
  }

  async function changedSlots(state: State): Promise<Facts['changed']> {
    if (state.attempt) return null;
    const found: NonNullable<Facts['changed']> = [];
    for (const slot of ['a', 'b'] as const) {
      if (!state.slots[slot].ready) continue;
      // A slot that cannot even be compared was tampered with most of all.
      const paths = await slots.changes(slot).catch((error: Error) => [`it cannot be compared (${error.message})`]);
      if (paths.length > 0) found.push({ slot, paths });
    }
    return runner.state().attempt ? null : found;
  }

  async function act(finding: Drift, facts: Facts, view: BranchesView): Promise<void> {
    if (ended.signal.aborted) return;
    switch (finding.action) {
      case 'deploy':
        return humanPush.deploy(facts.human_head, 'reconcile');
      case 'restore':
        return restoreSlots(facts);
      case 'clean':
        await options.cleanUp(ended.signal);
        await discardStale();
        return void (await branches.expireRescues({ maxAgeMs: RESCUES_KEPT_MS, keep: RESCUES_KEPT }));
      case 'publish': {
        const { live } = runner.state();
        if (!live || !view.agent.containsLive) return;
        const began = clock.now();
        const error = await options.publish(live.commit);
        return runner.dispatch({ type: 'published', attempt: live.attempt, ms: clock.now() - began, error });
      }
      case 'reset': {
        const reset = await branches.resetMachine(ended.signal);
        resetWaits = reset.status === 'postponed' ? reset.detail : '';
        if (reset.status === 'reset') log(reset.detail);
        return;
      }
      case 'alert':
        if (finding.name === 'human_ahead') humanPush.tell(facts.human_head);
        return;
      case 'none':
        return;
      default: {
        const exhaustive: never = finding.action;
        throw new Error(`unknown action ${JSON.stringify(exhaustive)}`);
      }
    }
  }

  /** A slot that holds neither the live release nor the way back. */
  async function discardStale(): Promise<void> {
    for (const slot of SLOT_NAMES) {
      const { attempt, live, previous, standby, retiring } = runner.state();
      const needed = [live, previous, standby, ...retiring].some((it) => it?.slot === slot);
      if (!attempt && !needed && (await slots.discard(slot)))
        log(`slot ${slot} was emptied: the disk is full, and nothing needs what it held`, { slot });
    }
  }

  async function restoreSlots(facts: Facts): Promise<void> {
    for (const { slot } of facts.changed ?? []) {
      const { slots: known, attempt } = runner.state();
      // A deploy that began meanwhile saves the edits itself.
      if (attempt || !known[slot].ready) return;
      await slots.restore(slot, known[slot].commit);
    }
  }

  function next(ms: number): void {
    cancelTimer = clock.after(ms, () => {
      void run(false)
        .catch(() => undefined)
        .then(() => {
          if (!ended.signal.aborted) next(options.intervalMs);
        });
    });
  }

  return {
    run,
    pushed,
    start: () => next(options.intervalMs),
    async stop() {
      ended.abort();
      cancelTimer();
      unsubscribe();
      await last;
      await maintenance?.work;
    },
  };
}
