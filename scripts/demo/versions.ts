import { cpSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { commitFiles, git, initRepo } from '../../bench/harness/repo.ts';

const GUESTBOOK = new URL('../../examples/guestbook', import.meta.url).pathname;
const LEFT_OUT = ['node_modules', 'data'];

export const SECOND_GREETING = 'This version went live while people were signing.';
/** What the scripted agent sets. */
export const VIOLET_HUE = 265;

/** Copies the guestbook into a new git repository, as the first commit on `main`. */
export function firstVersion(repo: string): string {
  cpSync(GUESTBOOK, repo, { recursive: true, filter: (source) => !LEFT_OUT.includes(basename(source)) });
  initRepo(repo);
  // For commits that whoever tries the demo makes later on: they may not have told git a name yet.
  git(repo, 'config', 'user.name', 'Guestbook demo');
  git(repo, 'config', 'user.email', 'demo@example.invalid');
  return commitFiles(repo, {}, 'A guestbook');
}

/** Another greeting, on `main`. */
export function secondVersion(repo: string): string {
  const file = 'src/content.ts';
  return commitFiles(repo, { [file]: edit(repo, file, /greeting: '.*'/, `greeting: '${SECOND_GREETING}'`) }, 'Greet anew');
}

function edit(repo: string, file: string, from: string | RegExp, to: string): string {
  const text = readFileSync(join(repo, file), 'utf8');
  const edited = text.replace(from, to);
  if (edited === text) throw new Error(`the demo does not find ${String(from)} in ${file} of the guestbook`);
  return edited;
}
