import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const TIMEOUT_MS = 60_000;
const MAX_BYTES = 16 * 1024 * 1024;
const STDERR_BYTES = 16 * 1024;

export interface GitOptions {
  /** Most bytes of standard output; git is ended when it writes more. */
  maxBytes?: number;
  timeoutMs?: number;
  signal?: AbortSignal;
  env?: Record<string, string>;
  input?: string;
}

export interface GitAnswer {
  /** Exit code; -1 when it was ended by a limit, could not start, or was killed. */
  code: number;
  stdout: Buffer;
  /** What git said, or why it was ended; the last 16 KiB. */
  stderr: string;
  /** There was more output than `maxBytes`. */
  cut: boolean;
}

/** Runs git in a working copy. Never throws for what git does. */
export type RunGit = (args: readonly string[], options?: GitOptions) => Promise<GitAnswer>;

/** Settings that make hostile configuration and content inert: whatever the agent wrote into its clone, git runs no program of it for us. */
const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.pager=cat',
  'core.attributesFile=/dev/null',
  'core.quotePath=false',
  'core.sshCommand=false',
  'core.alternateRefsCommand=true',
  'diff.external=',
  'protocol.ext.allow=never',
  'submodule.recurse=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'commit.gpgSign=false',
  'log.showSignature=false',
];

/** Commands that run programs which the configuration names for some files, unless told not to. */
const SHOWS_DIFFS = new Set(['diff', 'log', 'show']);

/** Git on a working copy that somebody else, the agent above all, can write; its repository is named, never discovered. */
export function gitIn(workspace: string): RunGit {
  const place = [`--git-dir=${join(workspace, '.git')}`, `--work-tree=${workspace}`];
  const run: RunGit = (args, options = {}) => runGit(workspace, [...place, ...SETTINGS.flatMap((it) => ['-c', it]), ...args], options);
  return async ([command = '', ...args], options = {}) => {
    const inert = SHOWS_DIFFS.has(command) ? ['--no-ext-diff', '--no-textconv'] : [];
    return run([command, ...inert, ...args], { ...options, env: { ...(await filterSettings(run)), ...options.env } });
  };
}

/**
 * Content is taken as it is on disk: an empty process takes precedence over clean and smudge, and is no program. As variables, because the name
 * of a filter may hold a "=", which ends the name of a setting among the arguments.
 */
async function filterSettings(run: RunGit): Promise<Record<string, string>> {
  const { stdout } = await run(['config', '-z', '--name-only', '--get-regexp', '^filter\\.']);
  const names = stdout.toString('utf8').split('\0').filter(Boolean);
  const drivers = new Set(names.map((name) => name.slice(0, name.lastIndexOf('.'))));
  const settings = [...drivers].flatMap((driver) => [
    [`${driver}.process`, ''],
    [`${driver}.required`, 'false'],
  ]);
  const variables = settings.flatMap(([name = '', value = ''], index) => [
    [`GIT_CONFIG_KEY_${index}`, name],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(variables) };
}

async function runGit(cwd: string, args: readonly string[], options: GitOptions): Promise<GitAnswer> {
  const { maxBytes = MAX_BYTES, timeoutMs = TIMEOUT_MS } = options;
  const { promise, resolve } = Promise.withResolvers<GitAnswer>();
  const chunks: Buffer[] = [];
  let size = 0;
  let stderr = '';
  let ended = '';
  const child: ChildProcess = spawn('git', args, { cwd, env: { ...environment(), ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const end = (why: string): void => {
    ended ||= why;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => end(`git did not end within ${timeoutMs} ms`), timeoutMs);
  const abort = (): void => end('git was stopped');
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted) abort();
  child.stdout?.on('data', (chunk: Buffer) => {
    if (size < maxBytes) chunks.push(chunk.subarray(0, maxBytes - size));
    size += chunk.length;
    if (size > maxBytes) end('git wrote more than was asked for');
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_BYTES);
  });
  // Git that ends before it has read everything is no error of ours.
  child.stdin?.on('error', () => undefined).end(options.input ?? '');
  const done = (code: number, said: string): void => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
    resolve({ code, stdout: Buffer.concat(chunks), stderr: said, cut: size > maxBytes });
  };
  child.on('error', (error) => done(-1, `git could not be run: ${error.message}`));
  child.on('close', (code) => done(ended ? -1 : (code ?? -1), ended || stderr.trim()));
  return promise;
}

function environment(): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_ALLOW_PROTOCOL: 'file',
  };
}
