/** What the API serves, as functions over the runner: requests, status, history, events. Knows nothing of HTTP. */
import { randomBytes } from 'node:crypto';
import type {
  ApiAccess,
  ApprovalAnswer,
  AttemptDiff,
  AttemptView,
  DryRun,
  InstanceLogs,
  RouterKind,
  SlotView,
  Status,
  StepName,
} from '@greenroom/sdk/wire';
import { calledBy } from '../core/called-by.ts';
import type { Outcome } from '../core/commands.ts';
import { restartImpossible, rollbackImpossible } from '../core/machine/rules.ts';
import { type Plan, planDeploy, planOf } from '../core/plan.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { CalledBy, Request, State } from '../core/state.ts';
import type { Clock, GateOverride, Instance, Instances, Prober, Repo, SchemaCheck, Slots } from '../ports.ts';
import type { Runner } from '../runner.ts';
import { type FollowLogs, followLogs, type LogPiece } from './follow-logs.ts';
import { createLiveHealth } from './live-health.ts';
import { createLiveSchema } from './live-schema.ts';
import type { Previews } from './preview.ts';

export const STATUS_DEPLOYS = 10;
/** Of the lines of one answer together. */
const LOGS_MAX_BYTES = 256 * 1024;

/** A request before it has an id and a time. */
export type Ask = Omit<Request, 'id' | 'at' | 'human_head'>;

/** What became of a pull request, for a command. */
export type PullRequestAnswer =
  | { ok: true; change: 'opened' | 'updated' | 'unchanged' | 'nothing'; url: string }
  | { ok: false; error: string };

/** A person's word on a deploy that waits for it. */
export interface Decision extends CalledBy {
  id: string;
  state: 'approved' | 'denied';
  /** Who, for people. */
  by: string;
  reason: string;
}

export interface ServiceOptions {
  app: string;
  version: string;
  port: number;
  router: RouterKind;
  apiAccess: ApiAccess;
  humanBranch: string;
  ports: { repo: Repo; slots: Slots; instances: Instances; prober: Prober; schemaCheck: SchemaCheck; clock: Clock };
  runner: Runner;
  previews: Previews;
  journal(): { records: number; intact: boolean; problem: string };
  /** What is known of GitHub now; asked at each status, so it must not wait for anything. */
  forge(): Pick<Status, 'checks' | 'github_problem'>;
  /** Whether a turn of the coding agent is under way. */
  agentBusy(): boolean;
  /** Hides secrets in a text. */
  hide?(text: string): string;
}

export interface Service {
  ask(ask: Ask): Promise<{ id: string; outcome: Promise<Outcome> }>;
  dryRun(ask: Ask): Promise<Result<DryRun>>;
  status(): Promise<Status>;
  /** Stops deploys, of the agent or of everybody, until `thaw`. Replaces a freeze that is there. */
  freeze(freeze: { scope: 'agent' | 'all'; reason: string } & CalledBy): Promise<void>;
  /** Answers whether anything was frozen. */
  thaw(by: { reason: string } & CalledBy): Promise<boolean>;
  /** Lets one refusal of one commit pass. Fails with `commit_not_found`. */
  override(grant: GateOverride & { reason: string } & CalledBy): Promise<Result<{ commit: string }>>;
  /**
   * Lets the deploy that waits go live, or ends it. The same decision once more is answered alike; refused with a sentence when the attempt does not
   * wait (any more). Answers when it is in the journal, not when the deploy is live.
   */
  decide(decision: Decision): Promise<{ ok: true; answer: ApprovalAnswer } | { ok: false; error: string }>;
  /** Newest first. */
  attempts(limit: number): AttemptView[];
  attempt(id: string): AttemptView | undefined;
  /** Last lines of an instance's output; `instance` is an id or `live`. */
  logs(instance: string, lines: number): Promise<{ ok: true; logs: InstanceLogs } | { ok: false; error: string }>;
  /** The same as it comes; see `followLogs`. An instance that there is not has no output. */
  followLogs(follow: FollowLogs): AsyncGenerator<LogPiece, void, undefined>;
  /** What the attempt changes, or a sentence why that cannot be said. */
  diff(id: string): Promise<{ ok: true; diff: AttemptDiff } | { ok: false; error: string }>;
  state(): State;
  healthy(): Promise<boolean>;
  journal(): { records: number; intact: boolean; problem: string };
  /** Whether a turn of the coding agent is under way. */
  agentBusy(): boolean;
}

