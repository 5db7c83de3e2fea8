import { GitError } from '../workspace/git.ts';
import { inertGit } from '../workspace/inert.ts';
import { MOST_FILES, stateOf } from '../workspace/state.ts';
import type { ToolsContext } from './context.ts';

const SHOWN_FILES = 30;

export interface WorkspaceFacts {
  /** Full id; empty before the first commit. */
  head: string;
  /** Empty when a commit and no branch is checked out. */
  branch: string;
  /** Paths with changes that are not committed, untracked ones too. */
  uncommitted: string[];
  /** There are more than are listed. */
  more: boolean;
}

/** How the agent's working copy is now; a sentence when it cannot be read. */
export async function readWorkspace({ workspace }: Pick<ToolsContext, 'workspace'>): Promise<WorkspaceFacts | string> {
  try {
    const git = await inertGit(workspace);
    const [state, branch] = await Promise.all([stateOf(git), git.run(['symbolic-ref', '--quiet', '--short', 'HEAD'])]);
    const more = state.uncommitted.length >= MOST_FILES;
    return { ...state, branch: branch.code === 0 ? branch.stdout.toString('utf8').trim() : '', more };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    return `The state of the working copy ${workspace} cannot be read: ${error.message}.`;
  }
}

/** The paths as lines, as many as a reader can use. */
export function fileLines({ uncommitted, more }: Pick<WorkspaceFacts, 'uncommitted' | 'more'>): string[] {
  const shown = uncommitted.slice(0, SHOWN_FILES).map((path) => `  ${path}`);
  const left = uncommitted.length - shown.length;
  return left > 0 || more ? [...shown, more ? '  and many more' : `  and ${left} more`] : shown;
}
