import { readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { ownProcesses, type Sparing } from '../../../family.ts';
import { environHas, type ProcessStat, readBootId, readCommandLine, readEnviron } from '../../../proc.ts';
import type { Layout } from '../../layout.ts';

/**
 * The coding agent, which an app may have started: it finishes on its own, and no stop of an instance touches it. Known by the files that name its
 * runner and its chat service, by a command line with `--data` and this data directory (Greenroom's own commands: so from its first moment on, before
 * it has written any file), by the agent's socket in the environment; and whatever descends from one of these, or is in a session that one of them leads.
 * An app that wants to can pass for it, and lives on by that: it gains nothing that a daemon without ties has not got.
 */
export function spareAgent(layout: Pick<Layout, 'data' | 'run' | 'agentTurn' | 'agentSocket'>): Sparing {
  const folders = new Set([layout.data, realPath(layout.data)]);
  const files = [layout.agentTurn, join(layout.run, 'chat.json')];
  const variable = `GREENROOM_AGENT_SOCKET=${layout.agentSocket}`;

  const isOfAgent = (pid: number): boolean =>
    hasDataFlag(readCommandLine(pid), folders) || environHas(readEnviron(pid) ?? NOTHING, variable);

  return (table, leader) => {
    const named = namedProcesses(files);
    const known = new Map<number, boolean>([[leader, false]]);
    // Neither this process nor what is above it: an orchestrator may itself have been started from inside an agent's turn.
    for (const pid of ownProcesses(table)) known.set(pid, false);
    const isSpared = (stat: ProcessStat): boolean => {
      const before = known.get(stat.pid);
      if (before !== undefined) return before;
      // Against circles, which pids that change under our eyes may make.
      known.set(stat.pid, false);
      const relatives = [table.get(stat.parent), table.get(stat.session)].filter((it) => it !== undefined && it.pid !== stat.pid);
      const answer = named.get(stat.pid) === stat.startTicks || isOfAgent(stat.pid) || relatives.some((it) => it && isSpared(it));
      known.set(stat.pid, answer);
      return answer;
    };
    return isSpared;
  };
}

const NOTHING = Buffer.alloc(0);

/** Pid to start time of the processes that the files name. A file that cannot be read names none, and one of another boot neither. */
function namedProcesses(files: readonly string[]): Map<number, number> {
  const found = new Map<number, number>();
  for (const file of files) {
    const { pid, start_ticks, boot_id } = readJson(file);
    if (typeof pid === 'number' && typeof start_ticks === 'number' && boot_id === readBootId()) found.set(pid, start_ticks);
  }
  return found;
}

function readJson(file: string): Partial<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return {};
    throw error;
  }
}

function hasDataFlag(words: readonly string[], folders: ReadonlySet<string>): boolean {
  return words.some((word, at) => word === '--data' && folders.has(words[at + 1] ?? ''));
}

/** As it is, for a folder that is not there yet. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return path;
    throw error;
  }
}
