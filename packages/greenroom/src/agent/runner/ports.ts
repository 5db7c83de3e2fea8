/** What the runner of a turn needs from others; main.ts puts them together. Nothing here may throw for what a workspace or an agent does wrong. */
import type { McpServer } from '@agentclientprotocol/sdk';
import type { Layer } from '../../confine/command.ts';
import type { AgentProgram } from '../launch.ts';

/** The turn as workspace and tools see it; ids are of `[A-Za-z0-9_-]`. */
export interface TurnPlace {
  conversation: string;
  turn: string;
}

/** The agent's own working copy. */
export interface Workspace {
  /** Absolute; the same for every turn. */
  path: string;
  /**
   * Makes it ready for a turn: there, on the agent's branch, the human branch merged in when that is clean. Loses nothing that is not committed,
   * may be killed at any point and called again. Before any other call.
   */
  prepare(turn: TurnPlace): Promise<PreparedWorkspace>;
  state(): Promise<WorkspaceState>;
  /** Commits reachable from the head now and not from `since`, oldest first; at most `limit`, the newest ones. Empty when `since` is empty or unknown. */
  commitsSince(since: string, limit: number): Promise<WorkspaceCommit[]>;
  /** After the agent ended and its processes are gone: leaves its report for the orchestrator. Answers what the chat should say. */
  close(turn: TurnPlace): Promise<WorkspaceNote[]>;
}

export type PreparedWorkspace =
  | {
      ok: true;
      /** What the chat says of it: merged commits, what could not be done. */
      notes: WorkspaceNote[];
      /** What the agent has to do before what it was asked, as sentences to it, such as a conflict to resolve. */
      firstTask?: string;
      /** Variables that the agent gets, such as git's configuration for the trailers. */
      environment: Record<string, string>;
    }
  /** `problem`: a sentence for the person in the chat. */
  | { ok: false; problem: string };

export interface WorkspaceNote {
  level: 'info' | 'warning';
  text: string;
  /** The agent is told of it too, beside the message. */
  tellAgent: boolean;
}

export interface WorkspaceState {
  /** Full id; empty when there is no commit yet. */
  head: string;
  /** Paths relative to the workspace with changes that are not committed, untracked ones too; at most 200, sorted. */
  uncommitted: string[];
}

export interface WorkspaceCommit {
  commit: string;
  subject: string;
  files: number;
  added: number;
  removed: number;
}

/** What the agent is told once per session, before the first message. */
export type Instructions = (context: InstructionsContext) => Promise<string>;

export interface InstructionsContext extends TurnPlace {
  /** The agent speaks MCP over a way that the tools are served on; otherwise it is told of the `greenroom` command instead. */
  hasTools: boolean;
}

/** Makes ready what the agent of one turn is confined by. `problem`: a sentence for the person in the chat. */
export type OpenSandbox = (turn: SandboxedTurn) => Promise<Sandbox | { problem: string }>;

/** Who is to be confined, and what it would be given. */
export interface SandboxedTurn {
  agent: AgentProgram;
  /** The agent's whole environment. */
  env: Record<string, string>;
}

export interface Sandbox {
  /** From the outermost to the innermost; the last of them is a sandbox that holds when it is `sandboxed`. */
  layers: readonly Layer[];
  sandboxed: boolean;
  env: Record<string, string>;
}

/** The agent's tools, served for one turn. */
export type OpenTools = (turn: TurnPlace) => Promise<Tools>;

export interface Tools {
  /** How the agent reaches them, by what it said it can; null when it can in no way. */
  mcpServer(capabilities: { http: boolean; sse: boolean }): McpServer | null;
  /** For the agent's environment. */
  environment: {
    /** Folder of the `greenroom` command, put first on the agent's PATH. */
    pathPrefix: string;
    variables: Record<string, string>;
  };
  /** Values that must never be shown, such as the bearer token. */
  secrets: string[];
  /** How many of the turn's deploys were refused or failed so far. */
  deploysFailed(): Promise<number>;
  close(): Promise<void>;
}
