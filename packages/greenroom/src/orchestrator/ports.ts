/**
 * What the orchestrator needs from the world, as interfaces owned by the code that needs them. The comment of each method is its contract:
 * what it may fail with, whether it may be repeated, and what survives a crash in the middle of it.
 *
 * Expected failures come back as `Result`; a thrown error is a bug. A method that takes a `signal` stops soon after it is aborted, leaves
 * nothing running, and answers a failure with code `aborted`.
 */
import type {
  AttemptKind,
  Evidence,
  ExitReason,
  FailureCode,
  FileDiff,
  RequestEvidence,
  SchemaStatus,
  SlotName,
  StepName,
  Trigger,
} from '@greenroom/sdk/wire';
import type { Alert, AlertKind } from './core/alert.ts';
import type { MachineEvent } from './core/events.ts';
import type { Counter, Histogram } from './core/measures.ts';
import type { Result } from './core/result.ts';
import type { Asked } from './core/schema.ts';
import type { State } from './core/state.ts';

/** What a line of the log is about, each only where it applies. The names are those of the log's JSON: docs/guides/observability.md lists them. */
export interface LogAbout {
  /** `info` when left out. */
  level?: 'info' | 'warn' | 'error';
  /** Type of the journal's event that the line tells of. */
  event?: string;
  attempt?: string;
  kind?: AttemptKind;
  trigger?: Trigger;
  step?: StepName;
  code?: FailureCode;
  duration_ms?: number;
  commit?: string;
  slot?: SlotName;
  instance?: string;
}

/** Says a sentence in the orchestrator's log. */
export type Log = (message: string, about?: LogAbout) => void;

/** A commit asked for by id (full or abbreviated hex) or by branch name. */
export type CommitRequest = { commit: string } | { branch: string };

export interface Repo {
  /**
   * The full commit id, and the branch when one was named. Fetches from the remote once when the commit is unknown, and always for a branch;
   * an unreachable remote fails only when what was asked for is unknown here too. `warning` says what could not be refreshed.
   * Never interprets the request as an option, a range or a reflog expression. Fails with `commit_not_found`.
   */
  resolve(request: CommitRequest, signal: AbortSignal): Promise<Result<{ commit: string; branch: string; warning: string }>>;
  /** Moves `refs/greenroom/live` and `refs/greenroom/previous` in one transaction; empty deletes. Repeatable. */
  markLive(live: string, previous: string): Promise<void>;
  /** Whether everything of `ancestor` is in `commit`. False when either is unknown. */
  contains(commit: string, ancestor: string): Promise<boolean>;
  /**
   * A clean merge of both commits as a new commit, kept by a ref; null when they conflict. The same commits and message always give the same merge.
   * Nothing is pushed and no branch moves.
   */
  merge(ours: string, theirs: string, message: string): Promise<string | null>;
  /** Heads of the branches known here, without a fetch: name to commit. */
  branches(): Promise<Record<string, string>>;
  /**
   * What `commit` has that `base` has not, for people to look at; everything it has when `base` is empty. `more` files are left out. A sentence when a
   * commit is not here any more, or too much differs.
   */
  diff(base: string, commit: string): Promise<{ ok: true; files: FileDiff[]; more: number } | { ok: false; error: string }>;
}

export interface PrepareRequest {
  slot: SlotName;
  commit: string;
  attempt: string;
  signal: AbortSignal;
}

export interface PreparedSlot {
  slot: SlotName;
  directory: string;
  commit: string;
  /** Ref under `refs/greenroom/rescue/` that now holds uncommitted edits found in the slot; empty when there were none. */
  rescued: string;
  /** How the dependencies came about: `unchanged` in this slot, `carried` from the other slot, `ran` the setup command, `none` wanted. */
  setup: 'unchanged' | 'carried' | 'ran' | 'none';
  /** For people: "10 files changed, setup unchanged". */
  detail: string;
}

