import { closeSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { INSTANCE_ENV } from '@greenroom/sdk/wire';
import type { RunAs } from '../../../confine/users.ts';
import { environHas, isRunning, parseEnviron, processTable, readEnviron, readStat } from '../../../proc.ts';
import type { Layout } from '../../layout.ts';
import type { Log } from '../../ports.ts';
import { containerOptions, inherited } from '../containers/arguments.ts';
import { type ContainerCli, reasonOf } from '../containers/cli.ts';
import type { ContainerSetup } from '../containers/containers.ts';
import { dataLabel, instanceLabels, LABEL, recordOfLabels } from '../containers/identity.ts';
import { type Container, findContainers, inspectContainers } from '../containers/inspect.ts';
import { watchContainer } from './container-watch.ts';
import type { Findings, InstanceRunner, StartRequest } from './instance-runner.ts';
import { openLog, tailLog } from './log-file.ts';
import type { InstanceRecord, Records } from './records.ts';

/** How long after a crash a container that was being started may take to be there. */
const STARTING_PATIENCE_MS = 20_000;
const STARTING_LOOK_MS = 50;

export interface ContainerRunnerOptions {
  setup: ContainerSetup;
  layout: Layout;
  /** Environment entries that only this app in this data directory has. */
  entries: readonly string[];
  runAs: RunAs | undefined;
  bootId: string;
  log: Log;
}

/** Runs each instance in a container of its own, which the container program starts, and which outlives this process. */
export function createContainerRunner({ setup, layout, entries, runAs, bootId, log }: ContainerRunnerOptions): InstanceRunner {
  const { cli } = setup;
  const nameOf = ({ instance, container }: InstanceRecord): string => container?.name ?? setup.nameOf(instance);

  async function start(request: StartRequest): Promise<string | { pid: number; startTicks: number }> {
    const { record, command, env } = request;
    const name = nameOf(record);
    const identity = await setup.identity(runAs);
    if (typeof identity === 'string') return identity;
    const options = containerOptions({
      ...identity,
      program: cli.program,
      name,
      labels: instanceLabels(layout.data, record),
      mounts: setup.mounts(request.directory),
      workdir: setup.workdir(request.directory),
      env,
      limits: setup.limits,
    });
    const words = [...options, setup.imageOf(record.commit), command.file, ...command.args];
    const problem = await launch(cli, name, words, inherited(env), record.logFile);
    const [container] = problem === '' ? await inspectContainers(cli, [name]) : [];
    if (!container) {
      await cli.run(['rm', '--force', '--volumes', name]);
      return `The container could not be started: ${problem || 'it was gone at once'}.`;
    }
    return leaderOf(container);
  }

  async function findEarlier(records: Records, known: ReadonlySet<string>): Promise<Findings> {
    const findings: Findings = { living: [], gone: [], orphans: [] };
    const recorded = records.ids().filter((id) => records.read(id)?.container !== undefined);
    const containers = await earlierContainers(new Set(recorded));
    if (typeof containers === 'string') {
      log(containers, { level: 'error' });
      return findings;
    }
    const byInstance = new Map(containers.map((container) => [container.labels[LABEL.instance] ?? '', container]));
    for (const id of new Set([...recorded, ...byInstance.keys()])) {
      if (known.has(id)) continue;
      const container = byInstance.get(id);
      const record = records.read(id);
      const found = container?.running ? withLeader(record ?? fromLabels(container), container) : undefined;
      if (found && !record?.ended) findings.living.push(found);
      else {
        if (container) await cli.run(['rm', '--force', '--volumes', container.name]);
        if (record && !record.ended) findings.gone.push(record);
      }
    }
    return findings;
  }

  /** Once those that an earlier run was starting are there. What it ran beside instances is ended. */
  async function earlierContainers(recorded: ReadonlySet<string>): Promise<Container[] | string> {
    const deadline = performance.now() + STARTING_PATIENCE_MS;
    for (;;) {
      // First: one that has started its container meanwhile is in the list then.
      const starting = isBeingStarted(entries, recorded);
      const containers = await findContainers(cli, dataLabel(layout.data));
      if (typeof containers === 'string') return containers;
      const [others, instances] = [containers.filter((it) => !isInstance(it)), containers.filter(isInstance)];
      for (const { name } of others) await cli.run(['rm', '--force', '--volumes', name]);
      if (!starting || performance.now() > deadline) return instances;
      await sleep(STARTING_LOOK_MS);
    }
  }

  function fromLabels(container: Container): InstanceRecord | undefined {
    const told = recordOfLabels(container.labels);
    return told && { ...told, bootId, logFile: join(layout.logs, `${told.instance}.log`) };
  }

  function withLeader(record: InstanceRecord | undefined, container: Container): InstanceRecord | undefined {
    if (record === undefined) return undefined;
    return { ...record, ...leaderOf(container), bootId, container: { program: cli.program, name: container.name } };
  }

  return {
    surroundings: (env, { commit }) => setup.surroundings(env, commit),
    prepare: (record) => ({ ...record, container: { program: cli.program, name: nameOf(record) } }),
    start,
    watch: (record) => watchContainer(cli, nameOf(record), record, { limits: setup.limits, log }),
    findEarlier,
    endOrphans: async () => undefined,
  };
}

const isInstance = ({ labels }: Container): boolean => labels[LABEL.kind] === 'instance';

function leaderOf({ running, pid }: Container): { pid: number; startTicks: number } {
  const stat = running ? readStat(pid) : undefined;
  return stat ? { pid, startTicks: stat.startTicks } : { pid: 0, startTicks: 0 };
}

/**
 * Starts the container, its output going straight to the log. Answers what went wrong, or nothing. Podman hands the log's descriptor on to it; Docker has
 * no such thing, so that its client stays, in a session of its own, and passes the output on.
 */
async function launch(
  cli: ContainerCli,
  name: string,
  words: readonly string[],
  env: Record<string, string>,
  logFile: string,
): Promise<string> {
  const output = openLog(logFile);
  try {
    if (cli.program === 'podman') {
      const run = await cli.run(['run', '--detach', '--log-driver=passthrough', ...words], { env, output });
      if (run.code === 0) return '';
      // What it says of a failure goes where the app's output would have gone.
      return reasonOf({ ...run, stderr: run.stderr || (await tailLog(logFile, 1)).join('') });
    }
    const created = await cli.run(['create', '--log-driver=none', ...words], { env });
    if (created.code !== 0) return reasonOf(created);
    return await startAttached(cli, name, output);
  } finally {
    closeSync(output);
  }
}

/** Ends once the container was started, or its client has ended, which then said why in the log. */
async function startAttached(cli: ContainerCli, name: string, output: number): Promise<string> {
  let ended: string | undefined;
  void cli.run(['start', '--attach', name], { output, timeoutMs: 0 }).then((answer) => {
    ended = answer.code === 0 ? '' : reasonOf(answer);
  });
  for (;;) {
    const [container] = await inspectContainers(cli, [name]);
    if (container?.started) return '';
    if (ended !== undefined) return ended || 'it did not start';
    await sleep(STARTING_LOOK_MS);
  }
}

/** Whether a container program is at work on one of these instances: it has the instance's environment, and is itself in no container. */
function isBeingStarted(entries: readonly string[], instances: ReadonlySet<string>): boolean {
  const ownNamespace = pidNamespace('self');
  return [...processTable().values()].some((stat) => {
    if (!isRunning(stat) || stat.pid === process.pid) return false;
    const environ = readEnviron(stat.pid);
    if (environ === undefined || !entries.every((entry) => environHas(environ, entry))) return false;
    return instances.has(parseEnviron(environ).get(INSTANCE_ENV.instance) ?? '') && pidNamespace(stat.pid) === ownNamespace;
  });
}

/** Empty for a process that has ended by now, or is another user's. */
function pidNamespace(pid: number | 'self'): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return '';
    throw error;
  }
}
