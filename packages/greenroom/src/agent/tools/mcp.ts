import { McpServer } from '@modelcontextprotocol/server';
import { VERSION } from '../../version.ts';
import type { Answer, Call } from './answer.ts';
import type { ToolsContext } from './context.ts';
import type { Verb } from './verb.ts';
import { VERBS } from './verbs.ts';

export const SERVER_NAME = 'greenroom';

/** The verbs as an MCP server, for one connection or one request. */
export function createMcpServer(context: ToolsContext, log: (message: string) => void): McpServer {
  const server = new McpServer({ name: SERVER_NAME, title: 'Greenroom', version: VERSION });
  for (const verb of VERBS) register(server, verb, context, log);
  return server;
}

function register(server: McpServer, verb: Verb, context: ToolsContext, log: (message: string) => void): void {
  const { name, title, description, input, readOnly } = verb;
  const annotations = { title, readOnlyHint: readOnly, destructiveHint: false, openWorldHint: false };
  server.registerTool(name, { title, description, inputSchema: input, annotations }, async (asked, { mcpReq }) => {
    const token = mcpReq._meta?.progressToken;
    const call: Call = {
      signal: mcpReq.signal,
      progress(progress, total, message) {
        if (token === undefined) return;
        const params = { progressToken: token, progress, total, message };
        // A client that went away is told nothing more; what it asked for goes on.
        mcpReq.notify({ method: 'notifications/progress', params }).catch((error: unknown) => log(`${name}: ${String(error)}`));
      },
    };
    return toResult(await answer(verb, context, asked, call, log));
  });
}

async function answer(verb: Verb, context: ToolsContext, asked: object, call: Call, log: (message: string) => void): Promise<Answer> {
  try {
    return await verb.run(context, asked as Record<string, unknown>, call);
  } catch (error) {
    log(`${verb.name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    const text = `Something broke in the tool ${verb.name}, and nobody knows whether it was done. Ask for the status before you try again.`;
    return { exit: 1, text, data: {} };
  }
}

/** Text alone: of agents that are given structured content too, some show their model only that. */
function toResult({ exit, text }: Answer): { content: { type: 'text'; text: string }[]; isError: boolean } {
  return { content: [{ type: 'text', text }], isError: exit !== 0 };
}