export interface Slots {
  /**
   * Makes the slot hold exactly the commit: saves uncommitted edits to a rescue ref first, checks out, mounts shared paths, carries or runs
   * the setup command. Files that git ignores survive. Cost grows with the change. Repeatable: after a crash at any point (half-written
   * tree, `index.lock`, killed setup) the next call repairs. Never touches the other slot. The caller makes sure nothing runs in the slot.
   * Fails with `slot_failed` or `setup_failed`.
   */
  prepare(request: PrepareRequest): Promise<Result<PreparedSlot>>;
  /**
   * Puts the slot back to the commit without running the setup command; used to undo a failed attempt. Answers whether the slot is ready
   * to boot (false when its dependencies would have to be set up first). Repeatable.
   */
  restore(slot: SlotName, commit: string): Promise<boolean>;
  /**
   * Paths that differ from what the slot was prepared with, untracked ones included, ignored and shared ones not; `HEAD` when another commit was checked
   * out or made there. Never empty for a slot whose last preparation or restoration was cut off. Changes nothing. Throws when the slot cannot be compared.
   */
  changes(slot: SlotName): Promise<string[]>;
  /**
   * Empties a slot that nothing needs, to save space; the next preparation fills it anew. Answers false, and keeps it, when it holds edits that are in no
   * commit, or what it holds is not known. Repeatable.
   */
  discard(slot: SlotName): Promise<boolean>;
  /** The slot's directory, absolute. */
  directory(slot: SlotName): string;
}

export interface BootRequest {
  /** Unique id of the instance-to-be; also in its environment. */
  instance: string;
  slot: SlotName;
  commit: string;
}

/** A started process, identified so that no other process can be mistaken for it, even after a reboot. */
export interface Instance {
  instance: string;
  slot: SlotName;
  commit: string;
  pid: number;
  /** Start time from `/proc/PID/stat`, in clock ticks since boot. */
  startTicks: number;
  bootId: string;
  port: number;
  /** 0 for an app with one listener, or with an internal socket. */
  internalPort: number;
  /** Path of the Unix socket that it listens on in place of an internal port; empty when it has none. */
  internalSocket: string;
  logFile: string;
  startedAt: number;
}

export interface InstanceExit {
  instance: string;
  exit: ExitReason;
  logTail: string[];
  logFile: string;
  /** Processes of it that still ran when its leader ended by itself; they are told to stop then. */
  outlived: number[];
}

/** The kernel ended or refused something of an instance for one of its limits, and the instance goes on. */
export interface LimitReached {
  instance: string;
  /** What, about its processes: "The kernel refused it 12 new processes or threads beyond its 64 (limits.app.processes)." */
  sentences: string[];
}

export interface Instances {
  /**
   * Starts the app on fresh ports, detached in a session and process group of its own, with the minimal environment. Durable before the process
   * exists: after a crash `adopt` finds it. Answers as soon as the process runs, healthy or not. Fails with `boot_exited` when it cannot be started.
   */
  boot(request: BootRequest): Promise<Result<Instance>>;
  /**
   * Ends the instance: SIGTERM to its group, SIGKILL to whatever is left of it at `graceMs`, descendants that left the group included.
   * Answers when nothing of it runs. Repeatable; unknown or dead instances answer at once.
   */
  stop(instance: string, graceMs: number): Promise<ExitReason>;
  /**
   * Called once after a start: finds instances of earlier runs that still run, by pid, start time, boot and instance id, and watches them from
   * now on. Also ends, at once, processes of this app that carry an instance id but have no living leader.
   */
  adopt(): Promise<Instance[]>;
  /** A running instance. */
  get(instance: string): Instance | undefined;
  all(): Instance[];
  /** An instance that runs, or ran and is among the last boots, whose logs are kept. */
  recall(instance: string): Instance | undefined;
  /** Last lines of the instance's log, oldest first, at most `maxBytes` (8 KiB) together, without the app's secrets. */
  tail(instance: string, lines: number, maxBytes?: number): Promise<string[]>;
  /**
   * The last lines first, then those that the instance writes, in batches and fit to be shown as `tail`'s are. Ends when the signal is aborted, and with
   * the last line once `over` answers true.
   */
  follow(instance: string, lines: number, signal: AbortSignal, over: () => boolean): AsyncGenerator<string[], void, undefined>;
  /** Called once per instance when it has ended by whatever cause, stops asked for included. Answers a function that unsubscribes. */
  onExit(listener: (exit: InstanceExit) => void): () => void;
  /** Called within seconds of it, with the numbers as they are then. Answers a function that unsubscribes. */
  onLimit(listener: (reached: LimitReached) => void): () => void;
  /** Stops watching, lets the instances run on. What was told to end and has not yet is left to whoever adopts it. */
  close(): void;
}

