import { createMasker } from '../../masking/masker.ts';
import { type AgentLink, AgentProblem, cancel, greet, messageOf, openSession, prompt } from '../acp/connect.ts';
import { type AgentProgram, agentEnvironment } from '../launch.ts';
import type { Turn } from '../transcript.ts';
import { type AgentProcess, startAgent } from './agent-process.ts';
import { watchAttempts } from './attempts.ts';
import { type CommitWatch, watchCommits } from './commits.ts';
import { Decided, type Fate, type Verdict } from './fate.ts';
import type { RunnerOptions } from './options.ts';
import { createPermissions, type Permissions } from './permissions.ts';
import type { PreparedWorkspace, Tools, TurnPlace } from './ports.ts';
import { promptBlocks } from './prompt.ts';
import { summarise } from './summary.ts';
import { oneLine } from './text.ts';
import { createToolMapper } from './tool.ts';
import { TURN_VARIABLE } from './tree.ts';
import { writeTurnFile } from './turn-file.ts';
import { openTurnLimits, type TurnLimits } from './turn-limits.ts';
import { createUpdates } from './updates.ts';
import { createWriter, type Writer } from './writer.ts';

/** How long an agent may take to end its prompt after it was asked to stop. */
const CANCEL_MS = 5_000;
const MAX_LEFT_SHOWN = 5;

/**
 * One turn of the agent from its first process to its last: whatever happens, the processes are gone and all that was said is on disk when this
 * resolves. Answers how it ended.
 */
export async function workTurn(
  options: RunnerOptions,
  turn: Turn,
  fate: Fate,
  onPermissions: (permissions: Permissions) => void,
): Promise<void> {
  const place: TurnPlace = { conversation: turn.conversation, turn: turn.id };
  const { transcript, workspace, log } = options;
  if (!options.agent.ok) return fate.decide({ status: 'failed', detail: options.agent.problem });
  const { agent } = options.agent;

  const prepared = await workspace.prepare(place);
  if (!prepared.ok) return fate.decide({ status: 'failed', detail: prepared.problem });
  if (fate.verdict()) return;
  const tools = await options.openTools(place);
  const masker = createMasker([...Object.values(options.secrets), ...(options.hidden ?? []), ...tools.secrets]);
  const writer = createWriter({
    transcript,
    place,
    masker,
    onBroken(error) {
      log(`The transcript cannot be written: ${messageOf(error)}`);
      fate.decide({ status: 'failed', detail: `What the agent does could not be recorded (${messageOf(error)}), so it was stopped.` });
    },
  });
  const attempts = watchAttempts({ socket: options.paths.agentSocket, transcript, place, masker, log });
  const toolMapper = createToolMapper(workspace.path);
  const permissions = createPermissions({ policy: options.settings.permissions, writer, tools: toolMapper });
  onPermissions(permissions);
  let commits: CommitWatch | undefined;
  let process: AgentProcess | undefined;
  let limits: TurnLimits | undefined;
  try {
    for (const { level, text } of prepared.notes) writer.notice(level, text);
    commits = watchCommits({ workspace, head: (await workspace.state()).head, writer, log });
    const sandbox = await options.openSandbox({ agent, env: environment(options, agent, prepared, tools, place) });
    if ('problem' in sandbox) return fate.decide({ status: 'failed', detail: sandbox.problem });
    const { limiter, workspaceMb } = options;
    limits = openTurnLimits({ limiter, workspaceMb, workspace: workspace.path, turn: turn.id, fate, writer });
    const layers = [...(options.confined?.layers ?? []), ...sandbox.layers];
    const started = await startAgent({ agent, cwd: workspace.path, turn: turn.id, masker, log, limits, ...sandbox, layers });
    if (typeof started === 'string') return fate.decide({ status: 'failed', detail: started });
    process = started;
    await limits.watch(started.pids);
    await writeTurnFile(options.paths.agentTurn, {
      ...options.self,
      ...place,
      agent: { pid: started.pid, start_ticks: started.startTicks },
    });
    const updates = createUpdates({ writer, tools: toolMapper, onToolDone: commits.look });
    await converse({ options, turn, fate, agent, process, prepared, tools, writer, permissions, updates });
  } catch (error) {
    if (error instanceof Decided) return;
    fate.decide({ status: 'failed', detail: await explain(error, agent, process) });
  } finally {
    permissions.close();
    const left = (await process?.stop()) ?? [];
    tellLeft(writer, left);
    await limits?.close();
    writer.flush();
    await commits?.close();
    await attempts.close();
    await tools.close();
    // Agents forget to say that a call is over; nothing of it is shown as if it went on.
    const status = fate.verdict()?.status === 'completed' ? 'completed' : 'failed';
    for (const call of toolMapper.open()) writer.tool({ kind: 'tool', call, status });
    for (const { level, text } of await workspace.close(place)) writer.notice(level, text);
  }
}

interface Conversation {
  options: RunnerOptions;
  turn: Turn;
  fate: Fate;
  agent: AgentProgram;
  process: AgentProcess;
  prepared: Extract<PreparedWorkspace, { ok: true }>;
  tools: Tools;
  writer: Writer;
  permissions: Permissions;
  updates: ReturnType<typeof createUpdates>;
}

