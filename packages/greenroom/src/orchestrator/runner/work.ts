/** Carries out the machine's commands, one function each. Answers with events; never decides. */
import type { AttemptKind, Failure, SchemaStatus } from '@greenroom/sdk/wire';
import type { Command } from '../core/commands.ts';
import type { NewEvent, StepData } from '../core/events.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { State } from '../core/state.ts';
import type {
  Clock,
  Gate,
  GateOverride,
  GateRequest,
  Instance,
  Instances,
  Log,
  LogAbout,
  Prober,
  Repo,
  Router,
  RouteTarget,
  SchemaCheck,
  Slots,
} from '../ports.ts';

/** A candidate that never served gets this long after SIGTERM. */
export const CANDIDATE_GRACE_MS = 2_000;
/** However long a drain took, the old instance gets at least this long after SIGTERM. */
export const MIN_STOP_GRACE_MS = 1_000;
export const STREAM_DRAIN_MS = 3_000;
export const WATCH_INTERVAL_MS = 1_000;
export const WATCH_CHECK_TIMEOUT_MS = 5_000;
/** Checks in a row that must fail before the watch gives up on a release. */
export const WATCH_STRIKES = 3;

export interface Ports {
  repo: Repo;
  gate: Gate;
  slots: Slots;
  instances: Instances;
  prober: Prober;
  schemaCheck: SchemaCheck;
  router: Router;
  clock: Clock;
  drainTimeoutMs: number;
  /** Told of a commit that the gate let pass. Must not throw, and is not waited for. */
  pushGated(commit: string): void;
  /** Tells the world of a promoted commit. Empty, or why it could not be told. */
  pushPromoted(commit: string): Promise<string>;
  /** Secret that shows an attempt's candidate, while it waits for approval. */
  previewToken(attempt: string): string;
  /** Loopback address that a port of ours answers on. */
  findHost(port: number): Promise<string>;
}

export interface WorkOptions {
  ports: Ports;
  state(): State;
  dispatch(event: NewEvent): Promise<void>;
  catchUp(): Promise<string>;
  log: Log;
}

export interface Work {
  carryOut(command: Exclude<Command, { type: 'finish' | 'shut_down' }>): void;
  /** Whatever waits for a time waits for ever, and drains are left to the next orchestrator: for the end of this one. */
  leave(): void;
}

interface RunningStep {
  attempt: string;
  controller: AbortController;
  done: Promise<void>;
}

