import { readFileSync } from 'node:fs';
import { createFamily, endFamily, type Family, findMembers, observeFamily } from '../../orchestrator/adapters/instances/family.ts';
import { oneLine } from './text.ts';

/** In the environment of the agent and, by inheritance, of all that it starts: finds orphans that left its group and session. */
export const TURN_VARIABLE = 'GREENROOM_TURN';

const COMMAND_CHARACTERS = 120;

/** The processes of a turn: the agent and everything it started. */
export interface Tree {
  /** Command lines of those that run now. */
  running(): string[];
  /** SIGTERM to all, SIGKILL to what is left after the grace. `left`: pids that even that did not end. */
  end(graceMs: number): Promise<{ left: number[] }>;
  /** Stops looking at them now and then. */
  forget(): void;
}

/** `leader` is the agent's process; without it the turn's mark in the environment alone finds them. */
export function watchTree(turn: string, leader?: { pid: number; startTicks: number }): Tree {
  const family: Family = createFamily(leader?.pid ?? 0, leader?.startTicks ?? 0, `${TURN_VARIABLE}=${turn}`);
  const forget = leader ? observeFamily(family) : (): void => undefined;
  return {
    running: () => findMembers(family).map(({ pid }) => commandLine(pid)),
    end: (graceMs) => endFamily(family, graceMs).done,
    forget,
  };
}

function commandLine(pid: number): string {
  try {
    return oneLine(readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '), COMMAND_CHARACTERS);
  } catch (error) {
    // Gone between two looks, or another user's.
    if (error instanceof Error && 'code' in error) return `process ${pid}`;
    throw error;
  }
}