/** Greets the agent, takes its session up, sends the message and waits for the end. */
async function converse(all: Conversation): Promise<void> {
  const { options, turn, fate, agent, process, prepared, tools, writer, permissions, updates } = all;
  const { transcript, workspace, log } = options;
  const died = process.exited.then((how) => {
    throw new AgentExit(how);
  });
  died.catch(() => undefined);
  const wait = <T>(work: Promise<T>): Promise<T> => fate.race(Promise.race([died, work]));

  const link = await wait(greet(process.stream, { update: updates.take, permission: permissions.ask }));
  const can = link.about.agentCapabilities?.mcpCapabilities;
  const server = tools.mcpServer({ http: can?.http === true, sse: can?.sse === true });
  const known = transcript.session(turn.conversation);
  const session = await wait(
    openSession(link, {
      cwd: workspace.path,
      mcpServers: server ? [server] : [],
      saved: known?.agent === agent.id ? known.session : null,
      mode: agent.mode,
      replaying: updates.replaying,
      log,
    }),
  );
  if (!session.resumed) transcript.saveSession(turn.conversation, { agent: agent.id, session: session.id });
  const summary = session.resumed ? '' : summarise(transcript, turn.conversation, turn.id);
  const kind = session.resumed ? 'resumed' : summary === '' ? 'new' : 'summarised';
  writer.put({ kind: 'turn', status: 'running', detail: '', agent: nameOf(agent, link), session: kind });
  if (kind === 'summarised')
    writer.notice('info', `${agent.name} has no memory of this conversation any more and was given a summary of it.`);

  const place = { conversation: turn.conversation, turn: turn.id };
  const instructions = session.resumed ? '' : await options.instructions({ ...place, hasTools: server !== null });
  const blocks = promptBlocks({ instructions, summary, turn, prepared, transcript, resumed: session.resumed });
  const answered = prompt(link, session.id, blocks);
  answered.catch(() => undefined);
  try {
    fate.decide(verdictOf(await wait(answered), agent));
  } catch (error) {
    if (error instanceof Decided) await takeBack(link, session.id, answered, permissions);
    throw error;
  }
}

/** The turn is over before the agent is: it is asked to stop, and given a moment to. */
async function takeBack(link: AgentLink, session: string, answered: Promise<string>, permissions: Permissions): Promise<void> {
  permissions.close();
  await cancel(link, session);
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, CANCEL_MS);
  await Promise.race([promise, answered.catch(() => undefined)]);
  clearTimeout(timer);
}

function verdictOf(stopReason: string, agent: AgentProgram): Verdict {
  if (stopReason === 'end_turn') return { status: 'completed', detail: '' };
  if (stopReason === 'cancelled') return { status: 'cancelled', detail: `${agent.name} stopped its work.` };
  if (stopReason === 'refusal') return { status: 'failed', detail: `The model of ${agent.name} refused to go on with this.` };
  if (stopReason === 'max_tokens' || stopReason === 'max_turn_requests') {
    return { status: 'limited', detail: `${agent.name} ran into a limit of its own (${stopReason}). Write to it to go on.` };
  }
  return { status: 'completed', detail: `${agent.name} stopped: ${oneLine(stopReason, 100)}.` };
}

function environment(
  options: RunnerOptions,
  agent: AgentProgram,
  prepared: Conversation['prepared'],
  tools: Tools,
  place: TurnPlace,
): Record<string, string> {
  return agentEnvironment({
    from: options.confined?.env ?? options.env,
    program: agent.environment,
    contract: options.settings.env,
    secrets: options.secrets,
    greenroom: {
      ...prepared.environment,
      ...tools.environment.variables,
      [TURN_VARIABLE]: place.turn,
      GREENROOM_CONVERSATION: place.conversation,
      GREENROOM_AGENT_SOCKET: options.paths.agentSocket,
      GREENROOM_CONTRACT: options.paths.contractCopy,
    },
    pathPrefix: tools.environment.pathPrefix,
  });
}

class AgentExit extends Error {}

/** Why the agent could not be worked with, and what to do, in sentences. */
async function explain(error: unknown, agent: AgentProgram, process: AgentProcess | undefined): Promise<string> {
  const words = process?.lastWords() ?? [];
  const said = words.length > 0 ? ` Its last words: ${words.slice(-3).join(' · ')}` : '';
  if (error instanceof AgentProblem) {
    if (error.kind === 'auth') return `${agent.name} is not logged in. ${agent.login}`;
    if (error.kind === 'refused') return `${agent.name} could not go on: ${oneLine(error.message, 500)}.${said}`;
    const hint = error.kind === 'silent' ? ' Is it a program that speaks the Agent Client Protocol?' : ' Install versions that fit.';
    return `${agent.name} cannot be worked with: ${error.message}.${hint}${said}`;
  }
  // The end of its output comes a moment before the news of its exit, which says more.
  if (error instanceof AgentExit || process) {
    const how = error instanceof AgentExit ? error.message : await soon(process?.exited);
    if (how !== '') return `${agent.name} ended in the middle of its work: it ${how}.${said} "greenroom doctor" checks the agent.`;
  }
  return `${agent.name} broke off: ${oneLine(messageOf(error), 500)}.${said}`;
}

async function soon(exited: Promise<string> | undefined): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(''), 500);
  const how = await Promise.race([promise, exited ?? '']);
  clearTimeout(timer);
  return how;
}

function nameOf(agent: AgentProgram, { about }: AgentLink): string {
  const { title, version } = about.agentInfo ?? {};
  const name = title ? title : agent.name;
  return oneLine(version ? `${name} ${version}` : name, 100);
}

function tellLeft(writer: Writer, left: readonly string[]): void {
  if (left.length === 0) return;
  const shown = left.slice(0, MAX_LEFT_SHOWN).join('; ');
  const more = left.length > MAX_LEFT_SHOWN ? ` and ${left.length - MAX_LEFT_SHOWN} more` : '';
  writer.notice('info', `The agent had left running, and Greenroom ended: ${shown}${more}. Nothing that a turn starts outlives it.`);
}
