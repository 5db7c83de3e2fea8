import { AGENT_PRESETS } from '../../packages/greenroom/src/agent/settings.ts';

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
  const secrets = MODEL_KEYS.filter((name) => env[name]);
  return { ...(choice === 'auto' ? {} : { preset: choice }), ...(secrets.length > 0 ? { secrets } : {}) };
}
