/** Every metric of `GET /metrics`, in the order it is shown in. The guide's table is made from it. */

export interface MetricDefinition {
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  /** Beside `app`, which every sample has. */
  labels: readonly string[];
}

/** At most three instances have samples: the live one, the one before it and one more. */
const INSTANCE = ['release', 'instance_id'] as const;

export const METRICS = {
  greenroom_info: gauge('The running version of Greenroom; always 1.', 'version'),
  greenroom_healthy: gauge('Whether a live instance runs and its health endpoint answers 200.'),
  greenroom_live_info: gauge('The live release; always 1.', 'release', 'commit', 'slot', 'instance_id'),
  greenroom_live_since_timestamp_seconds: gauge('When the live instance began to serve.'),
  greenroom_live_restarts: gauge('Exits of the live instance in a row.'),
  greenroom_last_promotion_timestamp_seconds: gauge('When a release was promoted last.'),
  greenroom_attempt_running: gauge('Whether a deploy or rollback is under way.'),
  greenroom_queue_length: gauge('Requests for a deploy that wait for their turn.'),
  greenroom_consecutive_failures: gauge('Deploys that failed since the last one that succeeded.'),
  greenroom_frozen: gauge('Whether deploys are frozen, by whose they are: of the agent alone, or all.', 'scope'),
  greenroom_attempts_total: counter('Deploys and rollbacks that were decided.', 'kind', 'trigger', 'outcome'),
  greenroom_attempt_failures_total: counter('Those of them that were not promoted, by failure code.', 'kind', 'code'),
  greenroom_attempt_duration_seconds: histogram('From the start of an attempt to its decision.', 'kind', 'outcome'),
  greenroom_step_duration_seconds: histogram('How long each step took.', 'step', 'outcome'),
  greenroom_swap_duration_seconds: histogram('How long it took to switch the route to the new release, of deploys and rollbacks.'),
  greenroom_rolled_back_total: counter('Releases that the watch rolled back from by itself.'),
  greenroom_drift: gauge('Whether the last round of the reconcile loop found this.', 'name'),
  greenroom_agent_branch_ahead_commits: gauge("Commits of the agent's branch that the human branch lacks."),
  greenroom_agent_branch_behind_commits: gauge("Commits of the human branch that the agent's branch lacks."),
  greenroom_agent_branch_unpublished_commits: gauge("Commits of the agent's branch that are not pushed yet."),
  greenroom_disk_used_ratio: gauge("Share of the data directory's file system that is used, 0 to 1."),
  greenroom_reconcile_rounds_total: counter('Rounds of the reconcile loop; a failed one broke off.', 'outcome'),
  greenroom_reconcile_last_timestamp_seconds: gauge('When the last round that was completed ended.'),
  greenroom_journal_records: gauge('Records in the journal.'),
  greenroom_journal_intact: gauge('Whether the journal was found undamaged at the start.'),
  greenroom_alerts_total: counter('Alerts that were news, and the news that they are over.', 'kind'),
  greenroom_alert_deliveries_total: counter(
    'Tries to bring an alert to a target; a dropped one found its queue full.',
    'target',
    'outcome',
  ),
  greenroom_alerts_waiting: gauge('Alerts that wait to be delivered to a target.', 'target'),
  greenroom_github_reports_waiting: gauge('Reports that wait to be delivered to GitHub.'),
  greenroom_agent_turn_running: gauge('Whether a turn of the coding agent is under way.'),
  greenroom_agent_turn_duration_seconds: histogram('How long turns of the coding agent took; its count is the number of turns.', 'outcome'),
  greenroom_proxy_up: gauge("Whether the embedded proxy told its counters. They are the proxy's own, and begin at 0 when it is started."),
  greenroom_proxy_requests_total: counter(
    'Answers of the app, by instance and class of the status; 1xx are upgraded connections.',
    ...INSTANCE,
    'class',
  ),
  greenroom_proxy_unanswered_total: counter(
    'Tries that got no answer of the instance: another one followed, or the proxy answered, or the visitor went away.',
    ...INSTANCE,
  ),
  greenroom_proxy_cut_total: counter('Answers that the app or the visitor cut off.', ...INSTANCE),
  greenroom_proxy_failures_total: counter('Requests that the proxy had to answer itself: nothing is live, or it did not answer.', 'status'),
  greenroom_proxy_requests_in_flight: gauge('Requests in flight, streams not counted.', ...INSTANCE),
  greenroom_proxy_streams: gauge('Open streams: upgraded connections and server-sent events.', ...INSTANCE),
  greenroom_proxy_first_byte_seconds: histogram("From a request's head to the head of its answer.", ...INSTANCE),
  greenroom_proxy_request_duration_seconds: histogram(
    'From the head of a request until the visitor has all of the answer; without streams.',
    ...INSTANCE,
  ),
  process_resident_memory_bytes: gauge('Memory of the orchestrator.'),
  process_cpu_seconds_total: counter('CPU time of the orchestrator.'),
  process_start_time_seconds: gauge('When the orchestrator was started.'),
} as const satisfies Record<string, MetricDefinition>;

export type MetricName = keyof typeof METRICS;
export type LabelsOf<N extends MetricName> = Readonly<Record<(typeof METRICS)[N]['labels'][number], string>>;
export type NamesOf<T extends MetricDefinition['type']> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never;
}[MetricName];

interface Defined<T extends MetricDefinition['type'], L extends string> extends MetricDefinition {
  type: T;
  labels: readonly L[];
}

function gauge<L extends string = never>(help: string, ...labels: L[]): Defined<'gauge', L> {
  return { type: 'gauge', help, labels };
}

function counter<L extends string = never>(help: string, ...labels: L[]): Defined<'counter', L> {
  return { type: 'counter', help, labels };
}

function histogram<L extends string = never>(help: string, ...labels: L[]): Defined<'histogram', L> {
  return { type: 'histogram', help, labels };
}
