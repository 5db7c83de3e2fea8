import type { Confined } from '../../confine/confinement.ts';
import type { Limiter } from '../../confine/limiter.ts';
import type { ProcessIdentity } from '../../proc.ts';
import type { FoundAgent } from '../launch.ts';
import type { AgentPaths, AgentSettings } from '../settings.ts';
import type { Transcript } from '../transcript.ts';
import type { Instructions, OpenSandbox, OpenTools, Workspace } from './ports.ts';

/** All that a runner needs to know and may use. */
export interface RunnerOptions {
  paths: AgentPaths;
  settings: AgentSettings;
  transcript: Transcript;
  /** Of this process. */
  self: ProcessIdentity;
  agent: FoundAgent;
  workspace: Workspace;
  instructions: Instructions;
  openTools: OpenTools;
  openSandbox: OpenSandbox;
  /** The agent's own secrets, by name. */
  secrets: Record<string, string>;
  /** Values that are hidden too, wherever the agent comes upon them. */
  hidden?: readonly string[];
  /** The runner's environment. */
  env: NodeJS.ProcessEnv;
  /** What the agent and all that it starts may use. */
  limiter?: Limiter;
  /** What the agent is started within, and what of this process's environment it may have; by default it is as this process is. */
  confined?: Confined;
  /** What the workspace may take on the disk. */
  workspaceMb?: number;
  /** Aborted when the runner is told to stop. */
  stop: AbortSignal;
  /** Starts the next runner; of a queue that waits. */
  startNext(): Promise<void>;
  log(message: string): void;
}
