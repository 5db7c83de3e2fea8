/**
 * The wire interface: what crosses a process boundary. Names here are the names everywhere: in code, API, journal, pages and docs.
 * JSON fields are snake_case with the unit last (`drain_timeout_ms`); times are RFC 3339 strings in UTC; commits are full hex object ids.
 */

/** One of the two working copies of the app, on disk as `deploy-a/` and `deploy-b/`. */
export type SlotName = 'a' | 'b';
export const SLOT_NAMES: readonly SlotName[] = ['a', 'b'];

/** What asked for a deploy or rollback. */
export type Trigger = 'agent' | 'webhook' | 'reconcile' | 'manual';
export const TRIGGERS: readonly Trigger[] = ['agent', 'webhook', 'reconcile', 'manual'];

/** `restart`: a fresh instance of the live release takes the place of the one that serves, with the secrets as they are now. */
export type AttemptKind = 'deploy' | 'rollback' | 'restart';
export const ATTEMPT_KINDS: readonly AttemptKind[] = ['deploy', 'rollback', 'restart'];

/** Every step of an attempt, in order. The first six are exclusive (one attempt at a time); the rest follow the promotion. */
export const STEP_NAMES = ['resolve', 'gate', 'prepare', 'boot', 'probe', 'promote', 'retire', 'publish', 'watch'] as const;
export type StepName = (typeof STEP_NAMES)[number];

/** Stable codes of expected failures. A code belongs to one step, except the last group, which refuses or ends a whole attempt. */
export const FAILURE_CODES = [
  'commit_not_found',
  'gate_secret',
  'gate_protected_path',
  'gate_diff_lines',
  'gate_deploy_size',
  'gate_stale_base',
  'gate_migration',
  'gate_destructive_migration',
  'slot_failed',
  'setup_failed',
  'secrets_unavailable',
  'boot_exited',
  'health_timeout',
  'deep_check_failed',
  'smoke_failed',
  'schema_incompatible',
  'not_approved',
  'promote_failed',
  'rolled_back',
  'superseded',
  'aborted',
  'interrupted',
  'no_previous_release',
  'nothing_live',
  'frozen',
  'rate_limited',
  'shutting_down',
] as const;
export type FailureCode = (typeof FAILURE_CODES)[number];

/** An HTTP exchange that did not answer as the contract expects. `body` is cut to 2 KiB. */
export interface RequestEvidence {
  method: string;
  /** `http://unix:PATH:/…` for what was asked by a Unix socket. */
  url: string;
  expected: string;
  status?: number;
  body?: string;
  error?: string;
}

/** How a process ended. Both empty when the orchestrator was not there to see it. */
export interface ExitReason {
  code: number | null;
  signal: string | null;
  /** A sentence for people: "exited with code 1", "killed by SIGKILL", "ended while the orchestrator was away". */
  description: string;
  /** Field of the contract whose limit it ran into, when it did: "limits.app.memory_mb". */
  limit?: string;
}

/**
 * What an app answers on its `schema_status_endpoint`: the database as it is, and what the code of this very instance can work with.
 * Versions are whole numbers from 0 to 2^53 - 1 and are only compared: docs/spec/migrations.md says what they count.
 */
export interface SchemaStatus {
  current_schema_version: number;
  /** The code works with every version from here … */
  code_min_schema_version: number;
  /** … up to here, both included. */
  code_max_schema_version: number;
  /** How many migrations that this code brings have not been applied to the database. */
  pending_migrations: number;
  /** The app's own verdict. `false` is a refusal, whatever the numbers say. */
  compatible: boolean;
}

/** What supports a failure. Every field is optional; a reader shows those it knows. */
export interface Evidence {
  /** Last lines of the instance's or command's output, oldest first. */
  log_tail?: string[];
  /** Path of the full log on the orchestrator's machine. */
  log_file?: string;
  request?: RequestEvidence;
  exit?: ExitReason;
  command?: string;
  /** A rule of the gate and the place it was broken at. */
  rule?: string;
  file?: string;
  line?: number;
  /** The commit that broke the rule, when it is an earlier one than the candidate. */
  commit?: string;
  /** Tells a refused secret from others without showing it; for the contract's `secret_allow`. */
  fingerprint?: string;
  /** What to do next, as a sentence or a command line. */
  remedy?: string;
}

