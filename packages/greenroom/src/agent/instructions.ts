import { createClient } from '@greenroom/sdk/client';
import type { Status } from '@greenroom/sdk/wire';
import { projectWords } from './instructions/project-words.ts';
import { type AppRules, instructionsText, type LiveState } from './instructions/text.ts';
import type { Instructions } from './runner/ports.ts';
import type { AgentPaths } from './settings.ts';

export type { AppRules } from './instructions/text.ts';

export interface InstructionsOptions {
  app: string;
  /** The contract; values of secrets are not in it, and nothing else of it than these fields is told. */
  rules: AppRules;
  paths: Pick<AgentPaths, 'agentSocket' | 'contractCopy' | 'data' | 'workspace'>;
  settings: { approval: boolean; failed_deploys_per_turn: number };
}

/** The orchestrator may be away: then the agent is told less. */
const STATUS_TIMEOUT_MS = 3_000;

/** What the agent is told before its first message: made from contract, state and settings, then the project's own words to agents. */
export function createInstructions(options: InstructionsOptions): Instructions {
  const { rules, paths } = options;
  return async ({ hasTools }) => {
    const [live, project] = await Promise.all([liveState(paths.agentSocket), projectWords(paths.workspace, rules)]);
    return [instructionsText({ ...options, live, hasTools }), project].filter((part) => part !== '').join('\n\n');
  };
}

async function liveState(socket: string): Promise<LiveState | null> {
  const status: Status | null = await createClient({ socket })
    .status({ signal: AbortSignal.timeout(STATUS_TIMEOUT_MS) })
    .catch(() => null);
  return status && { commit: status.live_commit, healthy: status.healthy, frozen: status.freeze !== null };
}
