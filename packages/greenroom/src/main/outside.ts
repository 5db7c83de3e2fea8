/** Composition of everything that happens between deploys and beyond this machine: branches, GitHub, webhook, alerts, the reconcile loop. */
import { join } from 'node:path';
import { type AttemptView, DRIFT_NAMES, type DriftView, type Status } from '@greenroom/sdk/wire';
import { agentBusy } from '../orchestrator/adapters/agent-turn.ts';
import { createAlerts } from '../orchestrator/adapters/alerts/alerts.ts';
import { readSecretValues } from '../orchestrator/adapters/alerts/secret-values.ts';
import { openDeliveries } from '../orchestrator/adapters/deliveries.ts';
import { deleteOldLogs, diskPercent } from '../orchestrator/adapters/disk.ts';
import { createBranches } from '../orchestrator/adapters/git/branches.ts';
import type { OpenedRepo } from '../orchestrator/adapters/git/repo.ts';
import type { GitHub } from '../orchestrator/adapters/github/github.ts';
import { deploysSummary } from '../orchestrator/adapters/github/summary.ts';
import type { WebhookSettings } from '../orchestrator/adapters/github/webhook-settings.ts';
import { type Outbox, openOutbox } from '../orchestrator/adapters/outbox.ts';
import { ListenError } from '../orchestrator/api/listen.ts';
import { listenWebhook, type WebhookListener } from '../orchestrator/api/webhook.ts';
import { driftAlerts, journalAlert } from '../orchestrator/core/alerting.ts';
import type { Contract } from '../orchestrator/core/contract.ts';
import { createCounter } from '../orchestrator/core/measures.ts';
import type { Drift } from '../orchestrator/core/state.ts';
import type { Layout } from '../orchestrator/layout.ts';
import type { Clock, Instances, Log, Prober, PushReport, Router, SchemaCheck, Secrets, Slots } from '../orchestrator/ports.ts';
import { createReconcile, type Reconcile } from '../orchestrator/reconcile.ts';
import { watchForAlerts } from '../orchestrator/runner/alerting.ts';
import { createHumanPush } from '../orchestrator/runner/human-push.ts';
import type { LoopMeasures, Measured } from '../orchestrator/runner/measured.ts';
import type { PullRequestAnswer, Service } from '../orchestrator/runner/service.ts';
import type { Runner } from '../orchestrator/runner.ts';
import { type Checks, createChecks } from './checks.ts';
import { createGaveUp } from './gave-up.ts';
import { alertLimits } from './limit-alerts.ts';

const REPORTED_AGAIN_MS = 86_400_000;
/** Reports to GitHub that wait no longer than this are on their way, and no drift. */
const REPORTS_MAY_TAKE_MS = 30_000;
/** However soon the outbox wants to try again. */
const LEAST_RETRY_MS = 500;

const PUSH_REJECTED = { key: 'push_rejected', kind: 'push_rejected', severity: 'warning' } as const;

/** For alerts, so that whatever a round does not find is over, also after a crash. */
const EVERY_DRIFT: readonly Drift[] = DRIFT_NAMES.map((name) => ({ name, detail: '', action: 'none', at: 0 }));

export interface OutsideOptions {
  app: string;
  contract: Contract;
  layout: Layout;
  repo: OpenedRepo;
  github: GitHub | null;
  webhook: WebhookSettings | null;
  ports: { clock: Clock; instances: Instances; prober: Prober; router: Router; schemaCheck: SchemaCheck; secrets: Secrets; slots: Slots };
  journalProblem(): string;
  log: Log;
}

/** What the runner needs of the outside, before there is a runner. */
export interface Outside {
  /** Publishes the agent's branch up to the promoted commit. Empty, or why not. */
  pushPromoted(commit: string): Promise<string>;
  /** Lets the project's CI see a commit of the agent's branch that the gate let pass, when the contract wants that. Never waited for. */
  pushGated(commit: string): void;
  /** What is known of GitHub now. */
  forge(): Pick<Status, 'checks' | 'github_problem'>;
  measures: Pick<Measured, 'loop' | 'alerts' | 'reportsWaiting'>;
  /** From before the machine runs: what recovery finds is worth an alert too. */
  watch(runner: Runner): void;
  /** Takes up the work, once the machine runs. */
  connect(runner: Runner, service: Service): Promise<Connected>;
}

export interface Connected {
  reconcile(dryRun: boolean): Promise<DriftView[]>;
  pullRequest(): Promise<PullRequestAnswer>;
  close(): Promise<void>;
}

