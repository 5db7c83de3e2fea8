import type { AgentPreset } from '@greenroom/sdk/wire';

/** What the contract says of the agent, with every default filled in; `core/contract.ts` has the descriptions. */
export interface AgentSettings {
  /** Command line of an ACP agent; empty: the preset, or the first known agent that is found. */
  command: string;
  preset: AgentPreset | '';
  env: Record<string, string>;
  /** Names of variables of `secrets.env`, or of the environment of whoever starts the turn, that the agent gets. */
  secrets: readonly string[];
  permissions: 'allow' | 'ask' | 'deny';
  sandbox: 'auto' | 'require' | 'off';
  /** Of the sandbox; absolute, or below the home as `~/…`. */
  readable: readonly string[];
  writable: readonly string[];
  workspace: 'own' | 'inactive-slot';
  approval: boolean;
  chat_path: string;
  authorize_endpoint: string;
  turn_timeout_ms: number;
  turns_per_hour: number;
  failed_deploys_per_turn: number;
  keep_days: number;
  author_name: string;
  author_email: string;
}

/** Where the agent's things lie; a `Layout` is one. */
export interface AgentPaths {
  data: string;
  repo: string;
  workspace: string;
  run: string;
  logs: string;
  /** Folder of the transcript and of what runners keep. */
  agent: string;
  transcript: string;
  agentSocket: string;
  /** Second name of the socket, in a folder of its own. */
  agentDoor: string;
  /** `run/agent-turn.json`: the process that runs a turn now. */
  agentTurn: string;
  /** `agent/turns.json`: how many turns ended how. */
  agentTurns: string;
  /** `run/agent-report.json`: what the last turn leaves for the orchestrator's loop. */
  agentReport: string;
  contractCopy: string;
}
