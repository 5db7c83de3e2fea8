import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ExitReason, INSTANCE_ENV, type SlotName } from '@greenroom/sdk/wire';
import type { Layer } from '../../../confine/command.ts';
import type { Limiter } from '../../../confine/limiter.ts';
import type { User } from '../../../confine/users.ts';
import type { Ending } from '../../../family.ts';
import { parseEnviron, readBootId, readEnviron } from '../../../proc.ts';
import type { Contract } from '../../core/contract.ts';
import type { ContainerProgram } from '../../core/contract-runner.ts';
import type { Mask } from '../../core/mask.ts';
import { fail, ok, type Result } from '../../core/result.ts';
import type { Layout } from '../../layout.ts';
import type { BootRequest, Clock, Instance, InstanceExit, Instances, LimitReached, Log, LogAbout, Secrets } from '../../ports.ts';
import { containerSetup } from '../containers/containers.ts';
import { createKnownSecrets, type KnownSecrets } from '../secrets/known.ts';
import { SecretsError } from '../secrets.ts';
import { createContainerRunner } from './container-runner.ts';
import { appEnvironment } from './environment.ts';
import { unknownExit } from './exit-reason.ts';
import { followLog } from './follow-log.ts';
import { type ClaimedPort, claimPort } from './fresh-ports.ts';
import type { Started, StartRequest, Watched } from './instance-runner.ts';
import { createInternalSockets } from './internal-sockets.ts';
import { createListenSockets } from './listen-sockets.ts';
import { type LogWatch, logParts, removeLog, tailLog, watchLog } from './log-file.ts';
import { createProcessRunner } from './process-runner.ts';
import { type InstanceRecord, instanceOf, openRecords, type Records } from './records.ts';
import { combineRunners } from './runners.ts';
import { scrubFile } from './scrub-log.ts';
import { spareAgent } from './spared.ts';
import { parseStartCommand } from './start-command.ts';

/** Logs of this many boots are kept; running ones always. */
export const KEPT_BOOTS = 20;
const INSTANCE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export interface InstancesOptions {
  layout: Layout;
  app: string;
  contract: Contract;
  slotDirectory: (slot: SlotName) => string;
  secrets: Secrets;
  /** Hides secrets in output, also those that earlier instances were given. */
  known?: KnownSecrets;
  clock: Clock;
  log: Log;
  /** The orchestrator's own environment, of which a short list passes to the app. */
  env?: NodeJS.ProcessEnv;
  /** What each instance is started within. */
  layers?: readonly Layer[];
  /** Whose programs instances are; the orchestrator's own when left out. */
  user?: Pick<User, 'gid'>;
  /** What each instance may use. */
  limiter?: Limiter;
}

/** An instance from its start until nothing of it runs. */
interface Entry {
  record: InstanceRecord;
  watched: Watched;
  exit: ExitReason | undefined;
  ending: Ending | undefined;
  finished: PromiseWithResolvers<void>;
  logWatch: LogWatch;
  unwatch: (() => void)[];
}

