import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { faulty } from './faults.ts';

const run = promisify(execFile);
const FULL_ID = /^[0-9a-f]{40}$/;
const SOME_ID = /^[0-9a-f]{7,40}$/;
const BRANCH = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/;

export interface Repo {
  /** The full id; undefined when unknown. */
  resolve(request: { commit?: string; branch?: string }): Promise<string | undefined>;
  prepare(slot: 'a' | 'b', commit: string): Promise<string>;
}

export async function openRepo(data: string, source: string): Promise<Repo> {
  const bare = `${data}/repo.git`;
  const git = async (...args: string[]): Promise<string> => (await run('git', args)).stdout.trim();
  if (!existsSync(bare)) await git('init', '-q', '--bare', bare);
  const parse = (name: string): Promise<string | undefined> =>
    git(`--git-dir=${bare}`, 'rev-parse', '-q', '--verify', '--end-of-options', `${name}^{commit}`).catch(() => undefined);
  return {
    async resolve({ commit, branch }) {
      await git(`--git-dir=${bare}`, 'fetch', '-q', '--prune', source, '+refs/heads/*:refs/heads/*').catch((error: Error) => error);
      if (branch !== undefined) {
        if (faulty('branch-is-main')) return parse('refs/heads/main');
        return faulty('names-unchecked')
          ? parse(branch)
          : BRANCH.test(branch) && !branch.includes('..')
            ? parse(`refs/heads/${branch}`)
            : undefined;
      }
      if (faulty('names-unchecked')) return parse(commit ?? '');
      return (faulty('full-ids-only') ? FULL_ID : SOME_ID).test(commit ?? '') ? parse(commit ?? '') : undefined;
    },
    async prepare(slot, commit) {
      const directory = `${data}/deploy-${slot}`;
      if (!existsSync(directory)) await git(`--git-dir=${bare}`, 'worktree', 'add', '-q', '--force', '--detach', directory, commit);
      else if (faulty('no-clean-checkout')) await git('-C', directory, 'checkout', '-q', commit, '--', '.');
      else await git('-C', directory, 'checkout', '-q', '--force', '--detach', commit);
      return directory;
    },
  };
}
