import { baseEnvironment, findAgent } from '../../agent/launch.ts';
import { AGENT_PRESETS, type AgentPreset } from '../../agent/settings.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';

type Settings = Pick<NonNullable<Contract['agent']>, 'command' | 'preset' | 'permissions' | 'secrets'>;

/** The coding agent as the chat names it: empty when none was found, which the first turn will say more of. */
export async function agentFor(settings: Settings, env: NodeJS.ProcessEnv): Promise<{ name: string; scripted: boolean }> {
  const { command = '', preset, permissions, secrets } = settings;
  const [file = '', ...args] = command.split(/\s+/).filter((word) => word !== '');
  if (args.includes('demo-agent')) return { name: 'Demo agent', scripted: true };
  const found = await findAgent({
    settings: { command, preset: isPreset(preset) ? preset : '', permissions },
    command: file === '' ? null : { file, args },
    env: baseEnvironment(env, secrets),
  });
  return { name: found.ok ? found.agent.name : '', scripted: false };
}

const isPreset = (name: string | undefined): name is AgentPreset => AGENT_PRESETS.some((it) => it === name);
