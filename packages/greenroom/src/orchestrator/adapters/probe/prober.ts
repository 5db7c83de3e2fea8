import { setTimeout as sleep } from 'node:timers/promises';
import type { AttemptKind, Evidence, Failure, SlotName } from '@greenroom/sdk/wire';
import type { Layer } from '../../../confine/command.ts';
import type { Limiter } from '../../../confine/limiter.ts';
import type { Contract } from '../../core/contract.ts';
import { limitRemedy } from '../../core/limit-remedy.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import { range } from '../../core/schema.ts';
import type { Layout } from '../../layout.ts';
import {
  exitEvidence,
  type Instance,
  type InstanceExit,
  type Instances,
  type ProbeReport,
  type Prober,
  type SchemaCheck,
} from '../../ports.ts';
import { unknownExit } from '../instances/exit-reason.ts';
import { TAIL_LINES } from '../instances/text.ts';
import { internalDoor, LOOPBACK_HOSTS, urlOf } from './address.ts';
import { deepCheck } from './deep-check.ts';
import { outcome, requestEvidence } from './evidence.ts';
import { lookAtHealth, waitForHealth, waitForListener } from './health.ts';
import { listenRemedy } from './listeners.ts';
import { runSmokeTest } from './smoke.ts';

export interface ProberOptions {
  app: string;
  layout: Layout;
  contract: Contract;
  instances: Instances;
  slotDirectory: (slot: SlotName) => string;
  schemaCheck: SchemaCheck;
  /** The orchestrator's own environment, of which a short list passes to the smoke test. */
  env?: NodeJS.ProcessEnv;
  /** What the smoke test is started within. */
  layers?: readonly Layer[];
  /** What it may use. */
  limiter?: Limiter;
}

/** The deep check gets what the health endpoint left of the time, but never less than this. */
const MIN_DEEP_CHECK_MS = 1_000;
/** Exits remembered for probes that begin after the instance has ended already. */
const REMEMBERED_EXITS = 32;
/** An app that dies closes its connections before its end is known: that long an unanswered request waits for the true reason. */
const EXIT_PATIENCE_MS = 300;