export interface ProbeReport {
  /** Loopback address the instance answered on. */
  host: string;
  /** Milliseconds from the call to the first 200 of the health endpoint. */
  healthyAfterMs: number;
  /** For people: "healthy after 112 ms, schema at 5, supports versions 4 to 6, deep check 200 in 3 ms, smoke test passed". */
  detail: string;
  /** Null when the app has no schema status, and for a restart. */
  schema: SchemaStatus | null;
}

export interface Prober {
  /**
   * Health endpoint until 200, then the schema check, the deep check and the smoke test, as the contract asks. Stops at once when the
   * instance exits. Fails with `boot_exited`, `health_timeout`, `deep_check_failed`, `smoke_failed`, `schema_incompatible`. A `restart` of what is
   * live already is no promotion: the schema is not asked for, since nothing at all would serve otherwise.
   */
  probe(instance: Instance, purpose: AttemptKind, signal: AbortSignal): Promise<Result<ProbeReport>>;
  /** One look at the health endpoint, at most `timeoutMs`. Empty when it holds, else why not. */
  check(instance: Instance, timeoutMs: number): Promise<string>;
}

/** What an instance says of the database. `problem` is a clause that goes on after "asked for it, ". */
export type SchemaAnswer = { ok: true; status: SchemaStatus } | { ok: false; problem: string; request: RequestEvidence };

/** Whether the code of an instance can work with the database as it is. Only ever asks the app. Repeatable. */
export interface SchemaCheck {
  /** Whether the app has a schema status. */
  readonly wanted: boolean;
  /** What the instance says, unjudged; null for an app without a schema status. */
  read(instance: Instance, timeoutMs: number, signal?: AbortSignal): Promise<SchemaAnswer | null>;
  /** Judges what it says. Fails with `schema_incompatible`, also when it says nothing that could be relied on. Null as above. */
  check(instance: Instance, asked: Asked, signal: AbortSignal): Promise<Result<SchemaStatus | null>>;
}

export interface RouteTarget {
  instance: string;
  host: string;
  port: number;
  internalPort: number;
}

export interface DrainLimits {
  timeoutMs: number;
  streamTimeoutMs: number;
  signal: AbortSignal;
}

export interface DrainReport {
  /** False when requests had to be given up at the limit, or the drain was aborted. */
  drained: boolean;
  closedStreams: number;
  abandonedRequests: number;
}

/** Counters since the proxy was started. */
export interface TrafficReport {
  /** The live instance, the one before it and one more, at most. */
  instances: {
    instance: string;
    /** Answers by the class of their status, 1xx to 5xx. */
    answers: readonly number[];
    /** Requests that it did not answer. */
    unanswered: number;
    /** Answers that were cut off. */
    cut: number;
    /** In flight now. */
    requests: number;
    streams: number;
    /** Seconds until the head of the answer, and until its end. */
    firstByte: Histogram;
    duration: Histogram;
  }[];
  /** Requests that the proxy had to answer itself, by status. */
  failures: readonly { status: number; count: number }[];
}

export interface Router {
  /** Takes the app's stable ports, starting the proxy when this machine has none. Repeatable. Throws `RouterError` (a sentence) when a port is taken. */
  register(): Promise<void>;
  /**
   * Sends all requests from now on to the target, or answers 503 to them when it is null. Durable when it answers: a restarted proxy routes the same.
   * Calls take effect in the order they were made. Fails with `promote_failed`, and then the route is as it was.
   */
  switchTo(target: RouteTarget | null): Promise<Result<void>>;
  /**
   * Shows another instance than the live one to whoever holds the token, until it is called again; null shows it to nobody. Durable as the route is.
   * Repeatable. What goes wrong is logged: nothing depends on it.
   */
  preview(shown: { token: string; target: RouteTarget } | null): Promise<void>;
  /** The instance that the proxy routes to now; null when there is none. */
  current(): Promise<string | null>;
  /** What the proxy counted of this app; null when it does not say so at once. Absent for a proxy that counts nothing for us. */
  traffic?(): Promise<TrafficReport | null>;
  /** Waits until nothing of the instance is in flight, closing its streams cleanly at their limit. Sends no signal. Repeatable. */
  drain(instance: string, limits: DrainLimits): Promise<DrainReport>;
  /** Gives the ports back. */
  deregister(): Promise<void>;
  /** Stops watching the proxy; it runs on. */
  close(): void;
}

