/**
 * A client of the orchestrator's API, over a Unix socket or 127.0.0.1. Refusals (a gate that said no, a candidate that failed its probe) are
 * values; `GreenroomUnreachable` is thrown when nobody answers, `GreenroomAnswerError` when something other than Greenroom does.
 */
import { type EventsOptions, openEvents } from './client/events.ts';
import { type LogEvent, type LogsOptions, openLogs } from './client/logs.ts';
import { type Address, type Answer, describeAddress, GreenroomAnswerError, isUnreachable, request } from './client/request.ts';
import type {
  Accepted,
  ApprovalAnswer,
  ApproveBody,
  AttemptDiff,
  AttemptView,
  DenyBody,
  DeployBody,
  DeploySuccess,
  DryRun,
  EventMessage,
  FreezeBody,
  FrozenAnswer,
  InstanceLogs,
  OverrideAnswer,
  OverrideBody,
  PullRequestAnswer,
  ReconcileAnswer,
  ReconcileBody,
  Refusal,
  RestartBody,
  RollbackBody,
  RollbackSuccess,
  Status,
  ThawBody,
  TrafficView,
} from './wire.ts';

export type { EventsOptions } from './client/events.ts';
export { DEFAULT_RESTART_WAIT_MS, type Followable, type Followed, type FollowOptions, followAttempt, isDecided } from './client/follow.ts';
export type { LogEvent, LogsOptions } from './client/logs.ts';
export { type Address, GreenroomAnswerError, GreenroomUnreachable } from './client/request.ts';

export interface CallOptions {
  signal?: AbortSignal;
}

export interface AttemptCallOptions extends CallOptions {
  /** The trace that asks: the header `traceparent` of W3C Trace Context. */
  traceparent?: string;
}

export interface AsyncCallOptions extends AttemptCallOptions {
  /** Answer with the attempt's id as soon as it is queued, instead of waiting until it is decided. */
  async: true;
}

export interface GreenroomClient {
  /** Where this client connects to, for people. */
  readonly address: string;
  /** Waits without a time limit until the attempt is decided: a deploy may take as long as its setup command does. */
  deploy(body: DeployBody, options?: AttemptCallOptions): Promise<DeploySuccess | DryRun | Refusal>;
  deploy(body: DeployBody, options: AsyncCallOptions): Promise<Accepted | DryRun | Refusal>;
  rollback(body?: RollbackBody, options?: AttemptCallOptions): Promise<RollbackSuccess | DryRun | Refusal>;
  rollback(body: RollbackBody, options: AsyncCallOptions): Promise<Accepted | DryRun | Refusal>;
  /** Serves the live release by a fresh instance, with the secrets as they are now. Served on the operator socket only. */
  restart(body?: RestartBody, options?: AttemptCallOptions): Promise<RollbackSuccess | DryRun | Refusal>;
  restart(body: RestartBody, options: AsyncCallOptions): Promise<Accepted | DryRun | Refusal>;
  status(options?: CallOptions): Promise<Status>;
  /** Stops deploys of the agent, or all, until `thaw`. This and the next six are served on the operator socket only, and refused as `forbidden` elsewhere. */
  freeze(body: FreezeBody, options?: CallOptions): Promise<FrozenAnswer | Refusal>;
  thaw(body?: ThawBody, options?: CallOptions): Promise<FrozenAnswer | Refusal>;
  /** Lets a deploy that waits for approval go live. Answers before it is; `attempt` and `events` tell what becomes of it. */
  approve(body: ApproveBody, options?: CallOptions): Promise<ApprovalAnswer | Refusal>;
  /** Ends a deploy that waits for approval. */
  deny(body: DenyBody, options?: CallOptions): Promise<ApprovalAnswer | Refusal>;
  /** Lets one refusal of one commit pass. */
  override(body: OverrideBody, options?: CallOptions): Promise<OverrideAnswer | Refusal>;
  /** Looks for drift now and acts on it; with `dry_run` it only looks. */
  reconcile(body?: ReconcileBody, options?: CallOptions): Promise<ReconcileAnswer | Refusal>;
  /** Opens or updates the pull request from the agent's branch to the human one. */
  pullRequest(options?: CallOptions): Promise<PullRequestAnswer | Refusal>;
  /** Attempts, newest first. */
  deploys(options?: CallOptions & { limit?: number }): Promise<AttemptView[]>;
  /** One attempt; null when the orchestrator knows none of that id. */
  attempt(id: string, options?: CallOptions): Promise<AttemptView | null>;
  /** What an attempt changes; a refusal `not_found` for no such attempt, and when its commits are gone. Served on the operator socket only. */
  diff(id: string, options?: CallOptions): Promise<AttemptDiff | Refusal>;
  /** Last lines of an instance's output; of the live one when none is named. Throws `GreenroomAnswerError` with status 404 when there is no such instance. */
  logs(options?: CallOptions & { lines?: number; instance?: string }): Promise<InstanceLogs>;
  /** Output of an instance as it comes, of the live one when none is named. One connection: it throws `GreenroomUnreachable` when that breaks. */
  followLogs(options?: LogsOptions): AsyncGenerator<LogEvent, void, undefined>;
  /** What passed through the proxy so far. Rates are for the caller to make of two answers. */
  traffic(options?: CallOptions): Promise<TrafficView>;
  /** Whether the orchestrator has done its start-up work. False as well when nobody answers. */
  ready(options?: CallOptions): Promise<boolean>;
  /** Endless; reconnects by itself when the orchestrator restarts. End it with `signal`, or by leaving the loop. */
  events(options?: EventsOptions): AsyncGenerator<EventMessage, void, undefined>;
}