export function createWork({ ports, state, dispatch, catchUp, log }: WorkOptions): Work {
  const { repo, gate, slots, instances, prober, schemaCheck, router, clock } = ports;
  const hosts = new Map<string, string>();
  const drains = new Map<string, AbortController>();
  const restarts = new Map<string, { controller: AbortController; done: Promise<void> }>();
  const timers = new Set<() => void>();
  let running: RunningStep | null = null;
  /** What waits for approval, and is shown to whoever decides. */
  let shown: { attempt: string; controller: AbortController } | null = null;
  let lastPublish: Promise<void> = Promise.resolve();

  function carryOut(command: Exclude<Command, { type: 'finish' | 'shut_down' }>): void {
    const done = start(command);
    done.catch((error: Error) => log(`${command.type} failed unexpectedly: ${error.stack ?? error.message}`, aboutCommand(command)));
  }

  function start(command: Exclude<Command, { type: 'finish' | 'shut_down' }>): Promise<void> {
    switch (command.type) {
      case 'run_step':
        return runStep(command);
      case 'await_approval':
        return awaitApproval(command);
      case 'abort_step':
        return abortStep(command.attempt);
      case 'undo':
        return undo(command);
      case 'drain':
        return drain(command);
      case 'cancel_drain':
        drains.get(command.instance)?.abort();
        return Promise.resolve();
      case 'stop':
        return stop(command);
      case 'keep_standby':
        return keepStandby(command);
      case 'restart':
        return restart(command);
      case 'switch_live':
        return switchLive(command.instance);
      case 'clear_route':
        return clearRoute();
      case 'publish':
        return publish(command);
      case 'watch':
        return watch(command);
      default: {
        const exhaustive: never = command;
        throw new Error(`unknown command ${JSON.stringify(exhaustive)}`);
      }
    }
  }

  async function runStep(command: Extract<Command, { type: 'run_step' }>): Promise<void> {
    const controller = new AbortController();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    running = { attempt: command.attempt, controller, done };
    const { attempt, step } = command;
    const began = clock.now();
    let result: Result<StepData>;
    try {
      result = await perform(command, controller.signal);
    } catch (error) {
      log(`step ${step} of ${attempt} threw: ${(error as Error).stack}`, aboutCommand(command));
      result = fail({ code: unexpectedCode(step), error: `The step ${step} broke unexpectedly: ${(error as Error).message}` });
    }
    resolve();
    // The attempt has gone on without it.
    if (running?.controller !== controller) return;
    const ms = clock.now() - began;
    if (result.ok) await dispatch({ type: 'step_succeeded', attempt, step, ms, data: result.value });
    else await dispatch({ type: 'step_failed', attempt, step, ms, failure: result.failure });
  }

  async function perform(command: Extract<Command, { type: 'run_step' }>, signal: AbortSignal): Promise<Result<StepData>> {
    const { attempt, slot, commit, branch, instance } = command;
    switch (command.step) {
      case 'resolve':
        return described(await repo.resolve(branch ? { branch } : { commit }, signal), (it) => ({
          commit: it.commit,
          branch: it.branch,
          detail: [it.commit.slice(0, 10), it.branch && `head of ${it.branch}`, it.warning].filter(Boolean).join(', '),
        }));
      case 'gate':
        return judge({
          live: state().live?.commit ?? '',
          candidate: commit,
          branch,
          trigger: state().attempt?.trigger ?? 'manual',
          overrides: state()
            .overrides.filter((it) => it.commit === commit)
            .map(gateOverride),
          signal,
        });
      case 'prepare':
        return described(await slots.prepare({ slot, commit, attempt, signal }), (it) => ({ detail: it.detail }));
      case 'boot':
        return described(await instances.boot({ instance, slot, commit }), (it) => ({ detail: `pid ${it.pid}, port ${it.port}` }));
      case 'probe':
        return probe(instance, command.kind, signal);
      case 'promote':
        return promote(command, signal);
      default:
        throw new Error(`${command.step} is not a step that an attempt runs`);
    }
  }

  async function judge(request: GateRequest): Promise<Result<StepData>> {
    const judged = await gate.check(request);
    if (judged.ok && !request.signal.aborted) ports.pushGated(request.candidate);
    return judged;
  }

  async function probe(instance: string, purpose: AttemptKind, signal: AbortSignal): Promise<Result<StepData>> {
    const found = instances.get(instance);
    if (!found) return fail({ code: 'boot_exited', error: `The instance ${instance} is no longer running.` });
    const report = await prober.probe(found, purpose, signal);
    if (report.ok) hosts.set(instance, report.value.host);
    return described(report, ({ detail, schema }) => ({ detail, ...declared(schema) }));
  }

  async function promote(command: Extract<Command, { type: 'run_step' }>, signal: AbortSignal): Promise<Result<StepData>> {
    const { attempt, instance, commit, kind } = command;
    const problem = await catchUp();
    if (problem) return fail({ code: 'promote_failed', error: `Not promoted, because it could not be recorded: ${problem}` });
    const found = instances.get(instance);
    if (!found) return endedBefore(instance);
    const target = await targetOf(found);
    // Once more, as late as can be: somebody may have migrated the database since the probe.
    const schema = kind === 'restart' ? ok(null) : await schemaCheck.check(found, { commit, kind }, signal);
    if (!schema.ok) return instances.get(instance) ? schema : endedBefore(instance);
    const switched = await router.switchTo(target);
    if (switched.ok) void endPreview(attempt);
    return described(switched, () => ({ detail: `requests go to ${instance}`, ...declared(schema.value) }));
  }

  async function targetOf(found: Instance): Promise<RouteTarget> {
    const host = hosts.get(found.instance) ?? (await ports.findHost(found.port));
    return { instance: found.instance, host, port: found.port, internalPort: found.internalPort };
  }

  async function awaitApproval({ attempt, instance, until }: Extract<Command, { type: 'await_approval' }>): Promise<void> {
    const controller = new AbortController();
    shown = { attempt, controller };
    const found = instances.get(instance);
    const target = found && (await targetOf(found).catch(() => undefined));
    if (target && !controller.signal.aborted) await router.preview({ token: ports.previewToken(attempt), target });
    await sleepUntil(until, controller.signal);
    if (!controller.signal.aborted) await dispatch({ type: 'approval_expired', attempt });
  }

  /** Answers whether it had been shown. */
  async function endPreview(attempt: string): Promise<boolean> {
    if (shown?.attempt !== attempt) return false;
    shown.controller.abort();
    shown = null;
    await router.preview(null);
    return true;
  }

  async function abortStep(attempt: string): Promise<void> {
    if (running?.attempt === attempt) running.controller.abort();
  }

  async function undo({ attempt, candidate, slot, touched, restore }: Extract<Command, { type: 'undo' }>): Promise<void> {
    if (running?.attempt === attempt) await running.done;
    if ((await endPreview(attempt)) && candidate !== null) await letViewersGo(candidate);
    if (candidate !== null) await instances.stop(candidate, CANDIDATE_GRACE_MS);
    const slotReady = touched && restore !== '' ? await slots.restore(slot, restore) : false;
    await dispatch({ type: 'undone', attempt, slot_ready: slotReady });
  }

  async function letViewersGo(candidate: string): Promise<void> {
    const timeoutMs = Math.min(ports.drainTimeoutMs, CANDIDATE_GRACE_MS);
    await router.drain(candidate, { timeoutMs, streamTimeoutMs: 0, signal: new AbortController().signal });
  }

  async function drain({ instance, since }: Extract<Command, { type: 'drain' }>): Promise<void> {
    const controller = new AbortController();
    drains.set(instance, controller);
    const began = clock.now();
    const timeoutMs = Math.max(0, ports.drainTimeoutMs - (began - since));
    const streamTimeoutMs = Math.min(STREAM_DRAIN_MS, timeoutMs);
    const report = await router.drain(instance, { timeoutMs, streamTimeoutMs, signal: controller.signal });
    drains.delete(instance);
    if (controller.signal.aborted) return;
    const { closedStreams: closed_streams, abandonedRequests: abandoned_requests } = report;
    await dispatch({ type: 'drained', instance, ms: clock.now() - began, closed_streams, abandoned_requests });
  }

  async function stop({ instance, since }: Extract<Command, { type: 'stop' }>): Promise<void> {
    const restarting = restarts.get(instance);
    restarting?.controller.abort();
    // Its boot cannot be aborted: what is being started now can be stopped only once it has been.
    await restarting?.done;
    const graceMs = Math.max(MIN_STOP_GRACE_MS, ports.drainTimeoutMs - (clock.now() - since));
    const exit = await instances.stop(instance, graceMs);
    hosts.delete(instance);
    // An instance that ran has reported its exit by now; one that never ran has nobody else to report it.
    if (!state().retiring.some((it) => it.instance === instance)) return;
    await dispatch({ type: 'instance_exited', instance, exit, log_tail: [], log_file: '' });
  }

  async function keepStandby({ instance, until }: Extract<Command, { type: 'keep_standby' }>): Promise<void> {
    await sleepUntil(until);
    await dispatch({ type: 'standby_expired', instance });
  }

  async function restart({ instance, slot, commit, delay_ms }: Extract<Command, { type: 'restart' }>): Promise<void> {
    const controller = new AbortController();
    const { promise: done, resolve } = Promise.withResolvers<void>();
    restarts.set(instance, { controller, done });
    const { signal } = controller;
    let failure: Failure | null = null;
    try {
      await sleepUntil(clock.now() + delay_ms, signal);
      // A power cut may have left files short, and whatever made the app exit may have changed them.
      if (!signal.aborted) await slots.restore(slot, commit);
      failure = signal.aborted ? null : await bootAndProbe(instance, slot, commit, signal);
    } finally {
      restarts.delete(instance);
      resolve();
    }
    if (signal.aborted) return;
    await dispatch(failure ? { type: 'restart_failed', instance, failure } : { type: 'restart_ready', instance });
  }

  async function bootAndProbe(instance: string, slot: 'a' | 'b', commit: string, signal: AbortSignal): Promise<Failure | null> {
    const booted = await instances.boot({ instance, slot, commit });
    if (!booted.ok) return booted.failure;
    const probed = await probe(instance, 'restart', signal);
    return probed.ok ? null : probed.failure;
  }

  async function switchLive(instance: string): Promise<void> {
    const found = instances.get(instance);
    const switched = found
      ? await router.switchTo(await targetOf(found))
      : fail({ code: 'boot_exited', error: `The instance ${instance} ended before the route was switched to it.` });
    if (switched.ok) await dispatch({ type: 'live_switched', instance });
    else await dispatch({ type: 'restart_failed', instance, failure: switched.failure });
  }

  async function clearRoute(): Promise<void> {
    const cleared = await router.switchTo(null);
    if (!cleared.ok) log(`the route could not be cleared: ${cleared.failure.error}`, { level: 'error' });
  }

  /** One after the other: what is live last is recorded last. */
  function publish(command: Extract<Command, { type: 'publish' }>): Promise<void> {
    const published = lastPublish.then(() => publishOne(command));
    lastPublish = published.catch(() => undefined);
    return published;
  }

  async function publishOne({ attempt, live, previous }: Extract<Command, { type: 'publish' }>): Promise<void> {
    const began = clock.now();
    let error = '';
    try {
      await repo.markLive(live, previous);
      error = await ports.pushPromoted(live);
    } catch (cause) {
      error = `The refs of the live release could not be moved: ${(cause as Error).message}`;
      log(error, { level: 'error', attempt, step: 'publish', commit: live });
    }
    await dispatch({ type: 'published', attempt, ms: clock.now() - began, error });
  }

  async function watch({ attempt, instance, until }: Extract<Command, { type: 'watch' }>): Promise<void> {
    const watched = (): boolean => state().watch?.attempt === attempt && state().watch?.instance === instance;
    let strikes = 0;
    while (watched()) {
      const left = until - clock.now();
      if (left <= 0) return dispatch({ type: 'watch_elapsed', attempt });
      await sleepUntil(clock.now() + Math.min(WATCH_INTERVAL_MS, left));
      const found = instances.get(instance);
      if (!found || !watched()) return;
      const problem = await prober.check(found, WATCH_CHECK_TIMEOUT_MS);
      strikes = problem ? strikes + 1 : 0;
      if (strikes < WATCH_STRIKES) continue;
      const error = `its health endpoint failed ${strikes} times in a row: ${problem}`;
      return dispatch({ type: 'watch_failed', attempt, failure: { code: 'rolled_back', error } });
    }
  }

  /** Ends early when aborted. */
  function sleepUntil(at: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        timers.delete(cancel);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = clock.after(Math.max(0, at - clock.now()), wake);
      timers.add(cancel);
      signal?.addEventListener('abort', wake, { once: true });
      if (signal?.aborted) wake();
    });
  }

  function leave(): void {
    for (const cancel of timers) cancel();
    for (const controller of drains.values()) controller.abort();
  }

  return { carryOut, leave };
}

