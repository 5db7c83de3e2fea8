import { spawn } from 'node:child_process';
import { firstLine, INERT_SETTINGS, inertEnvironment } from '../../../inert-git.ts';

const DEFAULT_GIT_TIMEOUT_MS = 300_000;
const DEFAULT_GIT_STDOUT_BYTES = 64 * 1024 * 1024;
const STDERR_BYTES = 16 * 1024;
/** Long, because what is asked gently often runs at the lowest priority, and leaves locks behind when it is killed. */
const GENTLE_STOP_MS = 15_000;

export interface GitOptions {
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  input?: string | Buffer;
  /** Most bytes of standard output; git is killed when it writes more. */
  maxBytes?: number;
  env?: Record<string, string>;
  /** More `-c name=value` settings, for this call. */
  config?: readonly string[];
  /** Value of GIT_ALLOW_PROTOCOL; nothing is allowed by default. */
  protocols?: string;
  /** Gets standard output piece by piece instead of collecting it; answering false ends git. */
  onChunk?: (chunk: Buffer) => boolean;
  /** Ask git to stop before it is killed, so that it removes its locks: for work that a later start does not tidy up after. */
  gentle?: boolean;
}

interface GitOutcome {
  /** Exit code, -1 when a signal ended it. */
  code: number;
  stdout: Buffer;
  /** The last 16 KiB. */
  stderr: string;
}

export interface Git {
  readonly gitDir: string;
  /** Runs git to its end, whatever its exit code. Throws `GitError` when it was stopped (abort, time limit, output limit) or could not start. */
  run(args: readonly string[], options?: GitOptions): Promise<GitOutcome>;
  /** Runs git and answers its standard output. Throws `GitError` when the exit code is not 0. */
  must(args: readonly string[], options?: GitOptions): Promise<Buffer>;
  /** `must`, as trimmed text. */
  text(args: readonly string[], options?: GitOptions): Promise<string>;
  /** The same git with further standing options, for a slot. */
  with(more: Partial<Pick<Place, 'gitDir' | 'workTree' | 'config' | 'through'>>): Git;
}

/** Why git did not do what was asked of it. `aborted` when the caller's signal was the reason. */
export class GitError extends Error {
  override name = 'GitError';
  readonly kind: 'failed' | 'aborted' | 'timeout' | 'too_much_output' | 'ended_by_caller' | 'not_started';
  readonly stderr: string;
  constructor(kind: GitError['kind'], message: string, stderr = '') {
    super(message);
    this.kind = kind;
    this.stderr = stderr;
  }
}

/** Name of the variable that marks git processes of one repository, so that a later run finds those that outlived a killed orchestrator. */
export const GIT_MARKER = 'GREENROOM_REPO';

/** Marks git processes that work in one slot; the value is its folder. */
export const WORKTREE_MARKER = 'GREENROOM_WORKTREE';

const SETTINGS = [...INERT_SETTINGS, 'core.autocrlf=false', 'safe.bareRepository=explicit'];

interface Place {
  gitDir: string;
  workTree?: string;
  config: readonly string[];
  /** The bare repository's directory, whatever git directory a call uses. */
  marker: string;
  /** Program and arguments that git is started through: as another user, or with low priority. */
  through: readonly string[];
}

/** Git on one repository, named explicitly: nothing is ever discovered from a folder that others can write. */
export function createGit(gitDir: string): Git {
  return gitAt({ gitDir, config: [], marker: gitDir, through: [] });
}

function gitAt(place: Place): Git {
  const run: Git['run'] = (args, options = {}) => runGit(place, args, options);
  const must: Git['must'] = async (args, options) => {
    const { code, stdout, stderr } = await run(args, options);
    if (code !== 0) throw new GitError('failed', `git ${args[0]} failed: ${firstLine(stderr) || `exit code ${code}`}`, stderr);
    return stdout;
  };
  return {
    gitDir: place.gitDir,
    run,
    must,
    text: async (args, options) => (await must(args, options)).toString('utf8').trim(),
    with: (more) => gitAt({ ...place, ...more, config: [...place.config, ...(more.config ?? [])] }),
  };
}

function environment(place: Place, options: GitOptions): Record<string, string> {
  const env: Record<string, string> = {
    ...inertEnvironment(options.protocols),
    GIT_AUTHOR_NAME: 'Greenroom',
    GIT_AUTHOR_EMAIL: 'greenroom@localhost',
    GIT_COMMITTER_NAME: 'Greenroom',
    GIT_COMMITTER_EMAIL: 'greenroom@localhost',
    [GIT_MARKER]: place.marker,
  };
  // The operator's ssh agent, only where git may speak ssh.
  const agent = process.env['SSH_AUTH_SOCK'];
  if (agent && options.protocols?.includes('ssh')) env['SSH_AUTH_SOCK'] = agent;
  if (place.workTree !== undefined) env[WORKTREE_MARKER] = place.workTree;
  return { ...env, ...options.env };
}

function commandLine(place: Place, args: readonly string[], options: GitOptions): string[] {
  const settings = [...SETTINGS, ...place.config, ...(options.config ?? [])].flatMap((setting) => ['-c', setting]);
  const tree = place.workTree === undefined ? [] : [`--work-tree=${place.workTree}`];
  return [...settings, `--git-dir=${place.gitDir}`, ...tree, ...args];
}

function runGit(place: Place, args: readonly string[], options: GitOptions): Promise<GitOutcome> {
  const { signal, timeoutMs = DEFAULT_GIT_TIMEOUT_MS, maxBytes = DEFAULT_GIT_STDOUT_BYTES } = options;
  const name = `git ${args[0]}`;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new GitError('aborted', `${name} was not started: aborted`));
    // A group of its own: the transports and pack programs that git starts end with it.
    const [program = 'git', ...rest] = [...place.through, 'git', ...commandLine(place, args, options)];
    const child = spawn(program, rest, {
      env: environment(place, options),
      cwd: place.workTree ?? '/',
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    let stderr = '';
    let stopped: GitError | undefined;
    let insist: NodeJS.Timeout | undefined;
    const stop = (error: GitError): void => {
      stopped ??= error;
      signalGroup(child.pid, options.gentle ? 'SIGTERM' : 'SIGKILL');
      if (options.gentle) insist ??= setTimeout(() => signalGroup(child.pid, 'SIGKILL'), GENTLE_STOP_MS);
    };
    const onAbort = (): void => stop(new GitError('aborted', `${name} was aborted`));
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => stop(new GitError('timeout', `${name} took longer than ${timeoutMs} ms`)), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(insist);
      signal?.removeEventListener('abort', onAbort);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      if (options.onChunk) {
        if (!stopped && !options.onChunk(chunk)) stop(new GitError('ended_by_caller', `${name} was ended early`));
        return;
      }
      bytes += chunk.length;
      if (bytes > maxBytes) stop(new GitError('too_much_output', `${name} wrote more than ${maxBytes} bytes`));
      else chunks.push(chunk);
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_BYTES);
    });
    // Git may end before it has read its input; its exit code tells the story.
    child.stdin.on('error', () => child.stdin.destroy());
    child.stdin.end(options.input ?? '');
    child.once('error', (error: NodeJS.ErrnoException) => {
      settle();
      const missing =
        error.code === 'ENOENT' ? 'git cannot be started: is it installed and on PATH?' : `git cannot be started: ${error.message}`;
      reject(new GitError('not_started', missing));
    });
    child.once('close', (code) => {
      settle();
      if (stopped) reject(stopped);
      else resolve({ code: code ?? -1, stdout: Buffer.concat(chunks), stderr });
    });
  });
}

function signalGroup(pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
