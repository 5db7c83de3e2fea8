import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { McpServer } from '@agentclientprotocol/sdk';
import { createClient } from '@greenroom/sdk/client';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { commitFiles, git } from '../../../../../bench/harness/repo.ts';
import type { Tools } from '../../../src/agent/runner/ports.ts';
import { createTools } from '../../../src/agent/tools.ts';
import { type Layout, layoutOf } from '../../../src/orchestrator/layout.ts';
import { type Behaviour, openRig, type Rig } from '../../e2e/rig.ts';

const COMMAND_LIMIT_MS = 60_000;

export interface Said {
  failed: boolean;
  text: string;
  /** Messages of the progress notifications, in order. */
  progress: string[];
}

/** Calls a tool by the official client. */
export type UseTool = (name: string, input?: Record<string, unknown>, onProgress?: (message: string) => void) => Promise<Said>;

export interface ToolsRig extends Rig {
  layout: Layout;
  /** The agent commits a version of the app in its working copy. Answers the commit. */
  work(behaviour: Behaviour, files?: Record<string, string>): string;
  /** Tools of a turn; the test ends them. */
  tools(turn: string, failedDeploysPerTurn?: number): Promise<Tools>;
}

/** A Greenroom with a first version live, and the agent's working copy of it on `machine`. */
export async function openToolsRig(t: TestContext, contract: Record<string, unknown> = {}): Promise<ToolsRig> {
  const rig = await openRig(t, { contract: { health_timeout_ms: 1_500, ...contract } });
  const layout = layoutOf(rig.data);
  // As the operator: with approval, everybody else's deploys wait for a person.
  const first = await createClient({ socket: layout.operatorSocket }).deploy({ commit: rig.commit({ name: 'first' }) });
  assert.ok(first.success, JSON.stringify(first));
  git(rig.data, 'clone', '-q', rig.repo, 'workspace');
  git(layout.workspace, 'checkout', '-q', '-b', 'machine', 'origin/main');
  return {
    ...rig,
    layout,
    work: (behaviour, files = {}) => commitFiles(layout.workspace, { 'behaviour.json': JSON.stringify(behaviour), ...files }, 'Work'),
    async tools(turn, failedDeploysPerTurn = 5) {
      const settings = { failed_deploys_per_turn: failedDeploysPerTurn };
      const log = (message: string): never => assert.fail(message);
      const tools = await createTools({ paths: layout, settings, branch: 'machine', log })({ conversation: 'conversation-1', turn });
      t.after(() => tools.close());
      return tools;
    },
  };
}

/** Connects as an agent would that was given the server by the protocol. The test ends the connection. */
export async function connect(t: TestContext, server: McpServer | null): Promise<UseTool & { client: Client }> {
  assert.ok(server);
  const client = new Client({ name: 'test-agent', version: '1' });
  await client.connect(transportOf(server));
  t.after(() => client.close());
  const use: UseTool = async (name, input = {}, onProgress = () => undefined) => {
    const progress: string[] = [];
    const result = await client.callTool(
      { name, arguments: input },
      {
        timeout: COMMAND_LIMIT_MS,
        onprogress: ({ message = '' }) => {
          progress.push(message);
          onProgress(message);
        },
      },
    );
    const [content] = result.content;
    assert.ok(content?.type === 'text', JSON.stringify(result));
    return { failed: result.isError === true, text: content.text, progress };
  };
  return Object.assign(use, { client });
}

function transportOf(server: McpServer): StreamableHTTPClientTransport | StdioClientTransport {
  if ('url' in server) {
    const headers = Object.fromEntries(server.headers.map(({ name, value }) => [name, value]));
    return new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } });
  }
  const env = Object.fromEntries(server.env.map(({ name, value }) => [name, value]));
  return new StdioClientTransport({ command: server.command, args: server.args, env, stderr: 'inherit' });
}

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the agent's `greenroom`, found on its PATH as a shell would. */
export function greenroom(tools: Tools, args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const { pathPrefix, variables } = tools.environment;
  const path = `${pathPrefix}:/usr/bin:/bin`;
  const child = spawn(join(pathPrefix, 'greenroom'), args, {
    env: { ...variables, PATH: path, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: COMMAND_LIMIT_MS,
  });
  const ran: Ran = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (ran.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (ran.stderr += text));
  const { promise, resolve, reject } = Promise.withResolvers<Ran>();
  child.on('error', reject);
  child.on('close', (code) => resolve({ ...ran, code }));
  return promise;
}

/** Origins of all attempts, newest first, as `conversation/turn`, or `-`. */
export async function origins(rig: Rig): Promise<string[]> {
  return (await rig.client.deploys()).map(({ origin }) => (origin ? `${origin.conversation}/${origin.turn}` : '-'));
}

/** Tools without an orchestrator, below a folder of this name. The test ends them. */
export async function openDeadTools(t: TestContext, name = 'data'): Promise<Tools> {
  const root = mkdtempSync(join(tmpdir(), 'tools-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const paths = layoutOf(join(root, name));
  mkdirSync(paths.run, { recursive: true });
  const settings = { failed_deploys_per_turn: 5 };
  const log = (message: string): void => t.diagnostic(message);
  const tools = await createTools({ paths, settings, branch: 'machine', log })({ conversation: 'conversation-1', turn: 'turn-1' });
  t.after(() => tools.close());
  return tools;
}