/** What failed unexpectedly is a bug, or a machine in trouble. */
function aboutCommand(command: Command): LogAbout {
  return {
    level: 'error',
    ...('attempt' in command ? { attempt: command.attempt } : {}),
    ...('step' in command ? { step: command.step } : {}),
    ...('instance' in command ? { instance: command.instance } : {}),
    ...('commit' in command ? { commit: command.commit } : {}),
  };
}

function described<T>(result: Result<T>, describe: (value: T) => StepData): Result<StepData> {
  return result.ok ? ok(describe(result.value)) : result;
}

function endedBefore(instance: string): Result<never> {
  return fail({ code: 'boot_exited', error: `The instance ${instance} ended just before it was promoted.` });
}

function declared(schema: SchemaStatus | null): Pick<StepData, 'schema'> {
  return schema ? { schema } : {};
}

function unexpectedCode(step: string): Failure['code'] {
  const codes: Record<string, Failure['code']> = {
    resolve: 'commit_not_found',
    gate: 'gate_deploy_size',
    prepare: 'slot_failed',
    boot: 'boot_exited',
    probe: 'health_timeout',
  };
  return codes[step] ?? 'promote_failed';
}

function gateOverride({ commit, code, fingerprint }: State['overrides'][number]): GateOverride {
  return fingerprint === '' ? { commit, code } : { commit, code, fingerprint };
}
