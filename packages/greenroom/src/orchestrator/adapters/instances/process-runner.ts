import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ExitReason, INSTANCE_ENV } from '@greenroom/sdk/wire';
import type { Layer } from '../../../confine/command.ts';
import { describeFindings, explainExit } from '../../../confine/explain-exit.ts';
import type { Bounds, Limiter } from '../../../confine/limiter.ts';
import { createFamily, type Ending, endFamily, findMembers, observeFamily, type Sparing } from '../../../family.ts';
import { runsStill } from '../../../proc.ts';
import { findEarlierInstances } from './adopt.ts';
import { exitReason, unknownExit } from './exit-reason.ts';
import type { Findings, InstanceRunner, Watched } from './instance-runner.ts';
import type { InstanceRecord } from './records.ts';
import { spawnDetached } from './spawn.ts';

/** How often a process that is not our child is looked at: nothing tells us of its end. */
const ADOPTED_POLL_MS = 100;
/** How often the kernel's counters of what it ended or refused are read: two small files. */
const LIMITS_POLL_MS = 2_000;
/** How often, and how long apart, a process that was being started when its orchestrator died is looked for. */
const UNSTARTED_LOOKS = 6;
const UNSTARTED_LOOK_MS = 20;

export interface ProcessRunnerOptions {
  /** Environment entries that only this app in this data directory has. */
  entries: readonly string[];
  bootId: string;
  logs: string;
  spare: Sparing;
  layers: readonly Layer[];
  /** What each of them may use. */
  limiter?: Limiter;
}

/** Runs each instance as a process that leads a session of its own, and ends it with all that came of it. */
export function createProcessRunner({ entries, bootId, logs, spare, layers, limiter }: ProcessRunnerOptions): InstanceRunner {
  const begun = new Map<string, Bounds>();

  return {
    surroundings: async (env) => ({ env, nodeFolder: dirname(process.execPath) }),
    prepare: (record) => record,
    async start({ record, command, directory, env }) {
      const bounds = limiter?.bounds(record.instance);
      const within = bounds?.around(layers) ?? layers;
      const spawned = await spawnDetached({ command, directory, env, logFile: record.logFile, layers: within });
      if (typeof spawned === 'string') {
        await bounds?.remove();
        return spawned;
      }
      if (bounds) begun.set(record.instance, bounds);
      return { pid: spawned.stat.pid, startTicks: spawned.stat.startTicks, exited: spawned.exited };
    },
    watch(record, exited, onLimit) {
      const bounds = begun.get(record.instance) ?? earlierBounds(limiter, record.instance);
      begun.delete(record.instance);
      return watchFamily({ record, told: exited, spare, limiter, bounds, onLimit });
    },
    async findEarlier(records, known) {
      const look = (): Findings => findEarlierInstances({ records, entries, bootId, logs, spare, known });
      let found = look();
      // Between its fork and its exec a child cannot be told from the orchestrator that was killed just then: its record alone says that it comes.
      for (let looks = 1; looks < UNSTARTED_LOOKS && found.gone.some((record) => record.pid === 0); looks += 1) {
        await sleep(UNSTARTED_LOOK_MS);
        found = look();
      }
      const kept = [...known, ...found.living.map(({ instance }) => instance)];
      const unbound = limiter?.known().filter((id) => !kept.includes(id)) ?? [];
      return { ...found, orphans: [...new Set([...found.orphans, ...unbound])] };
    },
    async endOrphans(ids) {
      const bound = limiter?.known() ?? [];
      const end = async (id: string): Promise<void> => {
        const bounds = bound.includes(id) ? earlierBounds(limiter, id) : undefined;
        await endFamily(createFamily(0, 0, markerOf(id), spare, bounds?.group), 0).done;
        await bounds?.remove();
      };
      await Promise.all(ids.map(end));
    },
  };
}

const markerOf = (instance: string): string => `${INSTANCE_ENV.instance}=${instance}`;

/** Of an instance that runs already: where its bounds cannot be had any more, it is looked after without them. */
function earlierBounds(limiter: Limiter | undefined, instance: string): Bounds | undefined {
  try {
    return limiter?.earlier(instance);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  }
}

interface Running {
  record: InstanceRecord;
  /** Its end, where the kernel tells us. */
  told: Promise<ExitReason> | undefined;
  spare: Sparing;
  limiter: Limiter | undefined;
  bounds: Bounds | undefined;
  onLimit(sentences: string[]): void;
}

function watchFamily({ record, told, spare, limiter, bounds, onLimit }: Running): Watched {
  const family = createFamily(record.pid, record.startTicks, markerOf(record.instance), spare, bounds?.group);
  const exited = Promise.withResolvers<ExitReason>();
  const unobserve = observeFamily(family);
  let ending: Ending | undefined;
  const timer = told === undefined ? setInterval(look, ADOPTED_POLL_MS).unref() : undefined;
  void told?.then(exited.resolve);

  function look(): void {
    // While it is being stopped, the ending looks more often, and knows by what it ended.
    if (ending || runsStill(record.pid, record.startTicks)) return;
    exited.resolve(unknownExit('ended; it was started by an earlier run of the orchestrator, so its exit code is unknown'));
  }

  function end(graceMs: number): Ending {
    if (ending) {
      ending.hurry(graceMs);
      return ending;
    }
    const begun = endFamily(family, graceMs);
    ending = begun;
    void begun.done.then(({ killed, left }) => {
      // The event of a child of ours arrives by itself and tells more, unless the kernel cannot end it.
      if (left.includes(record.pid)) exited.resolve(unknownExit('does not end even by SIGKILL'));
      else if (told === undefined) exited.resolve(killed ? exitReason(null, 'SIGKILL') : unknownExit('ended after SIGTERM'));
    });
    return begun;
  }

  const members = (): number[] => findMembers(family).map(({ pid }) => pid);
  const unwatchMemory = bounds?.watch(members, () => end(0));
  const unwatchLimits = limiter && bounds?.group ? watchLimits(limiter, bounds, onLimit) : undefined;
  return {
    exited: exited.promise,
    end,
    explain(exit, tail) {
      if (!limiter || !bounds) return exit;
      const { kind, limits } = limiter;
      return explainExit(exit, { kind, limits, findings: bounds.findings(), tail });
    },
    clear: async () => bounds?.remove(),
    unwatch() {
      unobserve();
      unwatchMemory?.();
      unwatchLimits?.();
      clearInterval(timer);
    },
  };
}

/** Tells what came to be ended or refused since the last look. Answers a function that ends it. */
function watchLimits({ kind, limits }: Limiter, bounds: Bounds, onLimit: (sentences: string[]) => void): () => void {
  let before = bounds.findings();
  const timer = setInterval(() => {
    const findings = bounds.findings();
    const isNews = findings.memoryKills > before.memoryKills || findings.refusedForks > before.refusedForks;
    before = findings;
    if (isNews) onLimit(describeFindings({ kind, limits, findings }));
  }, LIMITS_POLL_MS).unref();
  return () => clearInterval(timer);
}
