import { readFileSync } from 'node:fs';
import { parseEnviron, readCommandLine, readEnviron } from '../../proc.ts';

/** How an orchestrator that runs was started: enough to start it, or its successor, in the same way. */
export interface RunningCommand {
  /** Program and first words of its installation, up to the command's own name. */
  command: string[];
  /** What `greenroom start` was told that no registry knows. */
  flags: string[];
  env: NodeJS.ProcessEnv;
  /** The systemd unit that it is the main process of; empty when there is none. */
  unit: string;
}

/** Flags of `greenroom start` that are of the run and not of the app. */
const KEPT_FLAGS: ReadonlySet<string> = new Set(['--detach-app', '--json']);

/** Undefined when the process is gone, or somebody else's, or was not started by the command line. */
export function readRunningCommand(pid: number): RunningCommand | undefined {
  const words = readCommandLine(pid);
  const environ = readEnviron(pid);
  const start = words.indexOf('start');
  if (start < 2 || !environ) return undefined;
  const env = Object.fromEntries(parseEnviron(environ));
  return {
    command: words.slice(0, start),
    flags: words.slice(start + 1).filter((word) => KEPT_FLAGS.has(word)),
    env,
    unit: env['SYSTEMD_EXEC_PID'] === String(pid) ? unitOf(pid) : '',
  };
}

/** Last part of the control group: systemd gives each of its services one of their name. */
function unitOf(pid: number): string {
  try {
    const group = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n').at(-1) ?? '';
    const name = group.split('/').at(-1) ?? '';
    return name.endsWith('.service') ? name : 'its unit';
  } catch {
    // Ended in between: there is nothing to be said of it any more.
    return '';
  }
}
