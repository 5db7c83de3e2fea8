import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, type GreenroomClient } from '../../packages/sdk/src/client.ts';

export const CLI = new URL('../../packages/greenroom/src/cli/main.ts', import.meta.url).pathname;
const READY_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 60_000;

export interface GreenroomOptions {
  /** A folder of this run's own: home, data, contract and log go there. */
  root: string;
  contract: Record<string, unknown>;
  repo: string;
  apiPort: number;
  /** The app's name; by default the command line chooses one. */
  app?: string;
  /** Greenroom's home, for several apps of one machine; by default one of this run's own. */
  home?: string;
  /** More variables for the orchestrator's environment. */
  env?: Record<string, string>;
  /** Calls the API over the operator's socket, for a contract that closes the port. */
  bySocket?: boolean;
}

export interface Greenroom {
  client: GreenroomClient;
  home: string;
  data: string;
  contractFile: string;
  /** Output of the orchestrator, of all its starts. */
  logFile: string;
  pid(): number;
  /** kill -9: app and proxy live on. */
  kill(): Promise<void>;
  /** Starts it again, with more flags, and answers when it is ready, with the milliseconds that took. */
  start(flags?: readonly string[]): Promise<number>;
  /** Ends it by another signal than stop's and kill's. Answers the exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** SIGTERM: stops the app and frees its ports. Answers the exit code. */
  stop(): Promise<number | null>;
  /** Runs the command line on this app. `onLine` is told each line of its output as it comes. */
  cli(args: string[], onLine?: (line: string) => void): Promise<CliRun>;
}

/** Prepares a Greenroom of its own for one app; `start` runs it, by the command line, as a user would. */
export function prepareGreenroom({
  root,
  contract,
  repo,
  apiPort,
  app,
  home = join(root, 'home'),
  env: more = {},
  bySocket = false,
}: GreenroomOptions): Greenroom {
  const [data, logFile, contractFile] = [join(root, 'data'), join(root, 'orchestrator.log'), join(root, 'app.contract.json')];
  mkdirSync(root, { recursive: true });
  writeFileSync(contractFile, JSON.stringify(contract, null, 2));
  const env = { ...process.env, ...more, GREENROOM_HOME: home, NO_COLOR: '1' };
  const client = createClient(bySocket ? { socket: join(data, 'run', 'operator.sock') } : { port: apiPort });
  let child: ChildProcess | undefined;

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  };

  return {
    client,
    home,
    data,
    contractFile,
    logFile,
    pid: () => child?.pid ?? 0,
    kill: async () => void (await end('SIGKILL')),
    end,
    async start(flags = []) {
      const began = performance.now();
      const log = openSync(logFile, 'a');
      const args = [
        'start',
        '--contract',
        contractFile,
        '--repo',
        repo,
        '--data',
        data,
        '--port',
        String(apiPort),
        ...(app === undefined ? [] : ['--app', app]),
        ...flags,
      ];
      // In a session of its own: Ctrl-C in the terminal is for the caller, who then ends it in order.
      const started = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', log, log], detached: true });
      closeSync(log);
      child = started;
      while (!(await client.ready())) {
        if (started.exitCode !== null || started.signalCode !== null) throw new Error(`greenroom start ended:\n${tail(logFile)}`);
        if (performance.now() - began > READY_LIMIT_MS)
          throw new Error(`greenroom was not ready within ${READY_LIMIT_MS} ms:\n${tail(logFile)}`);
        await delay(5);
      }
      return performance.now() - began;
    },
    async stop() {
      const timer = setTimeout(() => child?.kill('SIGKILL'), STOP_LIMIT_MS);
      const code = await end('SIGTERM');
      clearTimeout(timer);
      return code;
    },
    cli: (args, onLine) => runCli([...args, '--data', data], env, onLine),
  };
}

export interface CliRun {
  code: number | null;
  /** Lines of both outputs, as they came. */
  output: string;
}

/** Runs the command line, as a user would. `onLine` is told each line of its output as it comes. */
export async function runCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onLine: (line: string) => void = () => undefined,
): Promise<CliRun> {
  const run = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  for (const stream of [run.stdout, run.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      onLine(line);
    });
  }
  const [code] = await once(run, 'close');
  return { code: code as number | null, output: lines.join('\n') };
}

const TAIL_LINES = 30;
export function tail(file: string): string {
  return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}