/** An expected failure, as data. `error` is a sentence: what happened, to which thing. */
export interface Failure {
  code: FailureCode;
  error: string;
  evidence?: Evidence;
}

/** Which turn of which conversation of the chat asked for it: links message, commit, deploy and rollback in the journal. */
export interface Origin {
  conversation: string;
  /** Empty for what a person did in the chat by a button. */
  turn: string;
}

/** The process that called by a Unix socket: who it is says the kernel, what it is called the machine. For people; the socket and `uid` decide. */
export interface CallerView {
  uid: number;
  /** Empty when the user has no name here. */
  user: string;
  /** 0 when it could not be seen from here. */
  pid: number;
  /** Name of its program; empty when it had ended. */
  program: string;
}

/**
 * A deploy that is healthy and waits for a person's word before it goes live. `withdrawn`: something else ended the attempt before anybody
 * decided, such as a newer deploy or a rollback.
 */
export const APPROVAL_STATES = ['waiting', 'approved', 'denied', 'expired', 'withdrawn'] as const;
export interface ApprovalView {
  state: (typeof APPROVAL_STATES)[number];
  since: string;
  until: string;
  /** Path on the app's public port that shows the candidate to whoever opens it; empty when it cannot be shown. It holds a secret token. */
  preview_path: string;
  /** Who decided, and why. */
  by: string;
  reason: string;
  /** The process that said so. */
  called_by?: CallerView;
}

/** Body of `POST /deploy`. Exactly one of `commit` and `branch`. */
export interface DeployBody {
  commit?: string;
  branch?: string;
  reason?: string;
  dry_run?: boolean;
  trigger?: Trigger;
  origin?: Origin;
}

/** Body of `POST /rollback`; may be empty. */
export interface RollbackBody {
  reason?: string;
  dry_run?: boolean;
  trigger?: Trigger;
  origin?: Origin;
}

/** Body of `POST /restart`; may be empty. */
export interface RestartBody {
  reason?: string;
  dry_run?: boolean;
}

export interface DeploySuccess {
  success: true;
  id: string;
  slot: SlotName;
  commit: string;
  /** The commit that was live before; empty on the first deploy. */
  previous_commit: string;
}

/** Also the answer to a restart: `commit` is live still. */
export interface RollbackSuccess {
  success: true;
  id: string;
  slot: SlotName;
  commit: string;
}

/** Body of a refused deploy or rollback. `id` is absent when the request itself was not understood. */
export interface Refusal {
  success: false;
  id?: string;
  step?: StepName;
  code: FailureCode | RequestErrorCode;
  error: string;
  evidence?: Evidence;
}

/** Codes of requests that never became an attempt. */
export const REQUEST_ERROR_CODES = [
  'invalid_request',
  'not_found',
  'not_waiting',
  'forbidden',
  'too_large',
  'journal_unwritable',
  'internal_error',
] as const;
export type RequestErrorCode = (typeof REQUEST_ERROR_CODES)[number];

/** 202 of a request with `Prefer: respond-async`. */
export interface Accepted {
  success: true;
  id: string;
  status: 'accepted';
}

/** Answer to `dry_run`: the steps that would run, as data, on the state of now. */
export interface DryRun {
  success: true;
  dry_run: true;
  kind: AttemptKind;
  commit: string;
  slot: SlotName;
  steps: { step: StepName; detail: string }[];
}

export type StepStatus = 'pending' | 'running' | 'succeeded' | 'failed' | 'skipped';

export interface StepView {
  step: StepName;
  status: StepStatus;
  started_at: string;
  /** Milliseconds; 0 while pending. */
  duration_ms: number;
  /** What the step found out, for people. */
  detail?: string;
  code?: FailureCode;
  error?: string;
  evidence?: Evidence;
}

/**
 * - `queued`, `running`: not decided yet
 * - `succeeded`: promoted; `failed`: not promoted, the live release untouched
 * - `rolled_back`: promoted, then replaced again by the watch
 */
export type AttemptStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'rolled_back';

