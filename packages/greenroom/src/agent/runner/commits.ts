import type { Workspace } from './ports.ts';
import { oneLine } from './text.ts';
import type { Writer } from './writer.ts';

const MAX_COMMITS = 50;
const SUBJECT_CHARACTERS = 200;

export interface CommitWatch {
  /** Looks soon for commits that were not told of yet; any number of calls while one looks make one more look. */
  look(): void;
  /** Looks a last time. */
  close(): Promise<void>;
}

/** Tells of the commits that the agent makes, from the head the workspace has now on. */
export function watchCommits(options: { workspace: Workspace; head: string; writer: Writer; log: (message: string) => void }): CommitWatch {
  const { workspace, writer, log } = options;
  let last = options.head;
  let looking: Promise<void> | null = null;
  let again = false;
  const lookOnce = async (): Promise<void> => {
    try {
      const commits = await workspace.commitsSince(last, MAX_COMMITS);
      for (const commit of commits) writer.put({ kind: 'commit', ...commit, subject: oneLine(commit.subject, SUBJECT_CHARACTERS) });
      last = commits.at(-1)?.commit ?? last;
    } catch (error) {
      // What the agent does to its clone must not end its turn; the commits themselves are in the repository.
      log(`The workspace's commits cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const run = async (): Promise<void> => {
    do {
      again = false;
      await lookOnce();
    } while (again);
    looking = null;
  };
  const look = (): void => {
    again = true;
    looking ??= run();
  };
  return {
    look,
    async close() {
      look();
      await looking;
    },
  };
}
