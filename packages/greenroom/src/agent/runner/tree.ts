import { setTimeout as sleep } from 'node:timers/promises';
import { INSIDE } from '../../confine/sandbox/inside-command.ts';
import { createFamily, endFamily, type Family, type FamilyGroup, findMembers, observeFamily } from '../../family.ts';
import { type ProcessStat, processTable, readCommandLine, runsStill } from '../../proc.ts';
import { oneLine } from './text.ts';

/** In the environment of the agent and, by inheritance, of all that it starts: finds orphans that left its group and session. */
export const TURN_VARIABLE = 'GREENROOM_TURN';

const COMMAND_CHARACTERS = 120;
const LOOK_EVERY_MS = 20;

/** The processes of a turn: the agent and everything it started. */
export interface Tree {
  /** Those that run. */
  pids(): number[];
  /** Command lines of those that still run when all had a moment to end by themselves, as helpers do whose agent has left. */
  staying(patienceMs: number): Promise<string[]>;
  /** SIGTERM to all, SIGKILL to what is left after the grace. `left`: pids that even that did not end. */
  end(graceMs: number): Promise<{ left: number[] }>;
  /** Stops looking at them now and then. */
  forget(): void;
}

/** The agent's process, or with `sandboxed` that of its sandbox. */
interface Leader {
  pid: number;
  startTicks: number;
  sandboxed?: boolean;
}

/** Without a leader the turn's mark in the environment alone finds them, and the control group where there is one. */
export function watchTree(turn: string, leader?: Leader, group?: FamilyGroup): Tree {
  const marker = `${TURN_VARIABLE}=${turn}`;
  const family: Family = createFamily(leader?.pid ?? 0, leader?.startTicks ?? 0, marker, undefined, group);
  const forget = leader ? observeFamily(family) : (): void => undefined;
  /** All but the sandbox's own processes. */
  const inhabitants = (): ProcessStat[] => {
    const table = processTable();
    const frame = leader?.sandboxed ? frameOf(leader.pid, table) : new Set<number>();
    return findMembers(family, table).filter(({ pid }) => !frame.has(pid));
  };
  const remaining = async (patienceMs: number): Promise<ProcessStat[]> => {
    const deadline = performance.now() + patienceMs;
    let members = inhabitants();
    while (members.length > 0 && performance.now() < deadline) {
      await sleep(LOOK_EVERY_MS);
      members = inhabitants();
    }
    return members;
  };
  return {
    pids: () => findMembers(family).map(({ pid }) => pid),
    staying: async (patienceMs) => (await remaining(patienceMs)).map(({ pid }) => commandLine(pid)),
    async end(graceMs) {
      if (!leader?.sandboxed) return await endFamily(family, graceMs).done;
      // Their sandbox is not asked to end: all in it would be killed at once.
      for (const { pid, startTicks } of inhabitants()) if (runsStill(pid, startTicks)) terminate(pid);
      await remaining(graceMs);
      return await endFamily(family, 0).done;
    },
    forget,
  };
}

/** The sandbox's outer process, its child, which is the first of the namespace, and that one's child that is ours. */
function frameOf(outer: number, table: Map<number, ProcessStat>): Set<number> {
  const children = (pids: Set<number>): ProcessStat[] => [...table.values()].filter(({ parent }) => pids.has(parent));
  const first = new Set(children(new Set([outer])).map(({ pid }) => pid));
  const ours = children(first).filter(({ pid }) => readCommandLine(pid).includes(INSIDE));
  return new Set([outer, ...first, ...ours.map(({ pid }) => pid)]);
}

function terminate(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    // Gone already.
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

function commandLine(pid: number): string {
  return oneLine(readCommandLine(pid).join(' '), COMMAND_CHARACTERS) || `process ${pid}`;
}
