/** A history of deploys, migrations and rollbacks: the real machine and runner, with the database a number and the machine around them simulated. */
import type { SchemaReleaseView, SchemaStatus } from '@greenroom/sdk/wire';
import { fail, ok } from '../../src/orchestrator/core/result.ts';
import { parseSchemaStatus, schemaFailure, schemaUnreadable, schemaView } from '../../src/orchestrator/core/schema.ts';
import { initialState, type Request } from '../../src/orchestrator/core/state.ts';
import type { Clock, Instance, InstanceExit, Instances, Journal, Prober, Router, SchemaCheck } from '../../src/orchestrator/ports.ts';
import type { Ports } from '../../src/orchestrator/runner/work.ts';
import { createRunner, type Runner } from '../../src/orchestrator/runner.ts';

/** What the code of a commit supports. One that is not honest says the opposite of its numbers; a silent one answers nothing. */
interface Code {
  min: number;
  span: number;
  honest: boolean;
  silent: boolean;
}

/** `meanwhile`: the version that somebody migrates the database to between the probe and the switch. */
export type Step =
  | { type: 'deploy'; commit: Code; meanwhile: number | null }
  | { type: 'rollback'; meanwhile: number | null }
  | { type: 'migrate'; to: number }
  | { type: 'standby ends' }
  | { type: 'crash' };

export type Seen =
  | `${'deploy' | 'rollback'} ${'promoted' | 'refused at probe' | 'refused at promote' | 'refused otherwise'}`
  | `warm rollback ${'promoted' | 'refused'}`
  | 'restarted outside of its range';

export interface Played {
  /** What was switched to by an attempt, with the version of the database at that moment. */
  promotions: { commit: string; min: number; max: number; at: number }[];
  /** What the status said of a rollback, and whether it was allowed then. */
  views: { fits: SchemaReleaseView['fits']; allowed: boolean }[];
}

const EXIT = { code: 1, signal: null, description: 'exited with code 1' };

export async function playHistory(steps: readonly Step[], standbyMs: number, seen: (what: Seen) => void): Promise<Played> {
  const played: Played = { promotions: [], views: [] };
  const world = createWorld(standbyMs, played);
  await world.runner.start();
  for (const step of steps) {
    if (step.type === 'migrate') world.database = step.to;
    else if (step.type === 'standby ends') await world.letTimePass();
    else if (step.type === 'crash') await crash(world, seen);
    else await ask(world, step, played, seen);
  }
  return played;
}

async function ask(
  world: World,
  step: Extract<Step, { type: 'deploy' | 'rollback' }>,
  played: Played,
  seen: (what: Seen) => void,
): Promise<void> {
  const { runner } = world;
  const warm = step.type === 'rollback' && runner.state().standby !== null;
  const shown = schemaView(runner.state(), world.saidBy(runner.state().live?.commit), '').releases.find((it) => it.role === 'previous');
  world.meanwhile = step.meanwhile;
  const { outcome } = await runner.request(world.requestOf(step));
  const came = await outcome;
  world.meanwhile = null;
  await settled();
  const refusedBySchema = !came.ok && came.failure.code === 'schema_incompatible';
  const refusal =
    refusedBySchema && (came.step === 'probe' || came.step === 'promote') ? (`refused at ${came.step}` as const) : 'refused otherwise';
  seen(`${step.type} ${came.ok ? 'promoted' : refusal}`);
  if (warm && (came.ok || refusedBySchema)) seen(`warm rollback ${came.ok ? 'promoted' : 'refused'}`);
  if (step.type === 'rollback' && step.meanwhile === null && shown && (came.ok || refusedBySchema))
    played.views.push({ fits: shown.fits, allowed: came.ok });
}

async function crash({ runner, end, letTimePass, ...world }: World, seen: (what: Seen) => void): Promise<void> {
  const { live } = runner.state();
  if (!live?.instance) return;
  end(live.instance);
  await settled();
  while (runner.state().live?.instance === null) await letTimePass();
  const said = world.saidBy(live.commit);
  if (said && !said.compatible) seen('restarted outside of its range');
}

interface World {
  database: number;
  meanwhile: number | null;
  runner: Runner;
  requestOf(step: Extract<Step, { type: 'deploy' | 'rollback' }>): Request;
  /** Null when it says nothing that could be relied on. */
  saidBy(commit: string | undefined): SchemaStatus | null;
  end(instance: string): void;
  /** Whatever waits for a time, no longer does. */
  letTimePass(): Promise<void>;
}

