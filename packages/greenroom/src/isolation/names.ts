import { createHash } from 'node:crypto';

/** Users of an isolated app, each with a group of its own name, and the group of them all. */
export interface IsolationNames {
  /** Orchestrator, chat and the agent's runner: Greenroom's own code, and none of the app's. */
  orchestrator: string;
  app: string;
  agent: string;
  setup: string;
  /** A group: whoever is in it may go through the data directory, and see nothing of it. */
  run: string;
}

/** Longest name of a user, as Linux takes it, without the longest ending. */
const MOST_CHARACTERS = 32 - 'gr--agent'.length;
const HASH_CHARACTERS = 8;

/** The app's name is small letters, digits and dashes, as a user's may be; a long one is shortened, with a hash so that no two are alike. */
export function isolationNames(app: string): IsolationNames {
  const hash = createHash('sha256').update(app).digest('hex').slice(0, HASH_CHARACTERS);
  const short = app.length <= MOST_CHARACTERS ? app : `${app.slice(0, MOST_CHARACTERS - HASH_CHARACTERS - 1)}-${hash}`;
  const name = `gr-${short}`;
  return { orchestrator: name, app: `${name}-app`, agent: `${name}-agent`, setup: `${name}-setup`, run: `${name}-run` };
}