/** The operator's word that one refusal of one commit does not count. */
export interface GateOverride {
  /** Full id of the candidate. */
  commit: string;
  code: FailureCode;
  /** Only this finding of `gate_secret`; every one when left out. */
  fingerprint?: string;
}

export interface GateRequest {
  /** Empty on the first deploy. */
  live: string;
  candidate: string;
  branch: string;
  trigger: string;
  signal: AbortSignal;
  /** Head of the human branch. The one that the repository knows when left out. */
  humanHead?: string;
  /** Whose commit is live. Told from the branches when left out. */
  liveFrom?: 'human' | 'agent';
  overrides?: readonly GateOverride[];
}

export interface Gate {
  /** Judges a commit before anything of it is checked out or run. Fails with a `gate_…` code. Answers a detail for people. */
  check(request: GateRequest): Promise<Result<{ detail: string }>>;
}

export interface Journal {
  /**
   * Appends the event, on disk when it answers (one write, fdatasync), in call order. When the disk refuses: rejects if the event `mustHold`, else keeps
   * it in memory, to be written before anything newer. A crash leaves whole records only.
   */
  record(event: MachineEvent, mustHold: boolean): Promise<{ seq: number; time: string }>;
  /** Remembers the state that the last recorded event led to. May lag behind the journal, never runs ahead of it. */
  save(state: State): void;
  /** Empty when everything that happened is on disk, else the problem. Tries to write what is missing. */
  catchUp(): Promise<string>;
}

export interface Secrets {
  /** Values of the contract's `secrets_inject`, for an instance's environment only; `missing` names those nobody knows. Read anew at each boot. */
  read(names: readonly string[]): Promise<{ values: Record<string, string>; missing: string[] }>;
}

export interface Alerts {
  /**
   * Takes an alert for delivery to every target. Never blocks, never throws, needs no target: what is wrong with one is logged. An alert of a key that is
   * open already is dropped when it says the same, so it may be called as often as the trouble is seen, across restarts too. Durable a moment
   * later; delivered at least once: a crash between a delivery and its record repeats it, with the same id.
   */
  send(alert: Alert): void;
}

/** What became of alerts since the start; targets by their name for people. */
export interface AlertMeasures {
  raised: Counter<{ kind: AlertKind }>;
  deliveries: Counter<{ target: string; outcome: 'delivered' | 'failed' | 'dropped' }>;
  waiting(): { target: string; waiting: number }[];
}

/** One branch, as far as it is known here. */
export interface BranchHead {
  name: string;
  /** Empty when there is no such branch. */
  commit: string;
  /** Whether the live commit is on it. */
  containsLive: boolean;
}

export interface BranchesView {
  human: BranchHead;
  /** `commit` is the workspace's head when the agent has one, else the published one. */
  agent: BranchHead & { local: string; published: string };
  /** Commits of the agent's branch that the human branch lacks, and the other way round: the divergence. */
  ahead: number;
  behind: number;
  /** Commits of the workspace's branch that are not published. */
  unpublished: number;
  live: string;
  /** A sentence when something could not be reached; the rest is what was known before. Empty otherwise. */
  problem: string;
}

/**
 * - `pushed`, `up_to_date`: published. `not_on_branch`: nothing to publish, the commit is not the agent's
 * - `rejected`: the published branch has commits that the pushed one lacks; they stay, the agent has to merge them
 * - `refused`: a hook or rule of the remote said no; `unauthorized`: credentials are missing or wrong; `unreachable`: worth a retry
 */
export type PushStatus = 'pushed' | 'up_to_date' | 'not_on_branch' | 'rejected' | 'refused' | 'unauthorized' | 'unreachable' | 'aborted';

export interface PushReport {
  status: PushStatus;
  branch: string;
  commit: string;
  /** Whether an old head that had been merged was replaced. */
  replaced: boolean;
  /** A sentence for people, with what to do when it is not published. */
  detail: string;
}

