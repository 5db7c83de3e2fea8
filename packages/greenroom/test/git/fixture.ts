import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Limiter } from '../../src/confine/limiter.ts';
import { type OpenedRepo, openRepo } from '../../src/orchestrator/adapters/git/repo.ts';
import { createSlots, type OpenedSlots } from '../../src/orchestrator/adapters/slots/slots.ts';
import { type Contract, contractSchema } from '../../src/orchestrator/core/contract.ts';
import { type Layout, layoutOf } from '../../src/orchestrator/layout.ts';

/** A folder that is gone after the test, however it ended. */
export function temporaryFolder(t: TestContext, prefix = 'greenroom-git-'): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return folder;
}

export function git(cwd: string, ...args: string[]): string {
  const identity = { GIT_AUTHOR_NAME: 'T', GIT_AUTHOR_EMAIL: 't@t', GIT_COMMITTER_NAME: 'T', GIT_COMMITTER_EMAIL: 't@t' };
  const env = { PATH: process.env['PATH'], HOME: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_OPTIONAL_LOCKS: '0', ...identity };
  return execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1e9 }).trim();
}

export type Files = Record<string, string | null>;

/** Writes files (null deletes) and commits them. Answers the commit. */
export function commit(repository: string, files: Files, subject = 'change'): string {
  for (const [path, content] of Object.entries(files)) {
    const file = join(repository, path);
    if (content === null) {
      rmSync(file, { recursive: true, force: true });
    } else {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }
  git(repository, 'add', '-A');
  git(repository, 'commit', '-q', '--allow-empty', '-m', subject);
  return git(repository, 'rev-parse', 'HEAD');
}

export function source(root: string, name = 'app'): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  git(folder, 'init', '-q', '-b', 'main');
  return folder;
}

export function contractOf(more: Record<string, unknown> = {}): Contract {
  return contractSchema.parse({ start_command: 'node app.js', port: 3000, health_endpoint: '/health', ...more });
}

export interface World {
  root: string;
  app: string;
  layout: Layout;
  repo: OpenedRepo;
  slots: OpenedSlots;
  log: string[];
  prepare: (slot: 'a' | 'b', commit: string, signal?: AbortSignal) => ReturnType<OpenedSlots['prepare']>;
}

export function openApp(layout: Layout, remote: string, log: string[] = []): Promise<OpenedRepo> {
  return openRepo({ layout, remote, humanBranch: 'main', agentBranch: 'machine', log: (message) => log.push(message) });
}

/** An app's repository with one commit, opened, with its slots. */
export async function world(
  t: TestContext,
  files: Files,
  contract: Record<string, unknown> = {},
  bounds: { limiter?: Limiter } = {},
): Promise<World & { first: string }> {
  const root = temporaryFolder(t);
  const app = source(root);
  const first = commit(app, files);
  const layout = layoutOf(join(root, 'data'));
  const log: string[] = [];
  const repo = await openApp(layout, app, log);
  const slots = await createSlots({
    layout,
    git: repo.git,
    contract: contractOf(contract),
    log: (message) => log.push(message),
    ...bounds,
  });
  t.after(() => slots.settled());
  let attempt = 0;
  const prepare: World['prepare'] = async (slot, id, signal = new AbortController().signal) => {
    await repo.resolve({ commit: id }, signal);
    attempt += 1;
    return await slots.prepare({ slot, commit: id, attempt: `t${attempt}`, signal });
  };
  return { root, app, layout, repo, slots, log, prepare, first };
}

export function value<T>(result: { ok: true; value: T } | { ok: false; failure: { code: string; error: string } }): T {
  if (!result.ok) throw new Error(`${result.failure.code}: ${result.failure.error}`);
  return result.value;
}

export function failure<F>(result: { ok: true; value: unknown } | { ok: false; failure: F }): F {
  if (result.ok) throw new Error(`succeeded: ${JSON.stringify(result.value)}`);
  return result.failure;
}
