import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExitReason } from '@greenroom/sdk/wire';
import { explainExit } from '../../../confine/explain-exit.ts';
import type { ResourceLimits } from '../../../confine/limits.ts';
import type { Ending } from '../../../family.ts';
import { runsStill } from '../../../proc.ts';
import type { Log } from '../../ports.ts';
import { type ContainerCli, reasonOf } from '../containers/cli.ts';
import { type Container, inspectContainers } from '../containers/inspect.ts';
import { exitReason, unknownExit } from './exit-reason.ts';
import type { Watched } from './instance-runner.ts';
import type { InstanceRecord } from './records.ts';

/** How often its init is looked at; more often while it is being ended. */
const POLL_MS = 100;
const ENDING_POLL_MS = 20;
/** What the kernel cannot end by then, it will not end soon. */
const KILL_PATIENCE_MS = 10_000;

/** The program tells of one thing only. */
const NO_FINDINGS = { peakMb: 0, memoryKills: 0, refusedForks: 0, endedAtMb: 0 };

/**
 * Looks after a container. Its init is a process of this machine, whose end is seen in /proc without asking the container program; by what it ended, the
 * program knows, also for a container of an earlier run. With the init ends all that runs in it.
 */
export function watchContainer(
  cli: ContainerCli,
  name: string,
  { pid, startTicks }: InstanceRecord,
  { limits, log }: { limits: ResourceLimits; log: Log },
): Watched {
  const exited = Promise.withResolvers<ExitReason>();
  const runs = (): boolean => runsStill(pid, startTicks);
  let over = false;
  let outOfMemory = false;
  let ending: Ending | undefined;
  const timer = setInterval(look, POLL_MS).unref();

  function look(): void {
    if (over || runs()) return;
    over = true;
    clearInterval(timer);
    void readExit(cli, name).then((container) => {
      outOfMemory = container?.outOfMemory === true;
      exited.resolve(container ? containerExit(container.exitCode) : unknownExit('ended, and its container was removed by somebody else'));
    });
  }

  return {
    exited: exited.promise,
    end(graceMs) {
      if (ending) ending.hurry(graceMs);
      ending ??= beginEnding(graceMs);
      return ending;
    },
    explain: (exit, tail) =>
      explainExit(exit, { limits, kind: 'app', findings: { ...NO_FINDINGS, memoryKills: outOfMemory ? 1 : 0 }, tail }),
    clear: async () => undefined,
    unwatch: () => clearInterval(timer),
  };

  /** To its init, which passes it on. Podman's is a process of this user's; Docker's is root's, and only Docker can reach it. */
  async function signal(which: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    try {
      process.kill(pid, which);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPERM') await cli.run(['kill', `--signal=${which}`, name]);
      else if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  function beginEnding(graceMs: number): Ending {
    let deadline = performance.now() + graceMs;
    let holds = true;
    const pause = (): Promise<void> => sleep(ENDING_POLL_MS, undefined, { ref: holds });
    const run = async (): Promise<{ killed: boolean; left: number[] }> => {
      const killed = await untilEnded();
      if (killed === null) {
        exited.resolve(unknownExit('does not end even by SIGKILL'));
        return { killed: true, left: [pid] };
      }
      look();
      await exited.promise;
      const removed = await cli.run(['rm', '--force', '--volumes', name]);
      if (removed.code !== 0 && (await inspectContainers(cli, [name])).length > 0)
        log(`The container ${name} could not be removed: ${reasonOf(removed)}.`, { level: 'error' });
      return { killed, left: [] };
    };
    /** Whether it had to be killed; null when not even that helps. */
    async function untilEnded(): Promise<boolean | null> {
      if (graceMs > 0 && runs()) await signal('SIGTERM');
      while (runs() && performance.now() < deadline) await pause();
      if (!runs()) return false;
      await signal('SIGKILL');
      const patienceEnds = performance.now() + KILL_PATIENCE_MS;
      while (runs() && performance.now() < patienceEnds) await pause();
      return runs() ? null : true;
    }
    return {
      done: run(),
      first: [],
      wake: look,
      hurry: (ms) => {
        deadline = Math.min(deadline, performance.now() + ms);
      },
      leave: () => {
        holds = false;
      },
    };
  }
}

async function readExit(cli: ContainerCli, name: string): Promise<Container | undefined> {
  const [container] = await inspectContainers(cli, [name]);
  if (!container?.running) return container;
  // Known a moment after the init's end: whoever watches it for the program has to write it down first.
  await cli.run(['wait', name]);
  return (await inspectContainers(cli, [name]))[0];
}

const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** An init tells of a signal by 128 and its number. */
function containerExit(exitCode: number): ExitReason {
  const signal = SIGNALS.get(exitCode - 128);
  return signal === undefined ? exitReason(exitCode, null) : exitReason(null, signal);
}
