import { mkdir } from 'node:fs/promises';
import { baseEnvironment, type FoundAgent, findAgent } from '../../agent/launch.ts';
import { type ReapOptions, reap } from '../../agent/reap.ts';
import type { Workspace } from '../../agent/runner/ports.ts';
import type { AgentSettings } from '../../agent/settings.ts';
import { startRunner } from '../../agent/start.ts';
import { openTranscript, type Transcript } from '../../agent/transcript.ts';
import { askToFetch, createWorkspace } from '../../agent/workspace.ts';
import { type Confined, type Confinement, openConfinement } from '../../confine/confinement.ts';
import type { Limiter } from '../../confine/limiter.ts';
import { openLimiters } from '../../confine/limiters.ts';
import type { User } from '../../confine/users.ts';
import { proxyName } from '../../home.ts';
import { readContract } from '../../orchestrator/adapters/contract-file.ts';
import { parseStartCommand, type StartCommand } from '../../orchestrator/adapters/instances/start-command.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import type { Layout } from '../../orchestrator/layout.ts';
import { type Cli, CliError, EXIT } from '../context.ts';
import { greenroomCommand } from '../own-command.ts';
import type { Target } from '../target.ts';

const OWN_PROGRAM = 'greenroom';
const OWN_AGENT = 'Demo agent';

/** The coding agent of an app, put together from its contract: what every command about it needs. */
export interface AgentSetup {
  target: Target;
  layout: Layout;
  contract: Contract;
  settings: AgentSettings;
  workspace: Workspace;
  /** What the agent is started within. */
  confined: Confined;
  /** Whose the app's instances are; null while they run as this process's own user. */
  appUser: User | null;
  /** Of what the contract lets the agent use. Moves this process aside where control groups want that: for what starts agents, or starts who does. */
  openLimits(): Limiter;
  /** Which agent it is, as it would be started now. */
  find(): Promise<FoundAgent>;
  /** The transcript, its folder made when it is missing. Close it. */
  open(): Promise<Transcript>;
  /** Starts a process that takes the next turn. Answers a problem as a sentence, or an empty string. */
  startRunner(): Promise<string>;
  /** Ends the turn of a runner that died, and goes on with what waits. */
  reap(transcript: Transcript, log: (message: string) => void): Promise<void>;
}

/** Throws `CliError` when the contract cannot be used or has no agent. */
export async function agentSetup(cli: Cli, target: Target): Promise<AgentSetup> {
  const { app, layout } = target;
  const read = await readContract(app.contract);
  if (!read.ok) throw new CliError(EXIT.failed, 'contract_invalid', ['The contract cannot be used:', ...read.sentences].join('\n'));
  const { contract } = read;
  const settings = agentSettings(contract);
  if (!settings) {
    const message = `"${app.name}" has no coding agent: add "agent": {} to ${app.contract}, then see "greenroom doctor".`;
    throw new CliError(EXIT.failed, 'no_agent', message);
  }
  const { agent: confined, users } = await confinementOf(contract, cli);
  const workspace = createWorkspace({
    paths: layout,
    humanBranch: contract.human_branch,
    agentBranch: contract.agent_branch,
    author: { name: settings.author_name, email: settings.author_email },
    agentEnvironment: settings.env,
    ...(users?.agent && { owner: users.agent }),
    refresh: () => askToFetch(layout.agentSocket, contract.human_branch),
  });
  const start = async (): Promise<string> => {
    const started = await startRunner({
      command: greenroomCommand(),
      data: app.data,
      env: cli.env,
      secrets: [...settings.secrets, 'CREDENTIALS_DIRECTORY'],
    });
    return started.ok ? '' : started.problem;
  };
  return {
    target,
    layout,
    contract,
    settings,
    workspace,
    confined,
    appUser: users?.app ?? null,
    openLimits: () =>
      openLimiters({
        rules: contract.limits,
        key: proxyName(app.name, app.data),
        env: cli.env,
        ownUser: contract.agent?.run_as ? ['agent'] : [],
      }).agent,
    find: () => findInstalledAgent(settings, confined.env),
    open: () => openAgentTranscript(layout),
    startRunner: start,
    async reap(transcript, log) {
      const options: ReapOptions = { transcript, paths: layout, workspace, log };
      const ended = await reap(options);
      if (!ended || transcript.queued().length === 0) return;
      const problem = await start();
      if (problem) log(problem);
    },
  };
}

/** Throws `CliError` when the contract names users that the agent cannot be started as. */
async function confinementOf(contract: Contract, { env }: Pick<Cli, 'env'>): Promise<Confinement> {
  const confinement = await openConfinement(contract, env);
  if ('sentences' in confinement) throw new CliError(EXIT.failed, 'users_refused', confinement.sentences.join('\n'));
  return confinement;
}

/** What the contract says of the agent; undefined without one. */
export function agentSettings({ agent }: Contract): AgentSettings | undefined {
  return (
    agent && { ...agent, command: agent.command ?? '', preset: agent.preset ?? '', authorize_endpoint: agent.authorize_endpoint ?? '' }
  );
}

export async function findInstalledAgent(settings: AgentSettings, env: NodeJS.ProcessEnv): Promise<FoundAgent> {
  const command = settings.command === '' ? null : parseStartCommand(settings.command);
  const found = await findAgent({ settings, command: command && ownProgram(command), env: { ...baseEnvironment(env), ...settings.env } });
  return found.ok && command?.file === OWN_PROGRAM ? { ok: true, agent: { ...found.agent, name: OWN_AGENT } } : found;
}

/** `greenroom …` is this Greenroom, wherever it is installed. */
function ownProgram({ file, args }: StartCommand): StartCommand {
  if (file !== OWN_PROGRAM) return { file, args };
  const [program = file, ...first] = greenroomCommand();
  return { file: program, args: [...first, ...args] };
}

async function openAgentTranscript(layout: Layout): Promise<Transcript> {
  await mkdir(layout.agent, { recursive: true, mode: 0o750 });
  return openTranscript(layout.transcript);
}
