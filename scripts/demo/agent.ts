import { tryAgent } from '../../packages/greenroom/src/agent/examine.ts';
import { baseEnvironment, findAgent } from '../../packages/greenroom/src/agent/launch.ts';
import { AGENT_PRESETS } from '../../packages/sdk/src/wire.ts';

export const AGENTS = ['scripted', 'auto', ...AGENT_PRESETS] as const;
export type AgentChoice = (typeof AGENTS)[number];

/** Keys of models: whoever chooses an agent of their own wants it to have those that are there. */
const MODEL_KEYS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_API_KEY', 'OPENROUTER_API_KEY'];

export function isAgentChoice(name: string): name is AgentChoice {
  return (AGENTS as readonly string[]).includes(name);
}

/** The contract's `agent`. */
export function agentOf(choice: AgentChoice, env: NodeJS.ProcessEnv): Record<string, unknown> {
  if (choice === 'scripted') return { command: 'greenroom demo-agent' };
  return { ...(choice === 'auto' ? {} : { preset: choice }), secrets: Object.keys(keysIn(env)) };
}

/** Why the agent cannot work, and what to do, in sentences; empty when it can. It is started in the folder; no model is asked. */
export async function problemOfAgent(choice: AgentChoice, env: NodeJS.ProcessEnv, folder: string): Promise<string> {
  if (choice === 'scripted') return '';
  const settings = { command: '', preset: choice === 'auto' ? ('' as const) : choice, permissions: 'allow' as const, env: {} };
  const found = await findAgent({ settings, command: null, env: baseEnvironment(env) });
  if (!found.ok) return found.problem;
  const tried = await tryAgent({ agent: found.agent, settings, secrets: keysIn(env), env, folder });
  return tried.ok ? '' : `${found.agent.name}: ${tried.problem}. ${tried.remedy}`;
}

function keysIn(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(MODEL_KEYS.map((name) => [name, env[name] ?? '']).filter(([, value]) => value !== ''));
}
