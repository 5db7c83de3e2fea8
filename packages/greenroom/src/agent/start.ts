import { spawn } from 'node:child_process';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { baseEnvironment } from './launch/environment.ts';

/** Hidden command of `greenroom` that takes the next turn. */
export const RUNNER_COMMAND = 'agent-run';

const KEPT_LOGS = 20;
/** An empty log is of a runner that found nothing to do, unless it has only just begun. */
const EMPTY_LOG_MS = 60_000;

export interface StartRunner {
  /** How to run `greenroom`: a program and its first arguments. */
  command: readonly string[];
  /** The app's data directory. */
  data: string;
  /** The starter's environment, of which a short list passes. */
  env: NodeJS.ProcessEnv;
  /** Names of variables that the agent needs (`agent.secrets`): they pass too. */
  secrets?: readonly string[];
}

/**
 * Starts a runner that takes the oldest queued turn, or finds nothing to do. It is a child of nobody here (own session, parent init), so that it
 * outlives whoever starts it: chat service, command line, app instance or another runner. Resolves once it is started; `problem` is a sentence.
 */
export async function startRunner({
  command,
  data,
  env,
  secrets = [],
}: StartRunner): Promise<{ ok: true } | { ok: false; problem: string }> {
  const [program = process.execPath, ...first] = command;
  const words = [program, ...first, RUNNER_COMMAND, '--data', data];
  const logs = join(data, 'logs');
  await mkdir(logs, { recursive: true });
  await removeOldLogs(logs);
  const log = await open(join(logs, logName(new Date())), 'a', 0o600);
  try {
    const options = { cwd: data, env: { ...baseEnvironment(env, secrets), ...cgroupFolder(env) }, log: log.fd };
    // By way of a process that ends at once: what is looked for among an instance's descendants is not found there.
    const forked = await run(['setsid', '--fork', ...words], { ...options, wait: true });
    if (forked === '') return { ok: true };
    const problem = await run(words, { ...options, wait: false });
    return problem === '' ? { ok: true } : { ok: false, problem: `The agent's runner could not be started: ${problem}.` };
  } finally {
    await log.close();
  }
}

/** Empty when it was started, and with `wait` ended well; else why not. */
function run(
  [file = '', ...args]: readonly string[],
  { cwd, env, log, wait }: { cwd: string; env: Record<string, string>; log: number; wait: boolean },
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const child = spawn(file, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
  child.once('error', (error) => resolve(error.message));
  if (wait) child.once('exit', (code, signal) => resolve(code === 0 ? '' : `${file} ended with ${signal ?? code}`));
  else {
    child.once('spawn', () => resolve(''));
    child.unref();
  }
  return promise;
}

/** Where the operator has control groups made. */
function cgroupFolder({ GREENROOM_CGROUP: folder }: NodeJS.ProcessEnv): Record<string, string> {
  return folder === undefined ? {} : { GREENROOM_CGROUP: folder };
}

/** `agent-20260131T120000123Z-4711.log`: sorts by time. */
function logName(now: Date): string {
  return `agent-${now.toISOString().replace(/[-:.]/g, '')}-${process.pid}.log`;
}

async function removeOldLogs(logs: string): Promise<void> {
  const names = (await readdir(logs)).filter((name) => /^agent-\d{8}T\d+Z-\d+\.log$/.test(name)).sort();
  const kept: string[] = [];
  for (const name of names) {
    const found = await stat(join(logs, name)).catch(() => undefined);
    if (!found) continue;
    if (found.size === 0 && Date.now() - found.mtimeMs > EMPTY_LOG_MS) await rm(join(logs, name), { force: true });
    else kept.push(name);
  }
  for (const name of kept.slice(0, Math.max(0, kept.length - KEPT_LOGS))) await rm(join(logs, name), { force: true });
}
