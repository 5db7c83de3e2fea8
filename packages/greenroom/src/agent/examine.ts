import { randomBytes } from 'node:crypto';
import type { Layer } from '../confine/command.ts';
import { createMasker } from '../masking/masker.ts';
import { AgentProblem, greet, messageOf, openSession } from './acp/connect.ts';
import { type AgentProgram, agentEnvironment } from './launch.ts';
import { startAgent } from './runner/agent-process.ts';
import { oneLine } from './runner/text.ts';
import { TURN_VARIABLE } from './runner/tree.ts';
import type { AgentSettings } from './settings.ts';

const TRY_MS = 15_000;

/** `problem` is a phrase, `remedy` a sentence. `version` is empty when it did not say. */
export type Tried = { version: string } & ({ ok: true } | { ok: false; problem: string; remedy: string });

/** Starts the agent in an empty folder, opens a session and ends it again: no message is sent and no model asked. */
export async function tryAgent(options: {
  agent: AgentProgram;
  settings: Pick<AgentSettings, 'env'>;
  secrets: Record<string, string>;
  env: NodeJS.ProcessEnv;
  folder: string;
  /** What the agent is started within. */
  layers?: readonly Layer[];
  timeoutMs?: number;
}): Promise<Tried> {
  const { agent, settings, secrets, folder, layers = [], timeoutMs = TRY_MS } = options;
  const turn = `doctor-${randomBytes(9).toString('hex')}`;
  const env = agentEnvironment({
    from: options.env,
    program: agent.environment,
    contract: settings.env,
    secrets,
    greenroom: { [TURN_VARIABLE]: turn },
    pathPrefix: '',
  });
  const masker = createMasker(Object.values(secrets));
  const process = await startAgent({ agent, cwd: folder, env, turn, masker, log: () => undefined, layers });
  if (typeof process === 'string') return { version: '', ok: false, problem: 'cannot be started', remedy: process };
  let version = '';
  try {
    const died = process.exited.then((how) => {
      throw new AgentProblem('refused', `it ${how}`);
    });
    const listener = { update: () => undefined, permission: async () => ({ outcome: { outcome: 'cancelled' as const } }) };
    const attempt = async (): Promise<void> => {
      const link = await greet(process.stream, listener, timeoutMs);
      version = oneLine(link.about.agentInfo?.version ?? '', 50);
      const wish = { cwd: folder, mcpServers: [], saved: null, mode: '', replaying: () => undefined, log: () => undefined };
      await openSession(link, wish, timeoutMs);
    };
    await Promise.race([died, attempt()]);
    return { version, ok: true };
  } catch (error) {
    return { version, ok: false, ...problemOf(error, agent, process.lastWords()) };
  } finally {
    await process.stop();
  }
}

function problemOf(error: unknown, agent: AgentProgram, words: readonly string[]): { problem: string; remedy: string } {
  if (error instanceof AgentProblem && error.kind === 'auth') return { problem: 'not logged in', remedy: agent.login };
  const said = words.length > 0 ? ` Its last words: ${words.slice(-3).join(' · ')}` : '';
  const problem = oneLine(messageOf(error), 300);
  const remedy = `Run ${[agent.file, ...agent.args].join(' ')} by hand to see what it wants; it should speak the Agent Client Protocol.${said}`;
  return { problem, remedy };
}