export function createClient(address: Address): GreenroomClient {
  const where = describeAddress(address);

  async function post(path: string, body: object, options: AttemptCallOptions & { async?: true } = {}): Promise<unknown> {
    const { async, traceparent } = options;
    const headers = { ...(async ? { prefer: 'respond-async' } : {}), ...(traceparent ? { traceparent } : {}) };
    const answer = await request(address, { method: 'POST', path, body, headers, ...signalOf(options) });
    const value = parse(where, answer);
    if (hasKey(value, 'success')) return value;
    throw new GreenroomAnswerError(where, `POST ${path}`, answer);
  }

  async function read(path: string, options: CallOptions = {}): Promise<Answer> {
    return await request(address, { method: 'GET', path, headers: {}, ...signalOf(options) });
  }

  async function readJson(path: string, options?: CallOptions): Promise<unknown> {
    const answer = await read(path, options);
    if (answer.status !== 200) throw new GreenroomAnswerError(where, `GET ${path}`, answer);
    return parse(where, answer);
  }

  function deploy(body: DeployBody, options?: AttemptCallOptions): Promise<DeploySuccess | DryRun | Refusal>;
  function deploy(body: DeployBody, options: AsyncCallOptions): Promise<Accepted | DryRun | Refusal>;
  async function deploy(body: DeployBody, options: AttemptCallOptions = {}): Promise<DeploySuccess | Accepted | DryRun | Refusal> {
    return (await post('/deploy', body, options)) as DeploySuccess | Accepted | DryRun | Refusal;
  }

  function rollback(body?: RollbackBody, options?: AttemptCallOptions): Promise<RollbackSuccess | DryRun | Refusal>;
  function rollback(body: RollbackBody, options: AsyncCallOptions): Promise<Accepted | DryRun | Refusal>;
  async function rollback(
    body: RollbackBody = {},
    options: AttemptCallOptions = {},
  ): Promise<RollbackSuccess | Accepted | DryRun | Refusal> {
    return (await post('/rollback', body, options)) as RollbackSuccess | Accepted | DryRun | Refusal;
  }

  function restart(body?: RestartBody, options?: AttemptCallOptions): Promise<RollbackSuccess | DryRun | Refusal>;
  function restart(body: RestartBody, options: AsyncCallOptions): Promise<Accepted | DryRun | Refusal>;
  async function restart(body: RestartBody = {}, options: AttemptCallOptions = {}): Promise<RollbackSuccess | Accepted | DryRun | Refusal> {
    return (await post('/restart', body, options)) as RollbackSuccess | Accepted | DryRun | Refusal;
  }

  return {
    address: where,
    deploy,
    rollback,
    restart,
    async status(options) {
      return (await readJson('/status', options)) as Status;
    },
    freeze: async (body, options) => (await post('/freeze', body, options)) as FrozenAnswer | Refusal,
    thaw: async (body = {}, options) => (await post('/thaw', body, options)) as FrozenAnswer | Refusal,
    approve: async (body, options) => (await post('/approve', body, options)) as ApprovalAnswer | Refusal,
    deny: async (body, options) => (await post('/deny', body, options)) as ApprovalAnswer | Refusal,
    override: async (body, options) => (await post('/override', body, options)) as OverrideAnswer | Refusal,
    reconcile: async (body = {}, options) => (await post('/reconcile', body, options)) as ReconcileAnswer | Refusal,
    pullRequest: async (options) => (await post('/pull-request', {}, options)) as PullRequestAnswer | Refusal,
    async deploys(options = {}) {
      const query = options.limit === undefined ? '' : `?limit=${options.limit}`;
      return (await readJson(`/deploys${query}`, options)) as AttemptView[];
    },
    async attempt(id, options) {
      const path = `/deploys/${encodeURIComponent(id)}`;
      const answer = await read(path, options);
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw new GreenroomAnswerError(where, `GET ${path}`, answer);
      return parse(where, answer) as AttemptView;
    },
    async traffic(options) {
      return (await readJson('/traffic', options)) as TrafficView;
    },
    async diff(id, options) {
      const path = `/deploys/${encodeURIComponent(id)}/diff`;
      const answer = await read(path, options);
      if (answer.status !== 200 && answer.status !== 403 && answer.status !== 404)
        throw new GreenroomAnswerError(where, `GET ${path}`, answer);
      return parse(where, answer) as AttemptDiff | Refusal;
    },
    followLogs: (options = {}) => openLogs(address, options),
    async logs({ lines, instance, ...options } = {}) {
      const query = new URLSearchParams({
        ...(lines === undefined ? {} : { lines: String(lines) }),
        ...(instance === undefined ? {} : { instance }),
      });
      return (await readJson(`/logs?${query}`, options)) as InstanceLogs;
    },
    async ready(options) {
      try {
        return (await read('/', options)).status === 200;
      } catch (error) {
        if (isUnreachable(error)) return false;
        throw error;
      }
    },
    events: (options = {}) => openEvents(address, options),
  };
}

function parse(where: string, answer: Answer): unknown {
  try {
    return JSON.parse(answer.body);
  } catch (cause) {
    throw new GreenroomAnswerError(where, answer.call, answer, { cause });
  }
}

function hasKey<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value;
}

function signalOf(options: CallOptions): CallOptions {
  return options.signal ? { signal: options.signal } : {};
}
