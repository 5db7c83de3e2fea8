import { spawn } from 'node:child_process';
import { asOwnerOf } from '../../confine/as-owner.ts';
import { confine } from '../../confine/command.ts';
import { firstLine, INERT_SETTINGS, inertEnvironment } from '../../inert-git.ts';
import type { Git } from './git.ts';

const TIMEOUT_MS = 300_000;
const STDERR_CHARACTERS = 16 * 1024;
const FAR_SETTINGS = [...INERT_SETTINGS, 'core.alternateRefsCommand=true', 'receive.autogc=false', 'receive.denyCurrentBranch=refuse'];

/**
 * Brings refs of the orchestrator's repository into the clone. A clone of our own fetches them. One of another user gets them by a push, whose far end
 * has that user's rights: it cannot read the repository. Answers an empty string, or why not.
 */
export async function bring(git: Git, repo: string, refs: readonly string[], { prune = false } = {}): Promise<string> {
  const layers = await asOwnerOf(git.path);
  if (layers.length === 0) return await fetch(git, repo, refs, prune);
  const far = confine({ file: 'git', args: [...settings(FAR_SETTINGS), 'receive-pack'] }, layers);
  const words = [far.file, ...far.args].map(quoted).join(' ');
  const flags = ['--quiet', '--no-verify', '--no-follow-tags', '--recurse-submodules=no', ...(prune ? ['--prune'] : [])];
  return await push([
    ...settings(INERT_SETTINGS),
    `--git-dir=${repo}`,
    'push',
    ...flags,
    `--receive-pack=${words}`,
    '--',
    git.path,
    ...refs,
  ]);
}

async function fetch(git: Git, repo: string, refs: readonly string[], prune: boolean): Promise<string> {
  // Refused by git otherwise when the orchestrator runs as another user.
  const far = `git -c safe.directory=${quoted(repo)} -c uploadpack.allowAnySHA1InWant=true upload-pack`;
  const args = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules', ...(prune ? ['--prune'] : [])];
  const { code, stderr } = await git.run([...args, `--upload-pack=${far}`, '--', repo, ...refs], { protocols: 'file' });
  return code === 0 ? '' : firstLine(stderr) || `git fetch ended with code ${code}`;
}

function push(args: readonly string[]): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const options = { cwd: '/', env: inertEnvironment('file'), timeout: TIMEOUT_MS, killSignal: 'SIGKILL' as const };
  const child = spawn('git', args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARACTERS);
  });
  child.once('error', (error) => resolve(error.message));
  child.once('close', (code) => resolve(code === 0 ? '' : firstLine(stderr) || `git push ended with code ${code}`));
  return promise;
}

const settings = (names: readonly string[]): string[] => names.flatMap((name) => ['-c', name]);

/** For a shell: one word, taken literally. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
