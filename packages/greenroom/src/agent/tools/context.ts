import { createClient, type GreenroomClient } from '@greenroom/sdk/client';

/** What the verbs act with: the same for MCP in the runner and for the command on the agent's PATH. */
export interface ToolsContext {
  client: GreenroomClient;
  conversation: string;
  turn: string;
  /** The agent's working copy, and the branch that it commits to. */
  workspace: string;
  branch: string;
  /** The orchestrator's bare repository: the live commit comes from there when the working copy does not have it. */
  repo: string;
  /** The contract's read-only copy. */
  contract: string;
  /** Refused or failed deploys after which a turn may not try again. */
  failedDeploysPerTurn: number;
  /** How long a call waits for an attempt, which goes on by itself: clients give up on a call after about a minute. */
  waitMs: number;
  /** The same for one that waits for a person. */
  approvalWaitMs: number;
  /** How long a restart of the orchestrator may take. */
  restartWaitMs: number;
}

export type ToolsPlace = Omit<ToolsContext, 'client' | 'waitMs' | 'approvalWaitMs' | 'restartWaitMs'> & { agentSocket: string };

export const MCP_WAIT_MS = 50_000;
/** Agents' shells commonly end a command after two minutes. */
export const COMMAND_WAIT_MS = 100_000;
const RESTART_WAIT_MS = 20_000;

export function createContext({ agentSocket, ...place }: ToolsPlace, waitMs: number): ToolsContext {
  const client = createClient({ socket: agentSocket });
  return { ...place, client, waitMs, approvalWaitMs: waitMs, restartWaitMs: Math.min(RESTART_WAIT_MS, waitMs) };
}

/** Names of the variables that tell the command where it acts. */
const VARIABLES = {
  agentSocket: 'GREENROOM_AGENT_SOCKET',
  conversation: 'GREENROOM_CONVERSATION',
  turn: 'GREENROOM_TURN',
  workspace: 'GREENROOM_WORKSPACE',
  branch: 'GREENROOM_BRANCH',
  repo: 'GREENROOM_BARE_REPOSITORY',
  contract: 'GREENROOM_CONTRACT',
  failedDeploysPerTurn: 'GREENROOM_FAILED_DEPLOYS_PER_TURN',
} as const satisfies Record<keyof ToolsPlace, string>;

export function toVariables(place: ToolsPlace): Record<string, string> {
  return Object.fromEntries(Object.entries(VARIABLES).map(([field, name]) => [name, String(place[field as keyof ToolsPlace])]));
}

/** The place that the environment names; the names of the variables that are missing when it does not. */
export function fromVariables(env: NodeJS.ProcessEnv): { ok: true; place: ToolsPlace } | { ok: false; missing: string[] } {
  const missing = Object.values(VARIABLES).filter((name) => !env[name]);
  if (missing.length > 0) return { ok: false, missing };
  const read = (field: keyof ToolsPlace): string => env[VARIABLES[field]] ?? '';
  const failedDeploysPerTurn = Number(read('failedDeploysPerTurn'));
  if (!Number.isInteger(failedDeploysPerTurn) || failedDeploysPerTurn < 1) return { ok: false, missing: [VARIABLES.failedDeploysPerTurn] };
  return {
    ok: true,
    place: {
      agentSocket: read('agentSocket'),
      conversation: read('conversation'),
      turn: read('turn'),
      workspace: read('workspace'),
      branch: read('branch'),
      repo: read('repo'),
      contract: read('contract'),
      failedDeploysPerTurn,
    },
  };
}
