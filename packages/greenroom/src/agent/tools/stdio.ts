import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { createContext, fromVariables, MCP_WAIT_MS } from './context.ts';
import { createMcpServer } from './mcp.ts';

/** Serves the tools on standard input and output, for agents that start MCP servers themselves. Ends with its input. */
export function serveMcpOnStdio(env: NodeJS.ProcessEnv, log: (message: string) => void): 0 | 2 {
  const found = fromVariables(env);
  if (!found.ok) {
    log(`The tools work within a turn of the agent only; ${found.missing.join(', ')} must say where.`);
    return 2;
  }
  const context = createContext(found.place, MCP_WAIT_MS);
  serveStdio(() => createMcpServer(context, log), { onerror: (error) => log(`MCP: ${error.message}`) });
  return 0;
}
