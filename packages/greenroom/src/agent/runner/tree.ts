import { setTimeout as sleep } from 'node:timers/promises';
import { createFamily, endFamily, type Family, type FamilyGroup, findMembers, observeFamily } from '../../family.ts';
import { readCommandLine } from '../../proc.ts';
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

/** `leader` is the agent's process; without it the turn's mark in the environment alone finds them, and the control group where there is one. */
export function watchTree(turn: string, leader?: { pid: number; startTicks: number }, group?: FamilyGroup): Tree {
  const marker = `${TURN_VARIABLE}=${turn}`;
  const family: Family = createFamily(leader?.pid ?? 0, leader?.startTicks ?? 0, marker, undefined, group);
  const forget = leader ? observeFamily(family) : (): void => undefined;
  return {
    pids: () => findMembers(family).map(({ pid }) => pid),
    async staying(patienceMs) {
      const deadline = performance.now() + patienceMs;
      let members = findMembers(family);
      while (members.length > 0 && performance.now() < deadline) {
        await sleep(LOOK_EVERY_MS);
        members = findMembers(family);
      }
      return members.map(({ pid }) => commandLine(pid));
    },
    end: (graceMs) => endFamily(family, graceMs).done,
    forget,
  };
}

function commandLine(pid: number): string {
  return oneLine(readCommandLine(pid).join(' '), COMMAND_CHARACTERS) || `process ${pid}`;
}
