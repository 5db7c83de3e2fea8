/** The loop between deploys: is everything still as it should be? Gathers facts, asks `findDrift` what they mean, and acts on each finding once. */
import type { DriftView } from '@greenroom/sdk/wire';
import { type Facts, findDrift, type Limits } from './core/drift.ts';
import type { Drift, State } from './core/state.ts';
import type { Branches, BranchesView, Clock, Instances, Prober, Repo, Router, Slots } from './ports.ts';
import type { HumanPush } from './runner/human-push.ts';
import type { Runner } from './runner.ts';

/** After a start the loop leaves the app this long in peace. */
export const FIRST_ROUND_MS = 10_000;
const HEALTH_TIMEOUT_MS = 5_000;
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
  /** What waits to be told to the world, as phrases; and tells it. */
  /** Told what a round found anew, or no longer. */
  onDrift(before: readonly Drift[], after: readonly Drift[]): void;
  outbox: { pending(): string[]; drain(signal: AbortSignal): Promise<void> };
  log(message: string): void;
}

export interface Reconcile {
  /** One round, after any that is under way. With `dryRun` nothing is done, nor recorded. */
  run(dryRun: boolean): Promise<DriftView[]>;
  start(): void;
  /** Ends the loop; a round that is under way is cut short. */
  stop(): Promise<void>;
}

export function createReconcile(options: ReconcileOptions): Reconcile {
  const { runner, ports, humanPush, limits, log } = options;
  const { branches, clock, instances, prober, repo, router, slots } = ports;
  const ended = new AbortController();
  let last: Promise<unknown> = Promise.resolve();
  let cancelTimer = (): void => undefined;

  function run(dryRun: boolean): Promise<DriftView[]> {
    const round = last.then(() => oneRound(dryRun));
    last = round.catch((error: Error) => log(`a reconcile round broke off: ${error.stack ?? error.message}`));
    return round;
  }

  async function oneRound(dryRun: boolean): Promise<DriftView[]> {
    const view = await branches.refresh(ended.signal);
    const facts = await gather(view);
    const drift = findDrift(facts, runner.state(), limits, clock.now());
    const shown = drift.map(({ at, ...it }) => ({ ...it, since: new Date(at).toISOString() }));
    if (dryRun || ended.signal.aborted) return shown;
    const before = runner.state().drift;
    if (JSON.stringify(drift) !== JSON.stringify(before)) {
      await runner.dispatch({ type: 'drift_changed', drift });
      options.onDrift(before, drift);
    }
    for (const finding of drift) await act(finding, facts, view);
    // Whatever the round found, the repository is kept small and the world is kept informed.
    await options.outbox.drain(ended.signal);
    await branches.maintain(ended.signal);
    return shown;
  }

  async function gather(view: BranchesView): Promise<Facts> {
    const state = runner.state();
    const live = state.live?.commit ?? '';
    const [containsHuman, agentWork, merged, unhealthy, mismatch, changed, disk] = await Promise.all([
      live !== '' && view.human.commit !== '' ? repo.contains(live, view.human.commit) : false,
      humanPush.wouldDropAgentWork(view.human.commit),
      branches.mergedState(),
      healthProblem(state),
      mismatchProblem(state),
      changedSlots(state),
      options.diskPercent(),
    ]);
    return {
      human_head: view.human.commit,
      human_branch: options.humanBranch,
      live_contains_human: containsHuman,
      live_has_agent_work: agentWork,
      agent_branch: options.agentBranch,
      agent_ahead: view.ahead,
      agent_merged: merged.state === 'merged',
      unpublished: await unpublished(view, state),
      unhealthy,
      mismatch,
      changed,
      disk_percent: disk,
      journal_problem: options.journalProblem(),
    };
  }

  async function unpublished({ agent, human, ...view }: BranchesView, { live }: State): Promise<string[]> {
    const pending = options.outbox.pending();
    if (live === null || !agent.containsLive || human.containsLive || view.unpublished === 0) return pending;
    // What is published may be ahead of what is live: commits that were pushed before their promotion and then failed.
    return (await repo.contains(agent.published, live.commit)) ? pending : [`branch ${options.agentBranch}`, ...pending];
  }

  async function healthProblem({ live }: State): Promise<string> {
    if (!live) return '';
    const instance = live.instance === null ? undefined : instances.get(live.instance);
    return instance ? prober.check(instance, HEALTH_TIMEOUT_MS) : 'no instance of it runs';
  }

  async function mismatchProblem(state: State): Promise<string> {
    const { live, attempt } = state;
    // While an attempt is at work the route may change between two looks.
    if (!live || live.instance === null || attempt) return '';
    const routed = await router.current();
    if (runner.state().live?.instance !== live.instance || runner.state().attempt) return '';
    if (routed !== live.instance) return `Requests go to ${routed ?? 'nothing'}, but ${live.instance} is live.`;
    const running = instances.get(live.instance);
    return running && running.commit !== live.commit ? `The live instance runs ${running.commit}, but ${live.commit} is live.` : '';
  }

  async function changedSlots(state: State): Promise<Facts['changed']> {
    if (state.attempt) return [];
    const found: Facts['changed'] = [];
    for (const slot of ['a', 'b'] as const) {
      if (!state.slots[slot].ready) continue;
      const paths = await slots.changes(slot);
      if (paths.length > 0) found.push({ slot, paths });
    }
    return found;
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
        return void (await branches.expireRescues({ maxAgeMs: RESCUES_KEPT_MS, keep: RESCUES_KEPT }));
      case 'publish': {
        const { live } = runner.state();
        if (live && view.agent.containsLive) log((await branches.pushMachine(live.commit, ended.signal)).detail);
        return;
      }
      case 'reset': {
        const reset = await branches.resetMachine(ended.signal);
        if (reset.status !== 'not_needed') log(reset.detail);
        return;
      }
      case 'alert':
      case 'none':
        return;
      default: {
        const exhaustive: never = finding.action;
        throw new Error(`unknown action ${JSON.stringify(exhaustive)}`);
      }
    }
  }

  async function restoreSlots(facts: Facts): Promise<void> {
    for (const { slot } of facts.changed) {
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
    start: () => next(Math.min(FIRST_ROUND_MS, options.intervalMs)),
    async stop() {
      ended.abort();
      cancelTimer();
      await last;
    },
  };
}
