import { cpSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { commitFiles, git, initRepo } from '../../bench/harness/repo.ts';

const GUESTBOOK = new URL('../../examples/guestbook', import.meta.url).pathname;
const LEFT_OUT = ['node_modules', 'data'];

export const SECOND_GREETING = 'Now in violet. This version went live while people were signing.';

/** Copies the guestbook into a new git repository, as the first commit on `main`. */
export function firstVersion(repo: string): string {
  cpSync(GUESTBOOK, repo, { recursive: true, filter: (source) => !LEFT_OUT.includes(basename(source)) });
  initRepo(repo);
  // For commits that whoever tries the demo makes later on: they may not have told git a name yet.
  git(repo, 'config', 'user.name', 'Guestbook demo');
  git(repo, 'config', 'user.email', 'demo@example.invalid');
  return commitFiles(repo, {}, 'A guestbook');
}

/** Another colour and another greeting, on `main`. */
export function secondVersion(repo: string): string {
  const file = 'src/content.ts';
  const content = edit(repo, file, /greeting: '.*'/, `greeting: '${SECOND_GREETING}'`).replace(/hue: \d+/, 'hue: 265');
  return commitFiles(repo, { [file]: content }, 'Greet in violet');
}

/** A slip that no compiler finds: the app starts and says that it is healthy, and cannot write to its database. On the branch `broken`. */
export function brokenVersion(repo: string): string {
  const file = 'src/store.ts';
  git(repo, 'switch', '-q', '-c', 'broken');
  const commit = commitFiles(
    repo,
    { [file]: edit(repo, file, 'pinged.run(commit, new Date().toISOString())', 'pinged.run(commit)') },
    'Tidy up the ping',
  );
  git(repo, 'switch', '-q', 'main');
  return commit;
}

function edit(repo: string, file: string, from: string | RegExp, to: string): string {
  const text = readFileSync(join(repo, file), 'utf8');
  const edited = text.replace(from, to);
  if (edited === text) throw new Error(`the demo does not find ${String(from)} in ${file} of the guestbook`);
  return edited;
}