/** One attempt as `GET /deploys/:id` shows it. Strings are empty when unknown. */
export interface AttemptView {
  id: string;
  kind: AttemptKind;
  status: AttemptStatus;
  /** True from the moment the route was switched. */
  promoted: boolean;
  commit: string;
  branch: string;
  slot: SlotName | '';
  previous_commit: string;
  trigger: Trigger;
  /** Where the request came from: `operator-socket`, `agent-socket`, `tcp`, `orchestrator`. */
  caller: string;
  /** The process there; absent for `tcp` and `orchestrator`, and where the kernel cannot be asked. */
  called_by?: CallerView;
  reason: string;
  requested_at: string;
  started_at: string;
  finished_at: string;
  /** From start to decision, in milliseconds. */
  duration_ms: number;
  steps: StepView[];
  origin?: Origin;
  /** The trace that it belongs to, when whoever asked named one: the header `traceparent` of W3C Trace Context. */
  traceparent?: string;
  approval?: ApprovalView;
  step?: StepName;
  code?: FailureCode;
  error?: string;
  evidence?: Evidence;
}

/** Deploys, and rollbacks by the agent, are stopped until somebody lifts this. People can always roll back. */
export interface FreezeView {
  scope: 'agent' | 'all';
  reason: string;
  caller: string;
  called_by?: CallerView;
  since: string;
}

/** The operator's word that one refusal of one commit does not count; used up by the commit's promotion. */
export interface OverrideView {
  commit: string;
  code: FailureCode;
  /** Only this finding; empty for every one of the code. */
  fingerprint: string;
  reason: string;
  caller: string;
  called_by?: CallerView;
  since: string;
}

/** Refusals of the gate: those that the operator may override. */
export const OVERRIDABLE_CODES = [
  'gate_secret',
  'gate_protected_path',
  'gate_diff_lines',
  'gate_deploy_size',
  'gate_stale_base',
  'gate_migration',
  'gate_destructive_migration',
] as const satisfies readonly FailureCode[];
export type OverridableCode = (typeof OVERRIDABLE_CODES)[number];

/** Body of `POST /freeze`. Replaces a freeze that is there. */
export interface FreezeBody {
  /** Whose deploys are stopped; the agent's when left out. */
  scope?: 'agent' | 'all';
  reason: string;
}

/** Body of `POST /thaw`; may be empty. */
export interface ThawBody {
  reason?: string;
}

/** Answer to `POST /freeze` and `POST /thaw`: how it is now. */
export interface FrozenAnswer {
  success: true;
  frozen: boolean;
}

/** Body of `POST /override`. */
export interface OverrideBody {
  commit: string;
  code: OverridableCode;
  fingerprint?: string;
  reason: string;
}

export interface OverrideAnswer {
  success: true;
  /** Full id of the commit that may pass. */
  commit: string;
}

/** Body of `POST /approve`: the deploy that waits may go live. */
export interface ApproveBody {
  /** Id of the attempt. */
  id: string;
  /** Who says so, for people. */
  by: string;
}

/** Body of `POST /deny`: the deploy that waits ends, and the live release stays. */
export interface DenyBody {
  id: string;
  by: string;
  reason?: string;
}

/** Answer to `POST /approve` and `POST /deny`; to the same decision once more as well. */
export interface ApprovalAnswer {
  success: true;
  id: string;
  state: 'approved' | 'denied';
}

/** Body of `POST /reconcile`; may be empty. */
export interface ReconcileBody {
  dry_run?: boolean;
}

export interface ReconcileAnswer {
  success: true;
  dry_run: boolean;
  /** What the round found, before it acted on it. */
  drift: DriftView[];
}

/** Answer to `POST /pull-request`. */
export interface PullRequestAnswer {
  success: true;
  /** `nothing`: the agent's branch has no commit that the human one lacks. */
  change: 'opened' | 'updated' | 'unchanged' | 'nothing';
  /** Empty with `nothing`. */
  url: string;
}

/** What the reconcile loop checks between deploys. */
export const DRIFT_NAMES = [
  'human_ahead',
  'agent_diverged',
  'live_unhealthy',
  'live_mismatch',
  'slot_changed',
  'schema_moved',
  'schema_incompatible',
  'disk_pressure',
  'deploys_failing',
  'unpublished',
  'machine_merged',
  'journal_damaged',
] as const;
export type DriftName = (typeof DRIFT_NAMES)[number];

