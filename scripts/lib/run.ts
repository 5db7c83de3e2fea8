import { execFile } from 'node:child_process';

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  timeoutMs?: number;
}

const DEFAULT_RUN_TIMEOUT_MS = 180_000;

/** Runs a program and answers its standard output; throws an error with all it wrote when it fails. */
export function runOrThrow(program: string, args: string[], cwd: string, options: RunOptions = {}): Promise<string> {
  const { env = process.env, timeoutMs: timeout = DEFAULT_RUN_TIMEOUT_MS } = options;
  return new Promise((done, reject) => {
    execFile(program, args, { cwd, env, timeout, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')} failed (${error.signal ?? error.code}):\n${stdout}${stderr}`));
      else done(stdout);
    });
  });
}

/** Runs the npm that runs this script, else the one on PATH, with this Node. */
export function npm(args: string[], cwd: string, options: RunOptions = {}): Promise<string> {
  const own = process.env['npm_execpath'];
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  return own?.endsWith('.js')
    ? runOrThrow(process.execPath, [own, ...args, ...quiet], cwd, options)
    : runOrThrow('npm', [...args, ...quiet], cwd, options);
}