function createWorld(standbyMs: number, played: Played): World {
  const commits = new Map<string, Code>();
  const running = new Map<string, Instance>();
  const timers = new Set<() => void>();
  const exitListeners: ((exit: InstanceExit) => void)[] = [];
  let route: string | null = null;
  let requests = 0;

  function answerOf(commit: string): string {
    const code = commits.get(commit);
    if (!code || code.silent) return '';
    const max = code.min + code.span;
    const fits = world.database >= code.min && world.database <= max;
    return JSON.stringify({
      current_schema_version: world.database,
      code_min_schema_version: code.min,
      code_max_schema_version: max,
      pending_migrations: Math.max(0, max - world.database),
      compatible: fits === code.honest,
    });
  }

  const schemaCheck: SchemaCheck = {
    wanted: true,
    read: async () => null,
    async check(instance, asked) {
      const parsed = parseSchemaStatus(answerOf(instance.commit));
      const failure = parsed.ok ? schemaFailure(parsed.status, asked) : schemaUnreadable(parsed.problem, '/schema', asked);
      return failure || !parsed.ok ? fail(failure ?? { code: 'schema_incompatible', error: '' }) : ok(parsed.status);
    },
  };
  const prober: Prober = {
    async probe(instance, purpose, signal) {
      const schema =
        purpose === 'restart' ? ok(null) : await schemaCheck.check(instance, { commit: instance.commit, kind: purpose }, signal);
      if (schema.ok && purpose !== 'restart') world.database = world.meanwhile ?? world.database;
      return schema.ok ? ok({ host: '127.0.0.1', healthyAfterMs: 1, detail: '', schema: schema.value }) : schema;
    },
    check: async () => '',
  };
  const router: Router = {
    async switchTo(target) {
      const { attempt } = world.runner.state();
      route = target?.instance ?? null;
      if (target && attempt?.step === 'promote' && attempt.candidate === target.instance) note(attempt.resolved);
      return ok(undefined);
    },
    register: async () => undefined,
    preview: async () => undefined,
    current: async () => route,
    drain: async () => ({ drained: true, closedStreams: 0, abandonedRequests: 0 }),
    deregister: async () => undefined,
    close: () => undefined,
  };
  function note(commit: string): void {
    const { min = 0, span = 0 } = commits.get(commit) ?? {};
    played.promotions.push({ commit, min, max: min + span, at: world.database });
  }

  function end(instance: string): void {
    if (!running.delete(instance)) return;
    for (const listener of exitListeners) listener({ instance, exit: EXIT, logTail: [], logFile: '', outlived: [] });
  }
  const instances: Instances = {
    async boot({ instance, slot, commit }) {
      const booted = {
        instance,
        slot,
        commit,
        pid: 1,
        startTicks: 1,
        bootId: '',
        port: 1,
        internalPort: 2,
        internalSocket: '',
        logFile: '',
        startedAt: 0,
      };
      running.set(instance, booted);
      return ok(booted);
    },
    async stop(instance) {
      end(instance);
      return EXIT;
    },
    adopt: async () => [],
    get: (instance) => running.get(instance),
    all: () => [...running.values()],
    recall: (instance) => running.get(instance),
    tail: async () => [],
    async *follow() {
      // Nobody reads what was never written.
    },
    onExit(listener) {
      exitListeners.push(listener);
      return () => undefined;
    },
    onLimit: () => () => undefined,
    close: () => undefined,
  };
  const clock: Clock = {
    now: () => 1_000_000,
    after(_ms, callback) {
      const timer = (): void => callback();
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const ports: Ports = {
    repo: {
      resolve: async (asked) => ok({ commit: 'commit' in asked ? asked.commit : '', branch: '', warning: '' }),
      markLive: async () => undefined,
      contains: async () => false,
      merge: async () => null,
      branches: async () => ({}),
      diff: async () => ({ ok: true, files: [], more: 0 }),
    },
    gate: { check: async () => ok({ detail: '' }) },
    slots: {
      prepare: async ({ slot, commit }) => ok({ slot, directory: '', commit, rescued: '', setup: 'none', detail: '' }),
      restore: async () => true,
      changes: async () => [],
      discard: async () => true,
      directory: () => '',
    },
    instances,
    prober,
    schemaCheck,
    router,
    clock,
    drainTimeoutMs: 0,
    pushGated: () => undefined,
    pushPromoted: async () => '',
    previewToken: () => '',
    findHost: async () => '127.0.0.1',
  };
  const journal: Journal = { record: async () => ({ seq: 1, time: '' }), save: () => undefined, catchUp: async () => '' };
  const world: World = {
    database: 0,
    meanwhile: null,
    runner: createRunner({
      ports,
      journal,
      state: initialState(),
      history: new Map(),
      policy: { standby_ms: standbyMs, watch_ms: 0 },
      log: () => undefined,
      debug: () => undefined,
    }),
    requestOf(step) {
      requests += 1;
      const commit = step.type === 'deploy' ? `c${requests}` : '';
      if (step.type === 'deploy') commits.set(commit, step.commit);
      const rest = { branch: '', reason: '', trigger: 'manual', caller: 'operator-socket', at: 0 } as const;
      return { id: `r${requests}`, kind: step.type, commit, ...rest };
    },
    saidBy(commit = '') {
      const parsed = parseSchemaStatus(answerOf(commit));
      return parsed.ok ? parsed.status : null;
    },
    end,
    async letTimePass() {
      for (const timer of [...timers]) timer();
      await settled();
    },
  };
  return world;
}

/** Nothing in this world takes time: whatever follows from what happened has happened by the next turn of the event loop. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