/**
 * - `none`: no agent branch; `current`: at the human branch's head; `behind`: has nothing of its own
 * - `merged`: all of it is in the human branch; `partly`: up to `through`, with newer commits on top; `unmerged`
 */
export interface MergedState {
  state: 'none' | 'current' | 'behind' | 'merged' | 'partly' | 'unmerged';
  /** How it was found: by history, by equal content, as one squashed patch, commit by commit, or by a pull request's event. */
  by: 'ancestor' | 'content' | 'squash' | 'rebase' | 'event' | '';
  /** Newest head of the agent's branch that is merged; empty when none is. */
  through: string;
  /** Commits of the agent's branch that are not merged, newest first, at most 1000. */
  unmerged: string[];
  /** Whether the published branch still has to follow a reset. */
  publishedLags: boolean;
}

export type PostponedReason =
  | 'agent_busy'
  | 'unmerged_live'
  | 'unmerged_published'
  | 'unfinished_operation'
  | 'workspace_changed'
  | 'workspace_unusable'
  | 'aborted';

export type ResetReport =
  | { status: 'not_needed'; state: MergedState['state'] }
  | { status: 'postponed'; reason: PostponedReason; detail: string }
  | { status: 'reset'; commit: string; rescued: string[]; published: PushReport | null; detail: string };

/** Work that was kept when something else took its place. */
export interface Rescue {
  ref: string;
  commit: string;
  /** RFC 3339, when it was kept. */
  time: string;
  /** `slot a`, `slot b`, or the name of a branch. */
  from: string;
  subject: string;
}

export interface MaintenanceReport {
  status: 'done' | 'skipped' | 'stopped' | 'failed';
  /** For people. */
  detail: string;
}

/**
 * The human's and the agent's branch. Calls wait for one another. No commit that a refresh saw on either is lost: what a reset, or a force push of
 * somebody else, moves off a branch is kept in a ref below `refs/greenroom/rescue/`, which is never pushed.
 */
export interface Branches {
  /** Fetches both sides, at most for the network time limit, and says where the branches are. */
  refresh(signal: AbortSignal): Promise<BranchesView>;
  /**
   * Publishes the agent's branch up to this promoted commit and no further, when the commit is on it. Repeatable. Never overwrites anything: only a
   * head that `resetMachine` found merged is replaced, and only while the remote still has exactly that head.
   */
  pushMachine(commit: string, signal: AbortSignal): Promise<PushReport>;
  /**
   * A pull request of the agent's branch was merged into the human branch with this head. Durable once it answers true. False when the commit or the
   * human branch could not be fetched: say it again later. What content cannot tell (a squash that was edited or reverted) is known this way.
   */
  noteMerged(head: string, signal: AbortSignal): Promise<boolean>;
  /** Whether the agent's branch is contained in the human one, as of the last refresh. */
  mergedState(): Promise<MergedState>;
  /**
   * When the agent's branch has been merged, sets it to the human branch's head: in the workspace, here and at the remote. Uncommitted and
   * unmerged work is kept in rescue refs here and as branches `rescue/…` in the workspace first. Postponed while the agent is busy, while something unmerged is
   * live or published, and when anything in the workspace changes meanwhile. Repeatable: after a crash at any point the next call goes on.
   */
  resetMachine(signal: AbortSignal): Promise<ResetReport>;
  /** Newest first. */
  rescues(): Promise<Rescue[]>;
  /** Deletes rescues older than `maxAgeMs`, but never the newest `keep` ones. Answers what it deleted. */
  expireRescues(limits: { maxAgeMs: number; keep: number }): Promise<Rescue[]>;
  /** Repacks the repository when it is worth it, with low priority and a time limit. Skipped while an attempt runs. */
  maintain(signal: AbortSignal): Promise<MaintenanceReport>;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. */
  now(): number;
  /** Calls back after `ms`; answers a function that cancels. */
  after(ms: number, callback: () => void): () => void;
}

/** Evidence of an instance's end, for failures and alerts. */
export function exitEvidence(exit: Omit<InstanceExit, 'outlived'>): Evidence {
  return { exit: exit.exit, log_tail: exit.logTail, log_file: exit.logFile };
}
