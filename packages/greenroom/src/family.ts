import { setTimeout as sleep } from 'node:timers/promises';
import { environHas, isRunning, type ProcessStat, processTable, readCommandLine, readEnviron, runsStill } from './proc.ts';

/** Says of each process of the table whether it is to be left alone, whoever started it. The leader of a family never is. */
export type Sparing = (table: Map<number, ProcessStat>, leader: number) => (stat: ProcessStat) => boolean;

const spareNobody: Sparing = () => () => false;

/** A started process and all that came of it. */
export interface Family {
  leader: { pid: number; startTicks: number };
  /** `NAME=value` that only this family has in its environment. */
  marker: string;
  /** Members seen so far: pid to start time. Keeps those known that later cut every tie. */
  known: Map<number, number>;
  /** Never members, whatever ties them to it. */
  spare: Sparing;
  /** Control group that the leader was started in, which nobody leaves. */
  group: FamilyGroup | undefined;
}

export interface FamilyGroup {
  pids(): number[];
  /** Ends all of them at once where the kernel can, and lets none of them start another where it cannot. */
  kill(): void;
}

export interface Ending {
  /** Resolves when no member runs any more, with what had to be done; `left` names pids that even SIGKILL did not end. */
  done: Promise<{ killed: boolean; left: number[] }>;
  /** The members that ran when the ending began. */
  first: readonly ProcessStat[];
  /** Shortens the grace, never prolongs it. */
  hurry(graceMs: number): void;
  /** Looks again now. */
  wake(): void;
  /** From now on it keeps this process from ending no more: whoever comes next ends what then still runs. */
  leave(): void;
}

const FIRST_POLL_MS = 2;
const MAX_POLL_MS = 50;
const FULL_LOOK_EVERY_MS = 250;
const FIRST_OBSERVATION_MS = 100;
const MAX_OBSERVATION_MS = 5_000;
/** So long may a fork take to become another program. */
const FORK_MS = 100;
/** A process in uninterruptible sleep cannot be killed; nobody is helped by waiting for it for ever. */
const KILL_PATIENCE_MS = 10_000;

export function createFamily(pid: number, startTicks: number, marker: string, spare: Sparing = spareNobody, group?: FamilyGroup): Family {
  return { leader: { pid, startTicks }, marker, known: new Map([[pid, startTicks]]), spare, group };
}

/**
 * Running members, by every tie there is: process group and session of the leader, the marker in the environment, being a descendant of a
 * member, a session that a member is in (sessions are only ever made by `setsid`, so it is one of theirs), having been a member before, and the
 * control group. What escapes without such a group: a process that in one go cleared its environment, left the session and lost its parent between
 * two looks.
 */
export function findMembers(family: Family, table: Map<number, ProcessStat> = processTable()): ProcessStat[] {
  const own = ownProcesses(table);
  const { pid, startTicks } = family.leader;
  const isSpared = family.spare(table, pid);
  const holder = table.get(pid);
  // The kernel does not give a pid away while a group or session carries its number: another holder means that ours is empty.
  const groupIsOurs = pid > 0 && (holder === undefined || holder.startTicks === startTicks);
  const members = new Map<number, ProcessStat>();
  const sessions = new Set<number>();
  const add = (stat: ProcessStat): boolean => {
    if (members.has(stat.pid) || own.has(stat.pid)) return false;
    if (isSpared(stat)) return false;
    members.set(stat.pid, stat);
    if (stat.session > 0 && stat.session !== table.get(process.pid)?.session) sessions.add(stat.session);
    return true;
  };
  const running = [...table.values()].filter(isRunning);
  const grouped = new Set(family.group?.pids());
  for (const stat of running) {
    const known = family.known.get(stat.pid) === stat.startTicks;
    const isTied = known || grouped.has(stat.pid) || (groupIsOurs && (stat.group === pid || stat.session === pid));
    if (isTied || isMarked(stat.pid, family.marker)) add(stat);
  }
  for (let grown = members.size > 0; grown; ) {
    grown = false;
    for (const stat of running) {
      if (members.has(stat.parent) || sessions.has(stat.session)) grown = add(stat) || grown;
    }
  }
  family.known = new Map([...members.values()].map((stat) => [stat.pid, stat.startTicks]));
  return [...members.values()];
}

/** Looks at the family now and then, often at first, so that members which cut all ties later are known. Answers a function that ends it. */
export function observeFamily(family: Family): () => void {
  let timer: NodeJS.Timeout;
  const plan = (delay: number): void => {
    timer = setTimeout(() => {
      findMembers(family);
      plan(Math.min(delay * 2, MAX_OBSERVATION_MS));
    }, delay).unref();
  };
  plan(FIRST_OBSERVATION_MS);
  return () => clearTimeout(timer);
}

