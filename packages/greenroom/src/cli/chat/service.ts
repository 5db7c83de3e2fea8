import { readFile } from 'node:fs/promises';
import { createClient } from '@greenroom/sdk/client';
import { CannotListenError, type ChatService, serveChat } from '../../agent/chat.ts';
import { mayBeginTurn } from '../../agent/limits.ts';
import type { AgentSettings } from '../../agent/settings.ts';
import type { Transcript } from '../../agent/transcript.ts';
import { writesToJournald } from '../../journald.ts';
import type { Layout } from '../../orchestrator/layout.ts';
import { openAssets } from '../../ui-files.ts';
import { type AgentSetup, agentSetup } from '../agent/setup.ts';
import { type Cli, CliError, EXIT } from '../context.ts';
import type { Target } from '../target.ts';
import { readAccess, requireAccess } from './access.ts';
import type { Held } from './hold.ts';

/** How soon a contract that the orchestrator took up is noticed. */
const LOOK_FOR_CONTRACT_MS = 1_000;

export interface ServiceFlags {
  readonly port?: number;
  readonly host: string;
  readonly noLogin: boolean;
  readonly mounted: boolean;
}

/** Serves the chat until `stop` resolves; begins anew when the orchestrator takes up another contract. Throws `CliError`. */
export async function runChat(cli: Cli, target: Target, flags: ServiceFlags, held: Held, stop: Promise<void>): Promise<void> {
  for (;;) {
    const taken = await contractInUse(target.layout);
    const setup = await agentSetup(cli, target);
    setup.openLimits();
    const transcript = await setup.open();
    try {
      const service = await serve(cli, setup, flags, held, transcript);
      const ended = new AbortController();
      const why = await Promise.race([stop.then(() => 'stop' as const), contractChanged(target.layout, taken, ended.signal)]);
      ended.abort();
      await service.close();
      if (why === 'stop') return;
      cli.say('The contract has changed: beginning anew.');
    } finally {
      transcript.close();
    }
  }
}

async function serve(cli: Cli, setup: AgentSetup, flags: ServiceFlags, held: Held, transcript: Transcript): Promise<ChatService> {
  const { layout, contract, settings, target } = setup;
  const access = flags.mounted ? { tokens: null, askApp: null } : await readAccess(target, contract, cli.env);
  const { port, host, noLogin } = flags;
  if (!flags.mounted) requireAccess(access, { noLogin, host, port, secrets: layout.secrets });
  // On the public socket somebody always has to prove who they are: with nothing to prove it by, it is not there.
  const provable = access.tokens !== null || access.askApp !== null;
  const log = (message: string): void =>
    cli.warn(writesToJournald(2, cli.env) ? message : `${new Date().toISOString().slice(11, 19)} ${message}`);
  try {
    const service = await serveChat({
      app: target.app.name,
      chatPath: settings.chat_path,
      agent: await nameOf(setup),
      approval: settings.approval,
      keepDays: settings.keep_days,
      transcript,
      client: createClient({ socket: layout.operatorSocket }),
      assets: openAssets('chat'),
      access,
      listen: {
        ...(provable && held.socket !== undefined ? { socket: held.socket } : {}),
        foreignProxy: contract.router.kind !== 'embedded' || setup.appUser !== null,
        ...(held.appSocket === undefined ? {} : { appSocket: held.appSocket }),
        ...(port === undefined ? {} : { tcp: { host, port, open: noLogin } }),
      },
      mayBeginTurn() {
        const may = mayBeginTurn(transcript, settings, new Date());
        return may.ok ? null : { error: may.problem, retryAfterSeconds: Math.max(1, Math.ceil(may.retryAfterMs / 1000)) };
      },
      startRunner: () => void start(setup, log),
      reap: () => setup.reap(transcript, log),
      log,
    });
    cli.say(readySentence(target.app.name, settings, contract.port, flags, provable));
    return service;
  } catch (error) {
    if (error instanceof CannotListenError) throw new CliError(EXIT.failed, 'cannot_listen', error.message);
    throw error;
  }
}

async function start(setup: AgentSetup, log: (message: string) => void): Promise<void> {
  try {
    const problem = await setup.startRunner();
    if (problem) log(problem);
  } catch (error) {
    // A full disk, say. The turn waits in the transcript, and the service tries again.
    log(`The agent's runner could not be started: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The agent as the chat names it: empty when none was found, which the first turn will say more of. */
async function nameOf({ settings, find }: AgentSetup): Promise<{ name: string; scripted: boolean }> {
  if (/\bgreenroom\S* +demo-agent\b/.test(settings.command)) return { name: 'Demo agent', scripted: true };
  const found = await find();
  return { name: found.ok ? found.agent.name : '', scripted: false };
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
  const { promise, resolve, reject } = Promise.withResolvers<'changed'>();
  const look = async (): Promise<void> => {
    const now = await contractInUse(layout);
    if (now !== taken && now !== '') resolve('changed');
  };
  const timer = setInterval(() => void look().catch(reject), LOOK_FOR_CONTRACT_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  return await promise;
}

function readySentence(
  app: string,
  { chat_path }: Pick<AgentSettings, 'chat_path'>,
  publicPort: number,
  { mounted, port, host, noLogin }: ServiceFlags,
  provable: boolean,
): string {
  const path = `${chat_path.replace(/\/+$/, '')}/`;
  const where = [
    ...(mounted ? ['where the app mounted it'] : []),
    ...(provable ? [`at ${path} on the app's port ${publicPort}`] : []),
    ...(port === undefined ? [] : [`at http://${host}:${port}${path}${noLogin ? ' for everybody on this machine' : ''}`]),
  ];
  return `The chat of ${app} is ready ${where.join(' and ')}.`;
}
