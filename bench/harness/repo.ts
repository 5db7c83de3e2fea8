import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const IDENTITY = ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.invalid', '-c', 'commit.gpgSign=false', '-c', 'gc.auto=0'];

/** Runs git in a folder, without the user's own settings. */
export function git(directory: string, ...args: string[]): string {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const output = execFileSync('git', ['-C', directory, ...IDENTITY, ...args], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
  return output.trim();
}

export function initRepo(directory: string): void {
  mkdirSync(directory, { recursive: true });
  git(directory, 'init', '-q', '-b', 'main');
}

/** Writes the files (path to content) and commits everything. Answers the commit. */
export function commitFiles(directory: string, files: Record<string, string>, subject: string): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
  git(directory, 'add', '-A');
  git(directory, 'commit', '-q', '-m', subject);
  return git(directory, 'rev-parse', 'HEAD');
}
