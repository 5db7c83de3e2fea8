import type {
  AttemptKind,
  CallerView,
  DriftName,
  DriftView,
  Failure,
  FailureCode,
  Origin,
  SchemaStatus,
  SlotName,
  StepName,
  Trigger,
} from '@greenroom/sdk/wire';

/** By which way somebody asked, and who it was. */
export interface CalledBy {
  /** `operator-socket`, `agent-socket`, `tcp` or `orchestrator`. */
  caller: string;
  /** Of a Unix socket, where the kernel could be asked. */
  called_by?: CallerView;
}

/** A deploy, rollback or restart as it was asked for. Times are milliseconds since the epoch. */
export interface Request extends CalledBy {
  id: string;
  kind: AttemptKind;
  /** Commit-ish asked for; empty when a branch was. */
  commit: string;
  /** Branch asked for; empty when a commit was. */
  branch: string;
  reason: string;
  trigger: Trigger;
  /** Head of the human branch that was known when it was asked for. */
  human_head?: string;
  /** The turn of the chat that asked for it. */
  origin?: Origin;
  /** The trace of whoever asked, as W3C's header has it. */
  traceparent?: string;
  at: number;
}

export interface Queued extends Request {
  /** How many later requests have gone before this one. */
  overtaken: number;
  /** A rollback that was asked for while this attempt was being promoted: it is meant against it. */
  against?: string;
}

/** A commit in a slot. */
export interface Release {
  commit: string;
  slot: SlotName;
}

/** What a release said of the database just before it was promoted; not there when the contract had no schema status then. */
interface Declared {
  schema?: SchemaStatus;
}

export interface Live extends Release, Declared {
  /** Null while no process serves it. */
  instance: string | null;
  /** The attempt that promoted it. */
  attempt: string;
  /** When `instance` began to serve. */
  served_at: number;
}

export interface Previous extends Release, Declared {
  /** The watch rolled back from it: going there again wants an explicit deploy. */
  faulty: boolean;
}

export interface Attempt extends Request, Declared {
  /** Steps up to the promotion, in order. */
  steps: StepName[];
  step: StepName;
  /** `waiting`: for a person's approval; its step is `promote` then, and nothing of it runs but the candidate. */
  phase: 'running' | 'waiting' | 'undoing';
  /** Full id once `resolve` has succeeded. */
  resolved: string;
  slot: SlotName;
  candidate: string | null;
  /** The candidate is an instance that ran before (warm standby), not one of this attempt's own. */
  reused: boolean;
  /** `prepare` has begun: the slot no longer holds what it held. */
  touched: boolean;
  /** Instances that must end before the slot may be overwritten. */
  waiting_for: string[];
  /** The candidate ended while the route was being switched to it. */
  candidate_exit: string;
  /** When a person is asked, or was asked, whether it may go live. */
  approval?: Approval;
  failure: (Failure & { step: StepName }) | null;
}

export interface Approval {
  since: number;
  /** When it is given up. */
  until: number;
  approved: boolean;
}

/** An instance on its way out. */
export interface Retiring extends Release {
  instance: string;
  attempt: string;
  phase: 'draining' | 'stopping';
  /** Becomes the standby once it is drained. */
  keep: boolean;
  /** It has the secrets of before a restart: no rollback takes it back. */
  outdated?: true;
  since: number;
}

export interface Standby extends Release {
  instance: string;
  until: number;
}

/** A live release whose instance ended and is being started again. */
export interface Restart {
  instance: string;
  /** Exits in a row, each soon after the other. */
  count: number;
  at: number;
  why: string;
}

export interface Watch {
  attempt: string;
  instance: string;
  until: number;
}

export interface Policy {
  standby_ms: number;
  watch_ms: number;
  /** Deploys that the agent may begin within an hour; 0 or none for any number. */
  agent_deploys_per_hour?: number;
  /** How long a deploy of the agent waits for a person's approval; none when it needs none. */
  approval_timeout_ms?: number;
}

export interface Freeze extends CalledBy {
  scope: 'agent' | 'all';
  reason: string;
  at: number;
}

export interface Override extends CalledBy {
  commit: string;
  code: FailureCode;
  /** Empty: every finding of the code. */
  fingerprint: string;
  reason: string;
  at: number;
}

export interface Drift {
  name: DriftName;
  detail: string;
  action: DriftView['action'];
  at: number;
}

/** Everything that decides what happens next. Plain JSON. */
export interface State {
  policy: Policy;
  live: Live | null;
  previous: Previous | null;
  standby: Standby | null;
  slots: Record<SlotName, { commit: string; ready: boolean }>;
  attempt: Attempt | null;
  queue: Queued[];
  retiring: Retiring[];
  restart: Restart | null;
  crashes: number;
  watch: Watch | null;
  /** Commits that were rolled back from; reconcile never deploys them by itself. */
  quarantine: string[];
  consecutive_failures: number;
  /** Attempts that promoted a release which is not recorded as live yet. */
  publishing: string[];
  promoted_at: number;
  freeze: Freeze | null;
  overrides: Override[];
  /** When the agent asked for its deploys of the last hour. */
  agent_deploys: number[];
  /** Head of the human branch that was known at the last deliberate choice of what is live: reconcile leaves it alone. */
  settled_head: string;
  /** Commits whose deploy failed since, newest last; reconcile does not try them again. */
  failed_commits: string[];
  drift: Drift[];
  /** Instances named so far; makes their ids unique. */
  boots: number;
  stopping: 'no' | 'stop' | 'detach';
  /** Stopping, and nothing is under way any more. */
  at_rest: boolean;
}

export function initialState(): State {
  return {
    policy: { standby_ms: 0, watch_ms: 0 },
    live: null,
    previous: null,
    standby: null,
    slots: { a: { commit: '', ready: false }, b: { commit: '', ready: false } },
    attempt: null,
    queue: [],
    retiring: [],
    restart: null,
    crashes: 0,
    watch: null,
    quarantine: [],
    consecutive_failures: 0,
    publishing: [],
    promoted_at: 0,
    freeze: null,
    overrides: [],
    agent_deploys: [],
    settled_head: '',
    failed_commits: [],
    drift: [],
    boots: 0,
    stopping: 'no',
    at_rest: false,
  };
}

export const otherSlot = (slot: SlotName): SlotName => (slot === 'a' ? 'b' : 'a');
