import { chmod, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentPaths } from '../settings.ts';
import { kindOf, writeDurably } from './files.ts';
import { gitPlace } from './place.ts';

/**
 * Those that git runs in a clone; each is forwarded to the project's own. Without `reference-transaction` and `post-index-change`, which git runs many
 * times in one command: a shell each time would cost everybody for what hardly any project has.
 */
const FORWARDED = [
  'applypatch-msg',
  'pre-applypatch',
  'post-applypatch',
  'pre-commit',
  'pre-merge-commit',
  'prepare-commit-msg',
  'commit-msg',
  'post-commit',
  'pre-rebase',
  'post-checkout',
  'post-merge',
  'pre-push',
  'pre-auto-gc',
  'post-rewrite',
];

/** What gets a message's file as its first argument, and may change it: of these two `--no-verify` skips neither for a commit. */
const MESSAGE_HOOKS = ['prepare-commit-msg', 'applypatch-msg'];

/** Each name with its whole text. */
function hookTexts(paths: Pick<AgentPaths, 'run' | 'workspace'>): Map<string, string> {
  return new Map(FORWARDED.map((name) => [name, hookText(name, paths)]));
}

/** Writes the folder of hooks as it should be, whatever it held; a hook that git runs meanwhile is the old one or the new one. */
export async function writeHooks(paths: Pick<AgentPaths, 'run' | 'workspace'>): Promise<void> {
  const { hooks } = gitPlace(paths);
  if ((await kindOf(hooks)) !== 'directory') await rm(hooks, { force: true });
  await mkdir(hooks, { recursive: true });
  await chmod(hooks, 0o755);
  for (const [name, text] of hookTexts(paths)) {
    const file = join(hooks, name);
    if (!(await holds(file, text))) await writeDurably(file, text, 0o755);
  }
  await chmod(hooks, 0o555);
}

async function holds(file: string, text: string): Promise<boolean> {
  if ((await kindOf(file)) !== 'file' || ((await stat(file)).mode & 0o777) !== 0o755) return false;
  return (await readFile(file, 'utf8')) === text;
}

/**
 * POSIX shell, started for each git command: the project's hook first, as git would have run it, and for messages our two lines in place of any such
 * lines that were there. Only in this workspace: the same settings reach whatever else the agent does with git.
 */
function hookText(name: string, paths: Pick<AgentPaths, 'run' | 'workspace'>): string {
  const { hooks, trailers } = gitPlace(paths);
  const marks = MESSAGE_HOOKS.includes(name);
  return `#!/bin/sh
# Written by Greenroom before each turn of its coding agent. Changes here are overwritten.
ours=${quoted(hooks)}
own=$(git config --local --path --get core.hooksPath)
if [ -z "$own" ] || [ "$own" = "$ours" ]; then own=$(git config --local --path --get greenroom.hooksPath); fi
if [ -z "$own" ]; then own=$(git rev-parse --git-common-dir)/hooks; fi
hook=$own/${name}
${marks ? forwardAndMark(paths.workspace, trailers) : `if [ "$own" != "$ours" ] && [ -x "$hook" ]; then exec "$hook" "$@"; fi`}
exit 0
`;
}

function forwardAndMark(workspace: string, trailers: string): string {
  return `if [ "$own" != "$ours" ] && [ -x "$hook" ]; then "$hook" "$@" || exit $?; fi
trailers=${quoted(trailers)}
[ -f "$trailers" ] || exit 0
here=$(cd "$(git rev-parse --git-common-dir)" && pwd -P)
there=$(cd ${quoted(join(workspace, '.git'))} && pwd -P)
[ "$here" = "$there" ] || exit 0
message=$1
kept=$message.greenroom.$$
sed -e '/^Greenroom-Conversation:/d' -e '/^Greenroom-Turn:/d' "$message" > "$kept" || exit 0
# Without an end of its last line, a message of one line would run into the trailers.
if [ -n "$(tail -c 1 "$kept")" ]; then echo >> "$kept"; fi
set --
while IFS= read -r line; do set -- "$@" --trailer "$line"; done < "$trailers"
# A message that cannot be understood is better without our lines than not committed.
git interpret-trailers --no-divider --where end --if-exists add --if-missing add "$@" "$kept" > "$kept.new" && cat "$kept.new" > "$message"
rm -f "$kept" "$kept.new"`;
}

/** For a shell: one word, taken literally. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