/** Something is not as it should be between deploys. */
export interface DriftView {
  name: DriftName;
  /** A sentence: what is found, and what was or will be done about it. */
  detail: string;
  /** What the loop does about it by itself. */
  action: 'deploy' | 'restore' | 'clean' | 'publish' | 'reset' | 'alert' | 'none';
  since: string;
}

/** What the project's own CI says about a commit: to be seen, never waited for. */
export interface ChecksView {
  commit: string;
  /** `none`: nothing has looked at it, or GitHub does not have the commit. */
  state: 'none' | 'pending' | 'success' | 'failure';
  total: number;
  /** Names of the checks that failed. */
  failed: string[];
  /** Page of the first one that failed; empty when none did. */
  url: string;
  /** When GitHub was asked. */
  read_at: string;
}

/** One file of an `AttemptDiff`. */
export interface FileDiff {
  path: string;
  change: 'added' | 'changed' | 'removed';
  /** Numbers of lines. */
  added: number;
  removed: number;
  /** Hunks of a unified diff; empty for what is no text, and when only the mode changed. */
  diff: string;
  /** The end of the diff, or all of it, is left out, because it is too long. */
  cut?: true;
}

/** Answer of `GET /deploys/:id/diff`: what the attempt's commit has that the release before it had not. */
export interface AttemptDiff {
  id: string;
  /** The commit that was live then; empty on the first deploy. */
  base: string;
  commit: string;
  files: FileDiff[];
  /** How many more files there are. */
  more: number;
  /** A sentence when the contents are kept back; empty otherwise. */
  withheld: string;
}

/** Whose output a log stream goes on with: `data:` of its event `instance`. */
export interface LogOwner {
  instance: string;
  commit: string;
  slot: SlotName;
}

/** Answer of `GET /logs`. */
export interface InstanceLogs {
  instance: string;
  commit: string;
  slot: SlotName;
  /** What it wrote last, oldest first, without terminal escapes; long lines are cut. */
  lines: string[];
}

/** Answer of `GET /traffic`: what passed between visitors and the app. Counters only grow, until the proxy is started again. */
export interface TrafficView {
  /** False when the proxy did not say so at once, or counts nothing for Greenroom. */
  counted: boolean;
  /** The live instance, the one before it and one more, at most; oldest first. */
  instances: InstanceTraffic[];
  /** Requests that the proxy answered itself, because the app did not: 502, 503 or 504. */
  failures: { status: number; count: number }[];
}

export interface InstanceTraffic {
  instance: string;
  /** Empty when it is not known any more. */
  commit: string;
  /** Answers by the class of their status, 1xx to 5xx. 1xx are upgraded connections. */
  answers: number[];
  /** Tries that got no answer of it. */
  unanswered: number;
  /** Answers that were cut off. */
  cut: number;
  /** In flight now, and open streams. */
  requests: number;
  streams: number;
  /** From the head of a request to the head of its answer, and until the visitor has all of it. */
  first_byte: TimesView;
  duration: TimesView;
}

/** How long things took, in buckets. */
export interface TimesView {
  /** Upper bounds in seconds, ascending. */
  bounds: number[];
  /** In each bucket by itself; one more for what took longer. */
  counts: number[];
  /** Seconds of all together. */
  sum: number;
}

/** How the database and the releases fit together now. */
export interface SchemaView {
  /** What the live instance says at this moment; null when nothing is live, or it does not say: `problem` then says why. */
  now: SchemaStatus | null;
  /** A sentence; empty when the live instance says what it should. */
  problem: string;
  /** The live release and the one that a rollback goes to. */
  releases: SchemaReleaseView[];
}

export interface SchemaReleaseView {
  commit: string;
  slot: SlotName;
  role: 'live' | 'previous';
  /** What the release declared when it was promoted; null when it was not asked then. */
  code_min_schema_version: number | null;
  code_max_schema_version: number | null;
  /** Whether it can work with the database as it is now: for the previous release, whether a rollback would be allowed. */
  fits: 'yes' | 'no' | 'unknown';
  /** A sentence; empty with `yes`. */
  why: string;
}

