import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { asOwnerOf } from '../../confine/as-owner.ts';
import { confine } from '../../confine/command.ts';
import { firstLine, INERT_SETTINGS, inertEnvironment, nulFields } from '../../inert-git.ts';

/** Git on the agent's clone, run so that nothing which the clone's files or configuration name is executed. */
export interface Git {
  readonly path: string;
  readonly gitDir: string;
  /** Runs git to its end, whatever its exit code. Throws `GitError` when it could not start, took too long or wrote too much. */
  run(args: readonly string[], options?: GitOptions): Promise<GitAnswer>;
  /** Standard output, trimmed. Throws `GitError` when the exit code is not 0. */
  text(args: readonly string[], options?: GitOptions): Promise<string>;
  /** Fields of the output of a `-z` command. Throws as `text` does. */
  fields(args: readonly string[], options?: GitOptions): Promise<string[]>;
  /** The same git with further `name=value` settings. */
  with(settings: readonly string[]): Git;
}

export interface GitAnswer {
  code: number;
  stdout: Buffer;
  stderr: string;
  /** There was more output than `mostBytes`. */
  cut: boolean;
}

export interface GitOptions {
  input?: string;
  /** No more output than this is wanted: git is ended when it writes more, which then is no error. */
  mostBytes?: number;
  env?: Record<string, string>;
  /** Value of GIT_ALLOW_PROTOCOL; nothing is allowed by default. */
  protocols?: string;
}

/** Why git did not do what was asked of it, as a phrase. */
export class GitError extends Error {
  override name = 'GitError';
}

const TIMEOUT_MS = 300_000;
const MAX_STDOUT_BYTES = 64 * 1024 * 1024;
const STDERR_CHARACTERS = 16 * 1024;

const SETTINGS = [...INERT_SETTINGS, 'core.alternateRefsCommand=true', 'core.bare=false', 'log.showSignature=false'];

/** Named explicitly: nothing is discovered from a folder that others write. Where it belongs to another user, git has that user's rights. */
export function gitIn(path: string, settings: readonly string[] = []): Git {
  const gitDir = join(path, '.git');
  const run: Git['run'] = (args, options = {}) => runGit({ path, gitDir, settings: [...SETTINGS, ...settings] }, args, options);
  const must = async (args: readonly string[], options?: GitOptions): Promise<Buffer> => {
    const { code, stdout, stderr } = await run(args, options);
    if (code !== 0) throw new GitError(`git ${args[0]} failed: ${firstLine(stderr) || `exit code ${code}`}`);
    return stdout;
  };
  return {
    path,
    gitDir,
    run,
    text: async (args, options) => (await must(args, options)).toString('utf8').trim(),
    fields: async (args, options) => nulFields(await must(args, options)),
    with: (more) => gitIn(path, [...settings, ...more]),
  };
}

interface Clone {
  path: string;
  gitDir: string;
  settings: readonly string[];
}

async function runGit({ path, gitDir, settings }: Clone, args: readonly string[], options: GitOptions): Promise<GitAnswer> {
  const line = [...settings.flatMap((setting) => ['-c', setting]), `--git-dir=${gitDir}`, `--work-tree=${path}`, ...args];
  const { promise, resolve, reject } = Promise.withResolvers<GitAnswer>();
  const confined = confine({ file: 'git', args: line }, await asOwnerOf(path));
  const child = spawn(confined.file, confined.args, {
    cwd: path,
    env: { ...inertEnvironment(options.protocols), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  let stderr = '';
  let stopped = '';
  let cut = false;
  const stop = (why: string): void => {
    stopped ||= why;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => stop(`took longer than ${TIMEOUT_MS} ms`), TIMEOUT_MS);
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (options.mostBytes !== undefined && bytes > options.mostBytes) {
      if (!cut) chunks.push(chunk.subarray(0, chunk.length - (bytes - options.mostBytes)));
      cut = true;
      child.kill('SIGKILL');
    } else if (bytes > MAX_STDOUT_BYTES) stop(`wrote more than ${MAX_STDOUT_BYTES} bytes`);
    else chunks.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString('utf8')).slice(-STDERR_CHARACTERS);
  });
  // Git may end before it has read its input; its exit code tells the story.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(options.input ?? '');
  child.once('error', (error: NodeJS.ErrnoException) => {
    clearTimeout(timer);
    const missing = existsSync(path) ? 'git cannot be started: is it installed and on PATH?' : `${path} does not exist`;
    reject(new GitError(error.code === 'ENOENT' ? missing : error.message));
  });
  child.once('close', (code) => {
    clearTimeout(timer);
    if (stopped) reject(new GitError(`git ${args[0]} ${stopped}`));
    else resolve({ code: code ?? -1, stdout: Buffer.concat(chunks), stderr, cut });
  });
  return await promise;
}