/** SIGTERM to all members once (unless the grace is 0), SIGKILL to whatever runs when the grace is over. */
export function endFamily(family: Family, graceMs: number): Ending {
  let deadline = performance.now() + graceMs;
  let alarm = new AbortController();
  let holds = true;
  const atFirst = findMembers(family);
  const wake = (): void => {
    alarm.abort();
  };
  const run = async (): Promise<{ killed: boolean; left: number[] }> => {
    let members = atFirst;
    const first = graceMs > 0 ? 'SIGTERM' : 'SIGKILL';
    let killed = first === 'SIGKILL' && members.length > 0;
    // Those may yet turn out to be spared: they are told when that shows.
    const unsure = new Set(members.filter((stat) => isBetweenForkAndExec(family, stat)).map(({ pid }) => pid));
    const isSure = ({ pid }: ProcessStat): boolean => !unsure.has(pid);
    if (killed && unsure.size === 0) killGroup(family);
    signalMembers(family, members.filter(isSure), first);
    if (unsure.size > 0) {
      await sleep(FORK_MS);
      members = findMembers(family);
      const told = members.filter((stat) => !isSure(stat));
      signalMembers(family, told, first);
    }
    let lastFullLook = performance.now();
    for (let delay = FIRST_POLL_MS; ; delay = Math.min(delay * 1.5, MAX_POLL_MS)) {
      const now = performance.now();
      const overdue = now >= deadline;
      if (overdue || now - lastFullLook > FULL_LOOK_EVERY_MS || !members.some((stat) => runsStill(stat.pid, stat.startTicks))) {
        members = findMembers(family);
        lastFullLook = now;
        if (members.length === 0) return { killed, left: [] };
      }
      if (overdue) {
        if (now >= deadline + KILL_PATIENCE_MS) return { killed, left: members.map((stat) => stat.pid) };
        if (!killed) delay = FIRST_POLL_MS;
        killed = true;
        killGroup(family);
        signalMembers(family, members, 'SIGKILL');
      }
      const wait = overdue ? delay : Math.max(0, Math.min(delay, deadline - performance.now()));
      await interruptibleSleep(wait, alarm.signal, holds);
      if (alarm.signal.aborted) {
        alarm = new AbortController();
        delay = FIRST_POLL_MS;
      }
    }
  };
  return {
    done: run(),
    first: atFirst,
    wake,
    leave: () => {
      holds = false;
      wake();
    },
    hurry: (ms) => {
      const sooner = performance.now() + ms;
      if (sooner >= deadline) return;
      deadline = sooner;
      wake();
    },
  };
}

/**
 * A process with the command line of its parent, in a session of its own, is about to become another program: only then does it show whether that
 * is one to be spared.
 */
function isBetweenForkAndExec({ leader }: Family, { pid, parent, group, session }: ProcessStat): boolean {
  if (pid === leader.pid || group === leader.pid || session !== pid) return false;
  const words = readCommandLine(pid);
  return words.length > 0 && words.join('\0') === readCommandLine(parent).join('\0');
}

function signalMembers(family: Family, members: readonly ProcessStat[], signal: NodeJS.Signals): void {
  const { pid } = family.leader;
  // One signal to the group reaches also what it forks this very moment; the rest is signalled one by one.
  const asGroup = pid > 0 && members.some((stat) => stat.group === pid) && !sharesGroup(family);
  if (asGroup) send(-pid, signal);
  for (const stat of members) {
    if (!(asGroup && stat.group === pid) && runsStill(stat.pid, stat.startTicks)) send(stat.pid, signal);
  }
}

/** Nobody has to be looked for then, and none can come after the look. */
function killGroup({ group, leader, spare }: Family): void {
  if (!group) return;
  const table = processTable();
  const own = ownProcesses(table);
  const isSpared = spare(table, leader.pid);
  const others = group.pids().some((pid) => {
    const stat = table.get(pid);
    return own.has(pid) || (stat !== undefined && isSpared(stat));
  });
  if (!others) group.kill();
}

/** Whether somebody who is spared is in the group, as when an app started a runner without a session of its own. */
function sharesGroup({ leader, spare }: Family): boolean {
  const table = processTable();
  const isSpared = spare(table, leader.pid);
  return [...table.values()].some((stat) => stat.group === leader.pid && isRunning(stat) && isSpared(stat));
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone already, or it changed its user: the next look tells which of them still run.
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

function isMarked(pid: number, marker: string): boolean {
  const environ = readEnviron(pid);
  return environ !== undefined && environHas(environ, marker);
}

async function interruptibleSleep(ms: number, signal: AbortSignal, ref: boolean): Promise<void> {
  try {
    await sleep(ms, undefined, { signal, ref });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** This process and its ancestors: never members of a family, even when they were started from inside an instance. */
export function ownProcesses(table: Map<number, ProcessStat>): Set<number> {
  const own = new Set<number>();
  for (let pid = process.pid; pid > 0 && !own.has(pid); pid = table.get(pid)?.parent ?? 0) own.add(pid);
  return own;
}
