import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { createMcpHandler, hostHeaderValidationResponse, localhostAllowedHostnames } from '@modelcontextprotocol/server';
import type { ToolsContext } from './context.ts';
import { createMcpServer } from './mcp.ts';

const PATH = '/mcp';
const MAX_BODY_BYTES = 256 * 1024;

export interface McpEndpoint {
  url: string;
  /** Ends the calls under way too; what they asked of the orchestrator goes on. */
  close(): Promise<void>;
}

/**
 * Serves the tools over HTTP on 127.0.0.1, at a port of the system's choice, to whoever has the token. Without sessions: each request stands for
 * itself. Requests that a browser's page makes are refused even with the token.
 */
export async function serveMcp(context: ToolsContext, token: string, log: (message: string) => void): Promise<McpEndpoint> {
  const handler = createMcpHandler(() => createMcpServer(context, log), {
    maxRequestBodySize: MAX_BODY_BYTES,
    onerror: (error) => log(`MCP: ${error.message}`),
  });
  const fetch = async (request: Request): Promise<Response> => refused(request, token) ?? (await handler.fetch(request));
  const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, getRequestListener(fetch));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}${PATH}`, close: () => close(server, handler.close) };
}

function refused(request: Request, token: string): Response | undefined {
  const foreign = hostHeaderValidationResponse(request, localhostAllowedHostnames());
  if (foreign) return foreign;
  // No page of any origin has business here; agents send none.
  if (request.headers.has('origin')) return say(403, 'Requests of web pages are refused.');
  if (!isToken(request.headers.get('authorization'), token)) {
    return say(401, 'The bearer token of this turn is needed.', { 'www-authenticate': 'Bearer' });
  }
  if (new URL(request.url).pathname !== PATH) return say(404, `There is nothing here; the tools are at ${PATH}.`);
  return undefined;
}

/** Compared in constant time; hashed first, so that not even the length shows. */
function isToken(header: string | null, token: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const given = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}

function say(status: number, error: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error }, { status, headers });
}

async function close(server: Server, closeHandler: () => Promise<void>): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  await closeHandler();
  server.closeAllConnections();
  await closed;
}
