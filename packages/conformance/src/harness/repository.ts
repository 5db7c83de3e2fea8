import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const FIXTURE = fileURLToPath(new URL('../../fixture/server.cjs', import.meta.url));
const run = promisify(execFile);

/** What a version of the app does; see fixture/server.cjs. */
export interface Behaviour {
  version: string;
  /** Milliseconds before it listens. */
  boot_ms?: number;
  exits?: boolean;
  unhealthy?: boolean;
  deep_status?: number;
  /** Answers the schema status: with this range, or this text. Default: 404. */
  schema?: { min: number; max: number; compatible?: boolean } | string;
  /** Default: no handler, the process ends at once. */
  sigterm?: 'ignore' | 'exit';
  /** Starts two children that ignore SIGTERM, one of them in a session of its own. */
  children?: boolean;
}

export interface Repository {
  directory: string;
  /** Commits a version on the branch (created from where `main` is) and answers the full id. `files` are other paths of the tree, `null` removes one. */
  commit(behaviour: Behaviour, options?: { branch?: string; files?: Record<string, string | null> }): Promise<string>;
}

/** A git repository with the app in it; the app reports to `observe` and obeys files in `control`. */
export async function createRepository(directory: string, observe: string, control: string): Promise<Repository> {
  await mkdir(directory, { recursive: true });
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Conformance',
    GIT_AUTHOR_EMAIL: 'conformance@example.invalid',
    GIT_COMMITTER_NAME: 'Conformance',
    GIT_COMMITTER_EMAIL: 'conformance@example.invalid',
  };
  const git = async (...args: string[]): Promise<string> => (await run('git', args, { cwd: directory, env })).stdout.trim();
  await git('init', '-q', '-b', 'main');
  await writeFile(join(directory, 'README.md'), 'An app for conformance tests.\n');
  await git('add', '-A');
  await git('commit', '-q', '-m', 'Begin');

  return {
    directory,
    async commit(behaviour, { branch = 'main', files = {} } = {}) {
      if (branch !== 'main') await git('checkout', '-q', '-B', branch, 'main');
      await copyFile(FIXTURE, join(directory, 'server.cjs'));
      await writeFile(join(directory, 'behaviour.json'), `${JSON.stringify({ ...behaviour, observe, control }, null, 2)}\n`);
      for (const [path, content] of Object.entries(files)) {
        const file = join(directory, path);
        await mkdir(dirname(file), { recursive: true });
        if (content === null) await rm(file);
        else await writeFile(file, content);
      }
      await git('add', '-A');
      await git('commit', '-q', '-m', behaviour.version);
      const commit = await git('rev-parse', 'HEAD');
      if (branch !== 'main') await git('checkout', '-q', 'main');
      return commit;
    },
  };
}