export function createService({
  app,
  version,
  port,
  router,
  apiAccess,
  humanBranch,
  ports,
  runner,
  previews,
  journal,
  forge,
  agentBusy,
  hide = (text) => text,
}: ServiceOptions): Service {
  const { clock, instances, prober, repo, schemaCheck, slots } = ports;
  const healthy = createLiveHealth({ live: liveInstance, prober, clock });
  const schemaOfLive = createLiveSchema({ state: () => runner.state(), live: liveInstance, schemaCheck, clock });

  function liveInstance(): Instance | undefined {
    const { live } = runner.state();
    return live?.instance ? instances.get(live.instance) : undefined;
  }

  async function ask(asked: Ask): Promise<{ id: string; outcome: Promise<Outcome> }> {
    const at = clock.now();
    const human_head = (await repo.branches())[humanBranch];
    return runner.request({ ...asked, id: newId(at), at, ...(human_head ? { human_head } : {}) });
  }

  async function dryRun(asked: Ask): Promise<Result<DryRun>> {
    const state = runner.state();
    if (asked.kind !== 'deploy') {
      const impossible = asked.kind === 'rollback' ? rollbackImpossible(state) : restartImpossible(state);
      const plan = planOf(asked.kind, state);
      if (impossible || !plan)
        return fail(impossible ?? { code: 'no_previous_release', error: 'There is no previous release to roll back to.' });
      return ok(describe(plan));
    }
    const resolved = await repo.resolve(asked.branch ? { branch: asked.branch } : { commit: asked.commit }, AbortSignal.timeout(60_000));
    return resolved.ok ? ok(describe({ ...planDeploy(state), commit: resolved.value.commit })) : resolved;
  }

  async function override({
    commit,
    code,
    fingerprint = '',
    reason,
    ...by
  }: GateOverride & { reason: string } & CalledBy): Promise<Result<{ commit: string }>> {
    const resolved = await repo.resolve({ commit }, AbortSignal.timeout(60_000));
    if (!resolved.ok) return resolved;
    await runner.dispatch({ type: 'override_granted', commit: resolved.value.commit, code, fingerprint, reason, ...calledBy(by) });
    return ok({ commit: resolved.value.commit });
  }

  async function status(): Promise<Status> {
    const [isHealthy, branches, schemaNow] = await Promise.all([healthy(), repo.branches(), schemaOfLive()]);
    const state = runner.state();
    const { live, previous, restart, watch } = state;
    return {
      live_slot: live?.slot ?? '',
      live_commit: live?.commit ?? '',
      previous_slot: previous?.slot ?? '',
      previous_commit: previous?.commit ?? '',
      last_deploy_time: state.promoted_at ? time(state.promoted_at) : '',
      healthy: isHealthy,
      app,
      version,
      port,
      router,
      api_access: apiAccess,
      slots: [slotView(state, 'a'), slotView(state, 'b')],
      attempt: (state.attempt && attempt(state.attempt.id)) ?? null,
      queue: state.queue.map(({ id, kind, commit, branch, trigger, at }) => ({
        id,
        kind,
        commit,
        branch,
        trigger,
        requested_at: time(at),
      })),
      watch: watch ? { id: watch.attempt, until: time(watch.until) } : null,
      quarantine: state.quarantine,
      consecutive_failures: state.consecutive_failures,
      restart: restart ? { attempt: restart.count, at: time(restart.at), last_exit: restart.why } : null,
      branches,
      agent: { busy: agentBusy() },
      schema: schemaNow,
      freeze: state.freeze && {
        scope: state.freeze.scope,
        reason: state.freeze.reason,
        ...calledBy(state.freeze),
        since: time(state.freeze.at),
      },
      overrides: state.overrides.map(({ at, ...it }) => ({ ...it, since: time(at) })),
      drift: state.drift.map(({ at, ...it }) => ({ ...it, since: time(at) })),
      ...forge(),
      journal: journal(),
      deploys: attempts(STATUS_DEPLOYS),
    };
  }

  function slotView(state: State, slot: 'a' | 'b'): SlotView {
    const { live, previous, standby, retiring, attempt } = state;
    const leaving = retiring.find((it) => it.slot === slot);
    const standing = standby?.slot === slot ? standby : null;
    const inAttempt = attempt?.slot === slot ? attempt : null;
    const instance = (live?.slot === slot ? live.instance : null) ?? inAttempt?.candidate ?? standing?.instance ?? leaving?.instance ?? '';
    const commit = state.slots[slot].commit || inAttempt?.resolved || '';
    return { slot, directory: slots.directory(slot), commit, role: role(), instance, pid: instances.get(instance)?.pid ?? 0 };

    function role(): SlotView['role'] {
      if (live?.slot === slot) return 'live';
      if (inAttempt) return 'candidate';
      if (standing) return 'standby';
      if (leaving) return 'retiring';
      if (previous?.slot === slot) return 'previous';
      return state.slots[slot].commit ? 'idle' : 'empty';
    }
  }

  async function logs(asked: string, lines: number): ReturnType<Service['logs']> {
    const { live } = runner.state();
    const id = asked === 'live' ? (live?.instance ?? '') : asked;
    if (id === '') return { ok: false, error: 'No instance is live now; GET /status shows what there is.' };
    const instance = instances.recall(id);
    if (!instance)
      return { ok: false, error: `There is no instance ${JSON.stringify(asked)}, or its log is gone; GET /status shows those that run.` };
    const { commit, slot } = instance;
    return { ok: true, logs: { instance: id, commit, slot, lines: await instances.tail(id, lines, LOGS_MAX_BYTES) } };
  }

  function attempts(limit: number): AttemptView[] {
    return [...runner.history().values()].reverse().slice(0, limit).map(previews.show);
  }

  function attempt(id: string): AttemptView | undefined {
    const view = runner.history().get(id);
    return view && previews.show(view);
  }

  async function diff(id: string): ReturnType<Service['diff']> {
    const view = runner.history().get(id);
    if (!view) return { ok: false, error: `There is no attempt ${JSON.stringify(id)}; GET /deploys lists them.` };
    const { commit, previous_commit: base } = view;
    if (commit === '') return { ok: false, error: `The ${view.kind} ${id} found no commit, so there is nothing to compare.` };
    const found = await repo.diff(base, commit);
    if (!found.ok) return found;
    const secret = view.code === 'gate_secret';
    const files = found.files.map((file) => ({ ...file, diff: secret ? '' : hide(file.diff) }));
    const withheld = secret ? 'The gate found a secret in it, so that only the names of the files are shown.' : '';
    return { ok: true, diff: { id, base, commit, files, more: found.more, withheld } };
  }

  async function decide({ id, state, by, reason, ...how }: Decision): ReturnType<Service['decide']> {
    if (runner.history().get(id)?.approval?.state === 'waiting') {
      await runner.dispatch(
        state === 'approved'
          ? { type: state, attempt: id, by, ...calledBy(how) }
          : { type: state, attempt: id, by, reason, ...calledBy(how) },
      );
    }
    // Read again: somebody else, or the time, may have been first.
    const view = runner.history().get(id);
    if (view?.approval?.state === state) return { ok: true, answer: { success: true, id, state } };
    return { ok: false, error: whyNotWaiting(id, view) };
  }

  return {
    ask,
    dryRun,
    status,
    override,
    freeze: (freeze) => runner.dispatch({ type: 'frozen', ...freeze }),
    async thaw(by) {
      const frozen = runner.state().freeze !== null;
      await runner.dispatch({ type: 'thawed', ...by });
      return frozen;
    },
    attempts,
    attempt,
    decide,
    logs,
    followLogs: (follow) => followLogs(instances, () => runner.state().live?.instance ?? '', follow),
    diff,
    state: () => runner.state(),
    healthy,
    journal,
    agentBusy,
  };
}