export function createInstances({
  layout,
  app,
  contract,
  slotDirectory,
  secrets,
  known = createKnownSecrets(),
  clock,
  log,
  env = process.env,
  layers = [],
  user,
  limiter,
}: InstancesOptions): Instances {
  mkdirSync(layout.logs, { recursive: true, mode: 0o700 });
  const records = openRecords(layout.instances);
  const bootId = readBootId();
  const sockets = createListenSockets(layout, contract);
  const internalSockets = createInternalSockets(layout, contract, user?.gid);
  const entries = new Map<string, Entry>();
  const listeners = new Set<(exit: InstanceExit) => void>();
  const limitListeners = new Set<(reached: LimitReached) => void>();
  const stablePorts = [contract.port, contract.internal_port ?? 0];
  const claimFreshPort = (): Promise<ClaimedPort> =>
    claimPort([...stablePorts, ...[...entries.values()].flatMap(({ record }) => [record.port, record.internalPort])]);
  const identity = { [INSTANCE_ENV.app]: app, [INSTANCE_ENV.contract]: layout.contractCopy };
  const entriesOfApp = Object.entries(identity).map(([name, value]) => `${name}=${value}`);
  const spare = spareAgent(layout);
  const processes = createProcessRunner({ entries: entriesOfApp, bootId, logs: layout.logs, spare, layers, ...(limiter && { limiter }) });
  const program = contract.runner.kind === 'container' ? contract.runner.program : recordedProgram(records);
  const setup = containerSetup({ app, layout, contract, program });
  const containers = createContainerRunner({ setup, layout, entries: entriesOfApp, runAs: contract.run_as, bootId, log });
  const runner = combineRunners(contract.runner.kind, processes, containers);
  const logFileOf = (instance: string): string => join(layout.logs, `${instance}.log`);
  let closed = false;

  function watch(record: InstanceRecord, exited?: Promise<ExitReason>): Entry {
    const { instance } = record;
    const watched = runner.watch(record, exited, (sentences) => {
      // What it dies of is told with its end.
      if (entries.get(instance)?.exit === undefined) for (const listener of limitListeners) listener({ instance, sentences });
    });
    const logWatch = watchLog(record.logFile, known.masker, log);
    const entry: Entry = {
      record,
      watched,
      exit: undefined,
      ending: undefined,
      finished: Promise.withResolvers(),
      logWatch,
      unwatch: [watched.unwatch, logWatch.end],
    };
    entries.set(record.instance, entry);
    void accompany(entry);
    return entry;
  }

  /** The life of an instance after its start. The leader's end is the instance's: what is left of it is told to stop. */
  async function accompany(entry: Entry): Promise<void> {
    const { record } = entry;
    const ended = await entry.watched.exited;
    if (closed) return entry.finished.resolve();
    entry.exit = ended;
    const at = clock.now();
    const asked = entry.ending;
    const ending = asked ?? end(entry, contract.drain_timeout_ms);
    ending.wake();
    // Before its end is on record: should we die here, the next start finds it ended while nobody looked, and hides what it said.
    await scrub(entry);
    save({ ...record, ended: { at, exit: ended } });
    const logTail = await tail(record.logFile);
    const exit = asked ? ended : entry.watched.explain(ended, logTail);
    if (exit !== ended) save({ ...record, ended: { at, exit } });
    const outlived = asked ? [] : ending.first.map(({ pid }) => pid);
    for (const listener of listeners) listener({ instance: record.instance, exit, logTail, logFile: record.logFile, outlived });
    const { left } = await ending.done;
    if (left.length > 0)
      log(`Processes ${left.join(', ')} of instance ${record.instance} do not end even by SIGKILL.`, aboutInstance(record, 'error'));
    for (const stop of entry.unwatch) stop();
    await scrub(entry);
    await entry.watched.clear();
    sockets?.remove(record.instance);
    internalSockets.remove(record.instance);
    entries.delete(record.instance);
    entry.finished.resolve();
  }

  function end(entry: Entry, graceMs: number): Ending {
    entry.ending = entry.watched.end(graceMs);
    return entry.ending;
  }

  async function boot({ instance, slot, commit }: BootRequest): Promise<Result<Instance>> {
    if (!INSTANCE_ID.test(instance)) throw new Error(`not an instance id: ${JSON.stringify(instance)}`);
    const prepared = await readSecrets();
    if (typeof prepared === 'string') return fail({ code: 'secrets_unavailable', error: prepared });
    // What runs may have been given other values, which nobody may know any more should we die once it is gone.
    await Promise.all([...entries.values()].map(scrub));
    const surroundings = await runner.surroundings(env, { slot, commit });
    if (typeof surroundings === 'string') return fail({ code: 'boot_exited', error: surroundings });
    const directory = slotDirectory(slot);
    const ports = [await claimFreshPort(), ...(contract.internal_port === undefined ? [] : [await claimFreshPort()])];
    const releasePorts = (): void => {
      for (const { release } of ports) release();
    };
    const record = runner.prepare({
      instance,
      slot,
      commit,
      pid: 0,
      startTicks: 0,
      bootId,
      port: ports[0]?.port ?? 0,
      internalPort: ports[1]?.port ?? 0,
      internalSocket: internalSockets.open(instance),
      logFile: logFileOf(instance),
      startedAt: clock.now(),
    });
    const listening = sockets?.environment(instance, record.internalPort !== 0);
    const environment = appEnvironment({
      slotDirectory: directory,
      from: surroundings.env,
      nodeFolder: surroundings.nodeFolder,
      contractEnv: contract.env,
      secrets: prepared,
      ...(listening && { nodeOptions: listening.nodeOptions }),
      greenroom: { ...identity, ...instanceVariables(record), ...listening?.variables },
    });
    const command = parseStartCommand(contract.start_command);
    const started = await start({ record, command, directory, env: environment });
    if (typeof started === 'string') {
      releasePorts();
      records.remove(instance);
      await removeLog(record.logFile);
      return fail({ code: 'boot_exited', error: started, evidence: { command: contract.start_command } });
    }
    const running = { ...record, pid: started.pid, startTicks: started.startTicks };
    const entry = watch(running, started.exited);
    entry.unwatch.push(releasePorts);
    save(running);
    void pruneLogs().catch((error: unknown) => log(`Old logs could not be removed: ${String(error)}`));
    return ok(instanceOf(running));
  }

  async function start(request: StartRequest): Promise<Started | string> {
    try {
      // On disk before the process exists: if we die in between, `adopt` finds the process by the id in its environment.
      records.write(request.record);
      return await runner.start(request);
    } catch (error) {
      if (isSystemError(error)) return `The instance could not be started: ${error.message}`;
      throw error;
    }
  }

  /** A record that cannot be written (a full disk) must not cost a running app: `adopt` finds it by its environment too. */
  function save(record: InstanceRecord): void {
    try {
      records.write(record);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      log(`The record of instance ${record.instance} could not be written: ${error.message}`, aboutInstance(record, 'error'));
    }
  }

  async function readSecrets(): Promise<Record<string, string> | string> {
    try {
      const { values, missing } = await secrets.read(contract.secrets_inject);
      known.learn(values);
      if (missing.length > 0) log(`The app starts without ${missing.join(', ')}: neither in ${layout.secrets} nor in the environment.`);
      return values;
    } catch (error) {
      if (error instanceof SecretsError) return error.message;
      throw error;
    }
  }

  /** Output goes on to journal, alerts, people and the agent's model: without the app's secrets, or not at all. */
  async function tail(file: string, lines?: number, maxBytes?: number): Promise<string[]> {
    return await tailLog(file, lines, maxBytes, await maskNow());
  }

  /** A full or failing disk is reported by the watch, and costs nothing else. */
  async function scrub({ logWatch }: Entry): Promise<void> {
    await logWatch.scrub().catch(() => undefined);
  }

  /** When it cannot be told what is secret, nothing is shown. */
  async function maskNow(): Promise<Mask> {
    if (known.last(contract.secrets_inject)) return known.mask;
    try {
      const { values, missing } = await secrets.read(contract.secrets_inject);
      known.learn(values, missing);
      return known.mask;
    } catch (error) {
      if (!(error instanceof SecretsError)) throw error;
      return () => `(not shown: what is secret in it cannot be told. ${error.message})`;
    }
  }

  async function adopt(): Promise<Instance[]> {
    const { living, gone, orphans } = await runner.findEarlier(records, new Set(entries.keys()));
    const adopted = living.filter(({ instance }) => !entries.has(instance));
    for (const record of adopted) {
      learnFrom(record);
      save(record);
      watch(record);
    }
    for (const record of gone) {
      const exit = unknownExit('ended while the orchestrator was away');
      save({ ...record, ended: { at: clock.now(), exit } });
      for (const part of logParts(record.logFile)) await scrubFile(part, known.masker());
    }
    await runner.endOrphans(orphans.filter((id) => !entries.has(id)));
    await sockets?.sweep([...entries.keys()]);
    await internalSockets.sweep([...entries.keys()]);
    return adopted.map(instanceOf);
  }

  /** What it was given is in its environment, whatever the provider says by now. */
  function learnFrom({ pid }: InstanceRecord): void {
    const environ = readEnviron(pid);
    if (!environ) return;
    const given = parseEnviron(environ);
    known.learn(Object.fromEntries(contract.secrets_inject.flatMap((name) => (given.has(name) ? [[name, given.get(name) ?? '']] : []))));
  }

  /** Keeps the logs and records of the last boots. What is in the folder but no boot's log is not ours to remove. */
  async function pruneLogs(): Promise<void> {
    const boots = records.ids().map((id) => records.read(id));
    const ended = boots.filter((record) => record !== undefined).sort((one, other) => other.startedAt - one.startedAt);
    for (const { instance } of ended.slice(KEPT_BOOTS)) {
      if (entries.has(instance)) continue;
      await removeLog(logFileOf(instance));
      records.remove(instance);
    }
  }

  const running = (): Entry[] => [...entries.values()].filter((entry) => entry.exit === undefined);

  return {
    boot,
    adopt,
    async stop(instance, graceMs) {
      const entry = entries.get(instance);
      if (!entry) return recordedExit(instance);
      end(entry, graceMs);
      await entry.finished.promise;
      return entry.watched.exited;
    },
    get: (instance) =>
      running()
        .map(({ record }) => instanceOf(record))
        .find((one) => one.instance === instance),
    all: () => running().map(({ record }) => instanceOf(record)),
    recall(instance) {
      const record = INSTANCE_ID.test(instance) ? records.read(instance) : undefined;
      return record && instanceOf(record);
    },
    tail: async (instance, lines, maxBytes) => (INSTANCE_ID.test(instance) ? tail(logFileOf(instance), lines, maxBytes) : []),
    async *follow(instance, lines, signal, over) {
      if (INSTANCE_ID.test(instance)) yield* followLog({ file: logFileOf(instance), lines, mask: maskNow, signal, over });
    },
    onExit(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onLimit(listener) {
      limitListeners.add(listener);
      return () => limitListeners.delete(listener);
    },
    close() {
      closed = true;
      for (const entry of entries.values()) {
        for (const stop of entry.unwatch) stop();
        entry.ending?.leave();
      }
    },
  };

  function recordedExit(instance: string): ExitReason {
    const record = INSTANCE_ID.test(instance) ? records.read(instance) : undefined;
    return record?.ended?.exit ?? unknownExit('was not running');
  }
}

/** A refusal of the operating system (no space, no permission), as opposed to a bug. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** Of the containers of a contract that has none any more. */
function recordedProgram(records: Records): ContainerProgram | undefined {
  return records
    .ids()
    .map((id) => records.read(id))
    .find((record) => record?.container && !record.ended)?.container?.program;
}

function instanceVariables({ instance, slot, commit, port, internalPort, internalSocket }: InstanceRecord): Record<string, string> {
  return {
    [INSTANCE_ENV.marker]: '1',
    [INSTANCE_ENV.instance]: instance,
    [INSTANCE_ENV.slot]: slot,
    [INSTANCE_ENV.commit]: commit,
    [INSTANCE_ENV.port]: String(port),
    ...(internalPort === 0 ? {} : { [INSTANCE_ENV.internalPort]: String(internalPort) }),
    ...(internalSocket === '' ? {} : { [INSTANCE_ENV.internalSocket]: internalSocket }),
  };
}

function aboutInstance({ instance, commit, slot }: InstanceRecord, level: LogAbout['level'] & string): LogAbout {
  return { level, instance, commit, slot };
}
