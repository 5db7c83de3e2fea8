import { DRIFT_NAMES } from '@greenroom/sdk/wire';
import type { Measured } from '../runner/measured.ts';
import type { Service } from '../runner/service.ts';
import { createPage, type Page } from './metrics-page.ts';

export interface MetricsOptions {
  app: string;
  version: string;
  service: Pick<Service, 'state' | 'healthy' | 'journal' | 'agentBusy'>;
  measured: Measured;
}

/** One scrape, in Prometheus' text format. */
export async function metricsText({ app, version, service, measured }: MetricsOptions): Promise<string> {
  const page = createPage({ app });
  page.set('greenroom_info', 1, { version });
  page.set('greenroom_healthy', Number(await service.healthy()), {});
  addState(page, service);
  addTally(page, measured);
  addLoop(page, measured, service);
  addAlerts(page, measured);
  page.set('greenroom_agent_turn_running', Number(service.agentBusy()), {});
  for (const { outcome, histogram } of await measured.agentTurns())
    page.setHistogram('greenroom_agent_turn_duration_seconds', histogram, { outcome });
  await addTraffic(page, measured);
  addProcess(page);
  return page.text();
}

function addState(page: Page, service: MetricsOptions['service']): void {
  const { live, crashes, attempt, queue, consecutive_failures, freeze, promoted_at } = service.state();
  if (live) {
    const { commit, slot, instance } = live;
    page.set('greenroom_live_info', 1, { release: commit.slice(0, 10), commit, slot, instance_id: instance ?? '' });
    page.set('greenroom_live_since_timestamp_seconds', live.served_at / 1_000, {});
  }
  page.set('greenroom_live_restarts', crashes, {});
  if (promoted_at > 0) page.set('greenroom_last_promotion_timestamp_seconds', promoted_at / 1_000, {});
  page.set('greenroom_attempt_running', Number(attempt !== null), {});
  page.set('greenroom_queue_length', queue.length, {});
  page.set('greenroom_consecutive_failures', consecutive_failures, {});
  for (const scope of ['agent', 'all']) page.set('greenroom_frozen', Number(freeze?.scope === scope), { scope });
}

function addTally(page: Page, { tally }: Measured): void {
  for (const { labels, value } of tally.attempts.samples()) page.set('greenroom_attempts_total', value, labels);
  for (const { labels, value } of tally.failures.samples()) page.set('greenroom_attempt_failures_total', value, labels);
  for (const { labels, histogram } of tally.attemptSeconds.samples())
    page.setHistogram('greenroom_attempt_duration_seconds', histogram, labels);
  for (const { labels, histogram } of tally.stepSeconds.samples()) page.setHistogram('greenroom_step_duration_seconds', histogram, labels);
  for (const { histogram } of tally.swapSeconds.samples()) page.setHistogram('greenroom_swap_duration_seconds', histogram, {});
  for (const { value } of tally.rolledBack.samples()) page.set('greenroom_rolled_back_total', value, {});
}

function addLoop(page: Page, { loop }: Measured, service: MetricsOptions['service']): void {
  const { drift } = service.state();
  for (const name of DRIFT_NAMES) page.set('greenroom_drift', Number(drift.some((it) => it.name === name)), { name });
  for (const { labels, value } of loop.rounds.samples()) page.set('greenroom_reconcile_rounds_total', value, labels);
  if (loop.last) {
    const { at, ahead, behind, unpublished, disk_percent } = loop.last;
    page.set('greenroom_reconcile_last_timestamp_seconds', at / 1_000, {});
    page.set('greenroom_agent_branch_ahead_commits', ahead, {});
    page.set('greenroom_agent_branch_behind_commits', behind, {});
    page.set('greenroom_agent_branch_unpublished_commits', unpublished, {});
    page.set('greenroom_disk_used_ratio', disk_percent / 100, {});
  }
  const { records, intact } = service.journal();
  page.set('greenroom_journal_records', records, {});
  page.set('greenroom_journal_intact', Number(intact), {});
}

function addAlerts(page: Page, { alerts, reportsWaiting }: Measured): void {
  for (const { labels, value } of alerts.raised.samples()) page.set('greenroom_alerts_total', value, labels);
  for (const { labels, value } of alerts.deliveries.samples()) page.set('greenroom_alert_deliveries_total', value, labels);
  for (const { target, waiting } of alerts.waiting()) page.set('greenroom_alerts_waiting', waiting, { target });
  const reports = reportsWaiting();
  if (reports !== null) page.set('greenroom_github_reports_waiting', reports, {});
}

const OWN_ANSWERS = [502, 503, 504];

async function addTraffic(page: Page, { traffic, commitOf }: Measured): Promise<void> {
  const report = await traffic();
  page.set('greenroom_proxy_up', Number(report !== null), {});
  if (!report) return;
  for (const { instance, answers, unanswered, cut, requests, streams, firstByte, duration } of report.instances) {
    const labels = { release: commitOf(instance).slice(0, 10), instance_id: instance };
    for (const [index, count] of answers.entries())
      page.set('greenroom_proxy_requests_total', count, { ...labels, class: `${index + 1}xx` });
    page.set('greenroom_proxy_unanswered_total', unanswered, labels);
    page.set('greenroom_proxy_cut_total', cut, labels);
    page.set('greenroom_proxy_requests_in_flight', requests, labels);
    page.set('greenroom_proxy_streams', streams, labels);
    page.setHistogram('greenroom_proxy_first_byte_seconds', firstByte, labels);
    page.setHistogram('greenroom_proxy_request_duration_seconds', duration, labels);
  }
  for (const status of OWN_ANSWERS) {
    const count = report.failures.find((it) => it.status === status)?.count ?? 0;
    page.set('greenroom_proxy_failures_total', count, { status: String(status) });
  }
}

function addProcess(page: Page): void {
  const { user, system } = process.cpuUsage();
  page.set('process_resident_memory_bytes', process.memoryUsage.rss(), {});
  page.set('process_cpu_seconds_total', (user + system) / 1_000_000, {});
  page.set('process_start_time_seconds', performance.timeOrigin / 1_000, {});
}