function whyNotWaiting(id: string, view: AttemptView | undefined): string {
  if (!view) return `There is no attempt ${JSON.stringify(id)}; "greenroom status" shows the one that waits.`;
  const { approval } = view;
  if (!approval) return `The ${view.kind} ${id} does not wait for approval: it is ${view.status}.`;
  const ends = {
    waiting: 'could not be decided',
    approved: `was approved by ${approval.by}`,
    denied: `was denied by ${approval.by}`,
    expired: 'was given up, because nobody decided in time',
    withdrawn: `ended before anybody decided: ${view.error ?? 'it is being undone.'}`,
  };
  return `The ${view.kind} ${id} ${ends[approval.state]}${ends[approval.state].endsWith('.') ? '' : '.'}`;
}

function describe({ kind, commit, slot, steps, aftermath, warm }: Plan): DryRun {
  const details: Record<StepName, string> = {
    resolve: `find commit ${commit.slice(0, 10)}`,
    gate: 'judge the commit before anything of it is checked out',
    prepare: `check out ${commit.slice(0, 10)} into slot ${slot}`,
    boot: `start an instance from slot ${slot} on fresh ports`,
    probe: warm ? `probe the standby ${warm}` : 'probe the new instance',
    promote: 'switch the route to it; from then on it is live',
    retire: 'drain and stop the instance that was live',
    publish: 'record what is live',
    watch: 'watch the new release; roll back by itself if it fails',
  };
  return {
    success: true,
    dry_run: true,
    kind,
    commit,
    slot,
    steps: [...steps, ...aftermath].map((step) => ({ step, detail: details[step] })),
  };
}

/** Sorts by time, is short enough to type, and never repeats. */
function newId(at: number): string {
  const stamp = new Date(at).toISOString().replace(/[-:]/g, '').slice(2, 15);
  return `${stamp}-${randomBytes(3).toString('hex')}`;
}

const time = (at: number): string => new Date(at).toISOString();
