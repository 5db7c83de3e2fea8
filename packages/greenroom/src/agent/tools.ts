/**
 * The agent's tools: deploy, roll back and look, as an MCP server in the runner and as a `greenroom` command on the agent's PATH. Both act over
 * the agent's socket with what it may do, and say of which turn they are.
 */
import { randomBytes } from 'node:crypto';
import type { McpServer } from '@agentclientprotocol/sdk';
import type { OpenTools, Tools } from './runner/ports.ts';
import type { AgentPaths, AgentSettings } from './settings.ts';
import { createContext, MCP_WAIT_MS, type ToolsPlace, toVariables } from './tools/context.ts';
import { serveMcp } from './tools/http.ts';
import { COMMAND, writeLauncher } from './tools/launcher.ts';
import { SERVER_NAME } from './tools/mcp.ts';
import { failedDeploys } from './tools/tries.ts';

export interface ToolsOptions {
  paths: Pick<AgentPaths, 'agentSocket' | 'contractCopy' | 'repo' | 'run' | 'workspace'>;
  settings: Pick<AgentSettings, 'failed_deploys_per_turn'>;
  /** The contract's `agent_branch`. */
  branch: string;
  log(message: string): void;
}

/** Tools for turns of the app's agent. */
export function createTools({ paths, settings, branch, log }: ToolsOptions): OpenTools {
  return async ({ conversation, turn }): Promise<Tools> => {
    const place: ToolsPlace = {
      agentSocket: paths.agentSocket,
      contract: paths.contractCopy,
      repo: paths.repo,
      workspace: paths.workspace,
      branch,
      conversation,
      turn,
      failedDeploysPerTurn: settings.failed_deploys_per_turn,
    };
    const context = createContext(place, MCP_WAIT_MS);
    const variables = toVariables(place);
    const pathPrefix = await writeLauncher(paths.run);
    const token = randomBytes(32).toString('base64url');
    const endpoint = await serveMcp(context, token, log);
    return {
      mcpServer: ({ http }) => (http ? byHttp(endpoint.url, token) : byStdio(variables)),
      environment: { pathPrefix, variables },
      secrets: [token],
      deploysFailed: () => failedDeploys(context.client, turn),
      close: endpoint.close,
    };
  };
}

function byHttp(url: string, token: string): McpServer {
  return { type: 'http', name: SERVER_NAME, url, headers: [{ name: 'Authorization', value: `Bearer ${token}` }] };
}

/** Every agent of the protocol can start a server. */
function byStdio(variables: Record<string, string>): McpServer {
  const [command, ...args] = COMMAND;
  const env = Object.entries(variables).map(([name, value]) => ({ name, value }));
  return { name: SERVER_NAME, command, args: [...args, 'mcp'], env };
}
