import type { ChecksView } from '@greenroom/sdk/wire';
import type { CheckSummary } from '../orchestrator/adapters/github/checks.ts';
import type { Answer } from '../orchestrator/adapters/github/problem.ts';

/** GitHub is asked no more often than this, however many read the status. */
export const CHECKS_INTERVAL_MS = 60_000;

export interface ChecksOptions {
  /** Commits whose checks matter, most interesting first: the first that something has looked at is shown. */
  commits(): Promise<string[]>;
  ask(commit: string): Promise<Answer<CheckSummary>>;
  now(): number;
  log(message: string): void;
}

export interface Checks {
  /** Asks anew in the background, unless that was done a moment ago. */
  look(): void;
  /** What was found last. Never waits. */
  view(): ChecksView | null;
}

/** Keeps what the project's own CI says at hand. What goes wrong leaves the last answer as it is: GitHub's client tells of its problems itself. */
export function createChecks({ commits, ask, now, log }: ChecksOptions): Checks {
  let last: ChecksView | null = null;
  let asked = Number.NEGATIVE_INFINITY;
  let asking = false;

  async function read(): Promise<void> {
    for (const commit of new Set(await commits())) {
      asked = now();
      const answer = await ask(commit);
      if (!answer.ok) return;
      const { state, total, failed } = answer.value;
      const names = failed.map((it) => it.name);
      last = { commit, state, total, failed: names, url: failed[0]?.url ?? '', read_at: new Date(now()).toISOString() };
      if (state !== 'none') return;
    }
  }

  return {
    look() {
      if (asking || now() - asked < CHECKS_INTERVAL_MS) return;
      asking = true;
      read()
        .catch((error: Error) => log(`the checks of the project could not be read: ${error.stack ?? error.message}`))
        .finally(() => {
          asking = false;
        });
    },
    view: () => last,
  };
}