export function createProber({
  app,
  layout,
  contract,
  instances,
  slotDirectory,
  schemaCheck,
  env = process.env,
  layers = [],
  limiter,
}: ProberOptions): Prober {
  const exits = new Map<string, InstanceExit>();
  const waiting = new Map<string, () => void>();
  instances.onExit((exit) => {
    exits.set(exit.instance, exit);
    for (const oldest of exits.keys()) if (exits.size > REMEMBERED_EXITS) exits.delete(oldest);
    waiting.get(exit.instance)?.();
  });

  async function probe(instance: Instance, purpose: AttemptKind, signal: AbortSignal): Promise<Result<ProbeReport>> {
    const ended = new AbortController();
    waiting.set(instance.instance, () => ended.abort());
    try {
      if (!instances.get(instance.instance)) return fail(await exitFailure(instance, ended.signal));
      const result = await runProbe(instance, purpose, AbortSignal.any([signal, ended.signal]));
      if (signal.aborted) return fail({ code: 'aborted', error: `The probe of instance ${instance.instance} was aborted.` });
      if (!result.ok && result.failure.evidence?.request?.error !== undefined) await waitForExit(ended.signal);
      const gone = ended.signal.aborted || !instances.get(instance.instance);
      return gone ? fail(await exitFailure(instance, ended.signal)) : result;
    } finally {
      waiting.delete(instance.instance);
    }
  }

  async function runProbe(instance: Instance, purpose: AttemptKind, signal: AbortSignal): Promise<Result<ProbeReport>> {
    const start = performance.now();
    const health = await probeHealth(instance, signal);
    if (!health.ok) return health;
    const { host } = health.value;
    const healthyAfterMs = performance.now() - start;
    const done = [`healthy after ${Math.round(healthyAfterMs)} ms`];
    // Before the app's own pages are asked: on a schema that they do not work with they fail, and say nothing of versions.
    const schema = purpose === 'restart' ? ok(null) : await schemaCheck.check(instance, { commit: instance.commit, kind: purpose }, signal);
    if (!schema.ok) return failWith(instance, schema.failure, schema.failure.evidence ?? {});
    if (schema.value) done.push(`schema at ${schema.value.current_schema_version}, supports ${range(schema.value)}`);
    for (const step of [deepStep, smokeStep]) {
      const result = await step(instance, host, healthyAfterMs, signal);
      if (!result.ok) return result;
      if (result.value !== '') done.push(result.value);
    }
    return ok({ host, healthyAfterMs, detail: done.join(', '), schema: schema.value });
  }

  /** Answers the address of the public port: that is where traffic will go. */
  async function probeHealth(instance: Instance, signal: AbortSignal): Promise<Result<{ host: string }>> {
    const start = performance.now();
    const limit = contract.health_timeout_ms;
    const door = internalDoor(instance);
    const health = await waitForHealth(door, contract.health_endpoint, limit, signal);
    if (!health.healthy) {
      const remedy = health.refused ? { remedy: listenRemedy(instance, door) } : {};
      const error = `The app did not answer 200 on ${contract.health_endpoint} within ${limit} ms: ${outcome(health.evidence)}.`;
      return failWith(instance, { code: 'health_timeout', error }, { request: health.evidence, ...remedy });
    }
    const { address } = health;
    if ('port' in address && address.port === instance.port) return ok({ host: address.host });
    const left = Math.max(MIN_DEEP_CHECK_MS, limit - (performance.now() - start));
    const host = await waitForListener(instance.port, left, signal);
    if (host !== '') return ok({ host });
    const asked = {
      method: 'GET',
      url: urlOf({ host: LOOPBACK_HOSTS[0], port: instance.port }, '/'),
      expected: 'a listener on the public port',
    };
    const request = requestEvidence(asked, { ok: false, refused: true, error: 'connection refused, nothing listens there' });
    const error = `The app is healthy on its internal ${'socket' in door ? 'socket' : 'port'}, but nothing listens on its public port ${instance.port} within ${limit} ms.`;
    return failWith(instance, { code: 'health_timeout', error }, { request, remedy: listenRemedy(instance, { port: instance.port }) });
  }

  async function deepStep(instance: Instance, host: string, usedMs: number, signal: AbortSignal): Promise<Result<string>> {
    const check = contract.health_test_payload;
    if (!check) return ok('');
    const start = performance.now();
    const timeoutMs = Math.max(MIN_DEEP_CHECK_MS, contract.health_timeout_ms - usedMs);
    const checked = await deepCheck(check, { host, port: instance.port }, timeoutMs, signal);
    if (checked.ok) return ok(`deep check ${checked.status} in ${Math.round(performance.now() - start)} ms`);
    const error = `The deep check ${check.method} ${check.path} did not hold: ${checked.problem}.`;
    return failWith(instance, { code: 'deep_check_failed', error }, { request: checked.evidence });
  }

  async function smokeStep(instance: Instance, host: string, _usedMs: number, signal: AbortSignal): Promise<Result<string>> {
    const command = contract.smoke_test_command;
    if (command === undefined) return ok('');
    const start = performance.now();
    const place = { layout, slotDirectory: slotDirectory(instance.slot), host };
    const context = { app, contract, ...place, env, layers, ...(limiter && { limiter }) };
    const { exit, timedOut, aborted, tail } = await runSmokeTest(command, instance, context, signal);
    if (exit.code === 0 && !timedOut && !aborted) return ok(`smoke test passed in ${Math.round(performance.now() - start)} ms`);
    const how = timedOut ? `did not end within ${contract.smoke_timeout_ms} ms and was killed` : exit.description;
    return fail({ code: 'smoke_failed', error: `The smoke test "${command}" ${how}.`, evidence: { command, exit, log_tail: tail } });
  }

  async function check(instance: Instance, timeoutMs: number): Promise<string> {
    const { address, answer } = await lookAtHealth(internalDoor(instance), contract.health_endpoint, timeoutMs);
    if (answer.ok && answer.status === 200) return '';
    const asked = { method: 'GET', url: urlOf(address, contract.health_endpoint), expected: 'status 200' };
    return `GET ${contract.health_endpoint} did not answer 200: ${outcome(requestEvidence(asked, answer))}`;
  }

  async function failWith(instance: Instance, failure: Failure, evidence: Evidence): Promise<Result<never>> {
    const log_tail = await instances.tail(instance.instance, TAIL_LINES);
    return fail({ ...failure, evidence: { ...evidence, log_tail, log_file: instance.logFile } });
  }

  async function exitFailure(instance: Instance, ended: AbortSignal): Promise<Failure> {
    // The instance may be gone a moment before its end is told.
    if (!exits.has(instance.instance)) await waitForExit(ended);
    const exit = exits.get(instance.instance) ?? {
      instance: instance.instance,
      exit: unknownExit('ended'),
      logTail: await instances.tail(instance.instance, TAIL_LINES),
      logFile: instance.logFile,
    };
    const error = `The app ${exit.exit.description} before it passed its probe.`;
    const remedy = exit.exit.limit === undefined ? {} : { remedy: limitRemedy(exit.exit.limit) };
    return { code: 'boot_exited', error, evidence: { command: contract.start_command, ...exitEvidence(exit), ...remedy } };
  }

  return { probe, check };
}

async function waitForExit(ended: AbortSignal): Promise<void> {
  try {
    await sleep(EXIT_PATIENCE_MS, undefined, { signal: ended });
  } catch (error) {
    if (!ended.aborted) throw error;
  }
}