export interface SlotView {
  slot: SlotName;
  directory: string;
  commit: string;
  /** What the slot holds now. */
  role: 'live' | 'standby' | 'previous' | 'candidate' | 'retiring' | 'empty' | 'idle';
  instance: string;
  pid: number;
}

/** Answer of `GET /status`. The first six fields are the interface any orchestrator of this kind has. */
/** Coding agents that need no command line. */
export const AGENT_PRESETS = ['opencode', 'claude', 'codex', 'gemini', 'pi', 'goose'] as const;
export type AgentPreset = (typeof AGENT_PRESETS)[number];

/** Path of the chat, where the contract names no other. */
export const DEFAULT_CHAT_PATH = '/.greenroom';

export const ROUTER_KINDS = ['embedded', 'caddy', 'nginx'] as const;
export type RouterKind = (typeof ROUTER_KINDS)[number];

/** Who is served on the API's TCP port: every call that it has, questions only, or nobody. */
export const API_ACCESS = ['all', 'read', 'off'] as const;
export type ApiAccess = (typeof API_ACCESS)[number];

export interface Status {
  live_slot: SlotName | '';
  live_commit: string;
  previous_slot: SlotName | '';
  previous_commit: string;
  last_deploy_time: string;
  healthy: boolean;
  app: string;
  version: string;
  port: number;
  /** The proxy in front of the app. Only the embedded one counts requests and shows previews. */
  router: RouterKind;
  api_access: ApiAccess;
  slots: SlotView[];
  attempt: AttemptView | null;
  queue: { id: string; kind: AttemptKind; commit: string; branch: string; trigger: Trigger; requested_at: string }[];
  watch: { id: string; until: string } | null;
  quarantine: string[];
  consecutive_failures: number;
  /** Whether the live instance is being restarted after an exit, and when. */
  restart: { attempt: number; at: string; last_exit: string } | null;
  branches: Record<string, string>;
  /** Whether a turn of the coding agent is under way. */
  agent: { busy: boolean };
  /** Null when the contract has no `schema_status_endpoint`. */
  schema: SchemaView | null;
  freeze: FreezeView | null;
  overrides: OverrideView[];
  drift: DriftView[];
  /** Of the agent's branch, or of the live commit when nothing has looked at that; null without GitHub, and until it has answered once. */
  checks: ChecksView | null;
  /** What is wrong with GitHub or our access to it, as a sentence; empty when nothing is. */
  github_problem: string;
  journal: { records: number; intact: boolean; problem: string };
  deploys: AttemptView[];
}

/** One line of `journal.jsonl`. `hash` is SHA-256 over the line without its `hash` member, which includes `prev`. */
export interface JournalRecord {
  seq: number;
  time: string;
  prev: string;
  type: string;
  [field: string]: unknown;
  hash: string;
}

/** `data:` of a server-sent event of `GET /events`; its `id:` is the journal's sequence number. */
export interface EventMessage {
  seq: number;
  time: string;
  type: string;
  /** The attempts that the event changed, as they are after it. */
  attempts: AttemptView[];
}

/** Environment variables that every instance is given. */
export const INSTANCE_ENV = {
  marker: 'GREENROOM',
  app: 'GREENROOM_APP',
  slot: 'GREENROOM_SLOT',
  commit: 'GREENROOM_COMMIT',
  instance: 'GREENROOM_INSTANCE',
  contract: 'GREENROOM_CONTRACT',
  port: 'PORT',
  internalPort: 'INTERNAL_PORT',
  /** In place of `INTERNAL_PORT`, where the contract has an `internal_socket`: the path of the Unix socket to listen on. */
  internalSocket: 'INTERNAL_SOCKET',
  /** Unix sockets for what else comes to the two ports, where Caddy or nginx reach the app by sockets. */
  listenSocket: 'GREENROOM_LISTEN_SOCKET',
  listenStreams: 'GREENROOM_LISTEN_STREAMS',
  listenInternalSocket: 'GREENROOM_LISTEN_INTERNAL_SOCKET',
} as const;

export const DEFAULT_API_PORT = 9100;

/** What Linux takes for the path of a Unix socket; a longer one would be cut short by some callers. */
export const MAX_SOCKET_PATH_BYTES = 107;
