import { gitIn } from '../git.ts';
import type { ToolsContext } from './context.ts';

const SHOWN_FILES = 30;
/** Enough to know that something is there, and to name some of it. */
const STATUS_MAX_BYTES = 256 * 1024;

export interface WorkspaceFacts {
  /** Full id; empty before the first commit. */
  head: string;
  /** Empty when a commit and no branch is checked out. */
  branch: string;
  /** Paths with changes that are not committed, untracked ones too; of a new folder only its name. */
  uncommitted: string[];
  /** There are more than are listed. */
  more: boolean;
}

/** How the agent's working copy is now; a sentence when it cannot be read. */
export async function readWorkspace({ workspace }: Pick<ToolsContext, 'workspace'>): Promise<WorkspaceFacts | string> {
  const git = gitIn(workspace);
  const [head, branch, status] = await Promise.all([
    git(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
    git(['symbolic-ref', '--quiet', '--short', 'HEAD']),
    git(['status', '--porcelain=v1', '-z', '--no-renames', '--ignore-submodules=dirty'], { maxBytes: STATUS_MAX_BYTES }),
  ]);
  if (status.code !== 0 && !status.cut) return `The state of the working copy ${workspace} cannot be read: ${status.stderr}`;
  const paths = status.stdout.toString('utf8').split('\0').slice(0, -1);
  return {
    head: head.code === 0 ? head.stdout.toString('utf8').trim() : '',
    branch: branch.code === 0 ? branch.stdout.toString('utf8').trim() : '',
    // Two letters and a space before each path.
    uncommitted: paths.map((entry) => entry.slice(3)),
    more: status.cut,
  };
}

/** The paths as lines, as many as a reader can use. */
export function fileLines({ uncommitted, more }: Pick<WorkspaceFacts, 'uncommitted' | 'more'>): string[] {
  const shown = uncommitted.slice(0, SHOWN_FILES).map((path) => `  ${path}`);
  const left = uncommitted.length - shown.length;
  return left > 0 || more ? [...shown, more ? '  and many more' : `  and ${left} more`] : shown;
}
