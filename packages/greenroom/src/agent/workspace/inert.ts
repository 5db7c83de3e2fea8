import { type Git, GitError, gitIn } from './git.ts';

/** Git on the clone of which the programs that its configuration names for filtering and merging files do not run. */
export async function inertGit(path: string): Promise<Git> {
  const git = gitIn(path);
  const { stdout } = await git.run(['config', '--includes', '--null', '--name-only', '--get-regexp', '^(filter|merge)\\..*\\.']);
  const drivers = new Set(
    stdout
      .toString('utf8')
      .split('\0')
      .filter((name) => name !== '')
      .map((name) => name.slice(0, name.lastIndexOf('.'))),
  );
  const settings = [...drivers].flatMap((driver) => {
    // Cannot be given on a command line, and so cannot be overruled: content is then left to git's own ways.
    if (driver.includes('=')) throw new GitError(`the workspace's configuration has a section "${driver}"`);
    // An empty process takes precedence over clean and smudge, and is no program.
    if (driver.startsWith('filter.')) return [`${driver}.process=`, `${driver}.required=false`];
    return [`${driver}.driver=git merge-file -q --marker-size=%L %A %O %B`];
  });
  return git.with(settings);
}
