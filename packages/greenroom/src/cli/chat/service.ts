import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createClient } from '@greenroom/sdk/client';
import { openAssets } from '../../agent/chat/assets.ts';
import { ChatListenError, type ChatService, serveChat } from '../../agent/chat.ts';
import { mayBeginTurn } from '../../agent/limits.ts';
import { reap } from '../../agent/reap.ts';
import { startRunner } from '../../agent/start.ts';
import { openTranscript, type Transcript } from '../../agent/transcript.ts';
import { createWorkspace } from '../../agent/workspace.ts';
import { readContract } from '../../orchestrator/adapters/contract-file.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import type { Layout } from '../../orchestrator/layout.ts';
import { type Cli, CliError, EXIT } from '../context.ts';
import type { Target } from '../target.ts';
import { readAccess, requireAccess } from './access.ts';
import { agentFor } from './agent-name.ts';
import type { Held } from './hold.ts';

/** How soon a contract that the orchestrator took up is noticed. */
const LOOK_FOR_CONTRACT_MS = 5_000;

export interface ServiceFlags {
  readonly port?: number;
  readonly host: string;
  readonly noLogin: boolean;
  readonly mounted: boolean;
}

type AgentContract = Contract & { agent: NonNullable<Contract['agent']> };

/** Serves the chat until `stop` resolves; begins anew when the orchestrator takes up another contract. Throws `CliError`. */
export async function runChat(cli: Cli, target: Target, flags: ServiceFlags, held: Held, stop: Promise<void>): Promise<void> {
  let stopped = false;
  void stop.then(() => {
    stopped = true;
  });
  const transcript = openTranscript(target.layout.transcript);
  try {
    while (!stopped) {
      const taken = await contractInUse(target.layout);
      const service = await serve(cli, target, flags, held, transcript);
      const ended = new AbortController();
      const why = await Promise.race([stop.then(() => 'stop' as const), contractChanged(target.layout, taken, ended.signal)]);
      ended.abort();
      if (why !== 'stop') cli.say('The contract has changed: beginning anew.');
      await service.close();
    }
  } finally {
    transcript.close();
  }
}

async function serve(cli: Cli, target: Target, flags: ServiceFlags, held: Held, transcript: Transcript): Promise<ChatService> {
  const { app, layout } = target;
  const contract = await contractOf(target);
  const { agent } = contract;
  const access = flags.mounted ? { tokens: null, askApp: null } : await readAccess(target, contract, cli.env);
  const { port, host, noLogin } = flags;
  if (!flags.mounted) requireAccess(access, { noLogin, host, port, file: layout.secrets });
  // On the public socket somebody always has to prove who they are: with nothing to prove it by, it is not there.
  const { socket, ...sockets } = held;
  const provable = access.tokens !== null || access.askApp !== null;
  const log = (message: string): void => cli.warn(`${new Date().toISOString().slice(11, 19)} ${message}`);
  try {
    const service = await serveChat({
      app: app.name,
      chatPath: agent.chat_path,
      agent: await agentFor(agent, cli.env),
      approval: agent.approval,
      keepDays: agent.keep_days,
      transcript,
      client: createClient({ socket: layout.operatorSocket }),
      assets: openAssets(),
      access,
      listen: {
        ...(provable && socket !== undefined ? { socket } : {}),
        ...(sockets.appSocket === undefined ? {} : { appSocket: sockets.appSocket }),
        ...(port === undefined ? {} : { tcp: { host, port, open: noLogin } }),
      },
      mayBeginTurn() {
        const may = mayBeginTurn(transcript, agent, new Date());
        return may.ok ? null : { error: may.problem, retryAfterSeconds: Math.max(1, Math.ceil(may.retryAfterMs / 1000)) };
      },
      startRunner: () => void start(cli, layout, agent.secrets, log),
      reap: () => reap({ transcript, paths: layout, workspace: workspaceOf(layout, contract), log }),
      log,
    });
    cli.say(ready(app.name, agent.chat_path, flags, provable, contract.port));
    return service;
  } catch (error) {
    if (error instanceof ChatListenError) throw new CliError(EXIT.failed, 'cannot_listen', error.message);
    throw error;
  }
}

/** Only looked at here: it is the runner that prepares it. */
function workspaceOf(layout: Layout, { human_branch, agent_branch, agent }: AgentContract): ReturnType<typeof createWorkspace> {
  return createWorkspace({
    paths: layout,
    humanBranch: human_branch,
    agentBranch: agent_branch,
    author: { name: agent.author_name, email: agent.author_email },
    refresh: async () => '',
  });
}

async function start(cli: Cli, { data }: Layout, secrets: readonly string[], log: (message: string) => void): Promise<void> {
  try {
    const command = [process.execPath, resolve(process.argv[1] ?? '')];
    const started = await startRunner({ command, data, env: cli.env, secrets });
    if (!started.ok) log(started.problem);
  } catch (error) {
    // A full disk, say. The turn waits in the transcript, and the service tries again.
    log(`The agent's runner could not be started: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function contractOf({ app }: Target): Promise<AgentContract> {
  const read = await readContract(app.contract);
  if (!read.ok) throw new CliError(EXIT.failed, 'invalid_contract', read.sentences.join('\n'));
  const { agent } = read.contract;
  if (agent) return { ...read.contract, agent };
  const add = `The contract ${app.contract} has no "agent", so there is nobody to chat with. Add "agent": {} to it, and restart the orchestrator.`;
  throw new CliError(EXIT.failed, 'no_agent', add);
}

/** The orchestrator's copy of its contract; empty before its first start. */
async function contractInUse({ contractCopy }: Layout): Promise<string> {
  try {
    return await readFile(contractCopy, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Resolves when the orchestrator took up another contract; never otherwise. */
async function contractChanged(layout: Layout, taken: string, signal: AbortSignal): Promise<'changed'> {
  const { promise, resolve: changed } = Promise.withResolvers<'changed'>();
  const timer = setInterval(() => {
    void contractInUse(layout).then((now) => {
      if (now !== taken && now !== '') changed('changed');
    });
  }, LOOK_FOR_CONTRACT_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  return await promise;
}

function ready(
  app: string,
  chatPath: string,
  { mounted, port, host, noLogin }: ServiceFlags,
  provable: boolean,
  publicPort: number,
): string {
  const path = `${chatPath.replace(/\/+$/, '')}/`;
  const where = [
    ...(mounted ? ['where the app mounted it'] : []),
    ...(provable ? [`at ${path} on the app's port ${publicPort}`] : []),
    ...(port === undefined ? [] : [`at http://${host}:${port}${path}${noLogin ? ' for everybody on this machine' : ''}`]),
  ];
  return `The chat of ${app} is ready ${where.join(' and ')}.`;
}