export async function openOutside(options: OutsideOptions): Promise<Outside> {
  const { app, contract, layout, repo, github, ports, log } = options;
  const { clock, instances } = ports;
  const ended = new AbortController();
  const loop: LoopMeasures = { rounds: createCounter([{ outcome: 'completed' }, { outcome: 'failed' }]), last: null };
  let runner: Runner | null = null;
  let stopAlerts = (): void => undefined;
  let cancelDelivery = (): void => undefined;
  const attemptRunning = (): boolean => (runner?.state().attempt ?? null) !== null;
  const branches = createBranches({ layout, repo, contract, log, agentBusy: () => agentBusy(layout), attemptRunning, now: clock.now });
  const alerts = await createAlerts({ app, contract, secrets: ports.secrets, clock, folder: join(layout.data, 'alerts'), log });
  // Left alone without GitHub: what waits there survives a missing token.
  const outbox = github && (await openOutbox({ folder: join(layout.data, 'outbox'), handlers: github.handlers, log, now: clock.now }));
  const checks = github && checksOf(github);
  alerts.send(journalAlert(options.journalProblem()));

  async function pushPromoted(commit: string): Promise<string> {
    const report = await branches.pushMachine(commit, ended.signal);
    if (report.status === 'not_on_branch') return '';
    if (report.status !== 'pushed' && report.status !== 'up_to_date')
      return report.status === 'aborted' ? report.detail : pushProblem(report);
    alerts.send({ ...PUSH_REJECTED, title: `${report.branch} is published again`, detail: report.detail, resolved: true });
    if (report.status === 'up_to_date') {
      // Pushed before its promotion, but offered only now that it is live.
      if (contract.push_before_promotion && !(await isHuman(commit))) await offerPullRequest(commit);
      return '';
    }
    log(report.detail, { commit });
    await offerPullRequest(commit);
    return '';
  }

  async function isHuman(commit: string): Promise<boolean> {
    return await repo.contains((await repo.branches())[contract.human_branch] ?? '', commit);
  }

  function pushGated(commit: string): void {
    if (!contract.push_before_promotion) return;
    branches.pushMachine(commit, ended.signal).then(
      (report) => {
        if (!['not_on_branch', 'up_to_date', 'aborted'].includes(report.status)) log(`Before its promotion: ${report.detail}`, { commit });
      },
      (error: Error) =>
        log(`${commit} could not be pushed before its promotion: ${error.stack ?? error.message}`, { level: 'error', commit }),
    );
  }

  function checksOf(asked: GitHub): Checks {
    return createChecks({
      async commits() {
        const agent = (await repo.branches())[contract.agent_branch];
        return [agent, runner?.state().live?.commit].filter((it) => it !== undefined);
      },
      ask: (commit) => asked.checks(commit, ended.signal),
      now: clock.now,
      log,
    });
  }

  function forge(): Pick<Status, 'checks' | 'github_problem'> {
    checks?.look();
    return { checks: checks?.view() ?? null, github_problem: github?.problem() ?? '' };
  }

  function pushProblem(report: PushReport): string {
    // Unreachable is for the loop to try again; the others want a person.
    if (report.status !== 'unreachable') {
      alerts.send({ ...PUSH_REJECTED, title: `${report.branch} was not published`, detail: report.detail });
    }
    return report.detail;
  }

  async function offerPullRequest(commit: string): Promise<void> {
    if (!github || !outbox || !contract.auto_pull_request) return;
    await outbox.enqueue(github.pullRequestJob(await pullRequestOf(runner), commit));
    deliver(outbox);
  }

  /** Delivers what is due, and what is not due yet when it is. */
  function deliver(box: Outbox): void {
    cancelDelivery();
    void box.drain(ended.signal).then(() => {
      const { next } = box.pending();
      cancelDelivery();
      if (next > 0 && !ended.signal.aborted) cancelDelivery = clock.after(Math.max(LEAST_RETRY_MS, next - clock.now()), () => deliver(box));
    });
  }

  async function pullRequestOf(from: Runner | null): Promise<{ head: string; base: string; title: string; summary: string }> {
    const attempts = [...(from?.history().values() ?? [])]
      .reverse()
      .filter((it) => it.branch === contract.agent_branch || it.trigger === 'agent');
    const { agent_branch: head, human_branch: base } = contract;
    const { mask, problem } = await readSecretValues(contract, [], ports.secrets);
    // Secrets that are not known cannot be hidden: then no reason is shown.
    const hide = problem === '' ? mask : () => '';
    return { head, base, title: `Changes of ${head} that are live or were`, summary: deploysSummary(app, attempts, hide) };
  }

  function watch(watched: Runner): void {
    runner = watched;
    const stops = [
      watchForAlerts(watched, alerts, contract),
      alertLimits({ instances: ports.instances, alert: (it) => alerts.send(it), log }),
    ];
    stopAlerts = () => {
      for (const stop of stops) stop();
    };
  }

  async function connect(connected: Runner, service: Service): Promise<Connected> {
    const stopReports = github && outbox ? reportToGitHub(connected, github, outbox) : null;
    const alert = alerts.send.bind(alerts);
    const policy = contract.on_human_push;
    const humanBranch = contract.human_branch;
    const gaveUp = createGaveUp({ layout, repo, contract, alert, log });
    const lookAtGivenUp = (): void => {
      gaveUp.look(ended.signal).catch((error: Error) => {
        if (!ended.signal.aborted) log(`what the agent gave up could not be looked at: ${error.message}`);
      });
    };
    const humanPush = createHumanPush({
      policy,
      humanBranch,
      agentBranch: contract.agent_branch,
      runner: connected,
      service,
      repo,
      branches,
      alert,
      log,
    });
    const reconcile = createReconcile({
      runner: connected,
      ports: { ...ports, branches, repo },
      humanPush,
      humanBranch,
      agentBranch: contract.agent_branch,
      limits: contract,
      intervalMs: contract.reconcile_interval_ms,
      diskPercent: () => diskPercent(layout.data),
      journalProblem: options.journalProblem,
      async cleanUp() {
        const freed = await deleteOldLogs(
          layout,
          instances.all().map((it) => it.instance),
          clock.now(),
        );
        if (freed > 0) log(`deleted ${Math.ceil(freed / 1_000_000)} MB of old logs`);
      },
      pendingReports,
      publish: pushPromoted,
      onDrift(drift) {
        for (const it of driftAlerts(EVERY_DRIFT, drift)) alerts.send(it);
        if (!drift.some((it) => it.name === 'human_ahead' && it.action === 'alert')) humanPush.untell();
        lookAtGivenUp();
        checks?.look();
      },
      measures: loop,
      log,
    });
    const webhook = await openWebhook(reconcile);
    const unwatch = gaveUp.watch(() => {
      reconcile.run(false).catch((error: Error) => log(`what the agent reported could not be looked at: ${error.message}`));
    });
    checks?.look();
    reconcile.start();
    return {
      reconcile: reconcile.run,
      async pullRequest() {
        if (!github) return { ok: false, error: 'GitHub is not configured: docs/guides/github.md says how.' };
        const answer = await github.openPullRequest(await pullRequestOf(connected), ended.signal);
        return answer.ok ? { ok: true, change: answer.value.change, url: answer.value.url } : { ok: false, error: answer.problem.error };
      },
      async close() {
        stopAlerts();
        stopReports?.();
        unwatch();
        ended.abort();
        cancelDelivery();
        await webhook?.close();
        await reconcile.stop();
        await alerts.close();
      },
    };
  }

  function pendingReports(): string[] {
    const { waiting, lastError, oldest } = outbox?.pending() ?? { waiting: 0, lastError: '', oldest: 0 };
    const late = lastError !== '' || clock.now() - oldest > REPORTS_MAY_TAKE_MS;
    return waiting === 0 || !late ? [] : [`${waiting} report(s) to GitHub${lastError ? ` (${lastError})` : ''}`];
  }

  /** Attempts of the last day are told again after a start: what GitHub knows already costs nothing. */
  function reportToGitHub(connected: Runner, told: GitHub, box: Outbox): () => void {
    const report = async (attempts: readonly AttemptView[]): Promise<void> => {
      let queued = false;
      for (const attempt of attempts) for (const job of told.jobsFor(attempt)) queued = (await box.enqueue(job)) === 'queued' || queued;
      if (queued) deliver(box);
    };
    const failed = (error: Error): void => log(`a report to GitHub could not be written down: ${error.message}`);
    const recent = [...connected.history().values()].filter((it) => clock.now() - Date.parse(it.requested_at) < REPORTED_AGAIN_MS);
    report(recent).catch(failed);
    deliver(box);
    return connected.subscribe(({ attempts }) => void report(attempts).catch(failed));
  }

  async function openWebhook(reconcile: Reconcile): Promise<WebhookListener | null> {
    const { webhook } = options;
    if (!webhook) return null;
    const listener = await listenWebhook({
      secret: webhook.secret,
      repository: webhook.repository,
      humanBranch: contract.human_branch,
      listen: { port: webhook.port },
      deliveries: await openDeliveries(join(layout.data, 'deliveries.json')),
      // A delivery is only a prompt: what is there is asked of the remote.
      onPush: reconcile.pushed,
      async onMerged({ head, headSha }) {
        const noted = head !== contract.agent_branch || (await branches.noteMerged(headSha, ended.signal));
        // The next delivery does not wait for the whole round.
        reconcile.run(false).catch((error: Error) => log(`a merged pull request could not be looked at: ${error.message}`));
        // Not dealt with, so that the delivery may come again.
        if (!noted) throw new Error(`the merged head ${headSha} could not be fetched`);
      },
      log,
    }).catch((error: Error) => {
      throw new ListenError(error.message, { cause: error });
    });
    log(`The webhook listens on http://127.0.0.1:${listener.port}/webhook.`);
    return listener;
  }

  const reportsWaiting = (): number | null => (outbox ? outbox.pending().waiting : null);
  return { pushPromoted, pushGated, forge, measures: { loop, alerts: alerts.measures, reportsWaiting }, watch, connect };
}
