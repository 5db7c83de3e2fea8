import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { basename, delimiter, isAbsolute, join } from 'node:path';
import { AGENT_PRESETS, type AgentPreset } from '@greenroom/sdk/wire';
import { PRESETS, type Preset } from './launch/presets.ts';
import type { AgentSettings } from './settings.ts';

const INTERPRETER = /^(?:node|bun|deno|npx|python[\d.]*|uvx?|ruby|sh|bash)$/;

export { agentEnvironment, baseEnvironment } from './launch/environment.ts';

/** The coding agent of an app, found on this machine. */
export interface AgentProgram {
  /** Tells whose a saved session is: the preset's name, or the command. */
  id: string;
  /** For people. */
  name: string;
  /** Absolute. */
  file: string;
  args: string[];
  environment: Record<string, string>;
  /** Session mode to ask for, when the agent has it. */
  mode: string;
  /** What to do when it is not logged in, as a sentence. */
  login: string;
}

/** `problem`: sentences for a person. */
export type FoundAgent = { ok: true; agent: AgentProgram } | { ok: false; problem: string };

/**
 * Which agent works for the app: the contract's command (`command`, split into words by the caller), its preset, or the first known agent that
 * is installed. `env` is what the agent will be started with.
 */
export async function findAgent(options: {
  settings: Pick<AgentSettings, 'command' | 'preset' | 'permissions'>;
  command: { file: string; args: readonly string[] } | null;
  env: Record<string, string>;
}): Promise<FoundAgent> {
  const { settings, command, env } = options;
  const path = env['PATH'] ?? '';
  if (command) return await byCommand(settings, command, path);
  for (const name of settings.preset ? [settings.preset] : AGENT_PRESETS) {
    const preset = PRESETS[name];
    const file = await findProgram(preset.program, path);
    if (file) return { ok: true, agent: known(name, preset, file, preset.args, settings) };
  }
  return { ok: false, problem: settings.preset ? missingPreset(settings.preset) : missingAll() };
}

/** Absolute path of a program; undefined when there is none to be run. */
export async function findProgram(program: string, path: string): Promise<string | undefined> {
  const places = isAbsolute(program) ? [program] : path.split(delimiter).map((folder) => join(folder, program));
  for (const place of places) if (await isProgram(place)) return place;
  return undefined;
}

async function byCommand(
  settings: Pick<AgentSettings, 'command' | 'permissions'>,
  { file: program, args }: { file: string; args: readonly string[] },
  path: string,
): Promise<FoundAgent> {
  if (program.includes('/') && !isAbsolute(program)) {
    return {
      ok: false,
      problem: `"agent.command" of the contract begins with ${program}: name the agent by its full path, or by a name that is on the PATH.`,
    };
  }
  const file = await findProgram(program, path);
  if (!file) {
    return {
      ok: false,
      problem: `The coding agent was not found: "agent.command" of the contract is "${settings.command}", and there is no program ${program} on this machine.`,
    };
  }
  const name = AGENT_PRESETS.find((preset) => PRESETS[preset].program === basename(program));
  if (name) return { ok: true, agent: known(name, PRESETS[name], file, args, settings) };
  const title = programName(program, args);
  const login = `Log in to ${title} as the user that runs Greenroom, or name the key of its model in "agent.secrets" of the contract.`;
  return { ok: true, agent: { id: settings.command, name: title, file, args: [...args], environment: {}, mode: '', login } };
}

/** Of `node /opt/agent/main.js` the script's, which says more than its interpreter. */
function programName(program: string, args: readonly string[]): string {
  const script = INTERPRETER.test(basename(program)) ? args.find((arg) => !arg.startsWith('-')) : undefined;
  return basename(script ?? program);
}

function known(
  id: AgentPreset,
  preset: Preset,
  file: string,
  args: readonly string[],
  { permissions }: Pick<AgentSettings, 'permissions'>,
): AgentProgram {
  const { name, login, mode = '' } = preset;
  const environment = { ...preset.environment, ...(permissions === 'allow' ? {} : preset.asks) };
  return { id, name, file, args: [...args], environment, mode, login };
}

function missingPreset(name: AgentPreset): string {
  const { name: title, program, install } = PRESETS[name];
  return `${title} was not found: there is no program ${program} on this machine. ${install}`;
}

function missingAll(): string {
  const programs = AGENT_PRESETS.map((name) => PRESETS[name].program).join(', ');
  return `No coding agent was found: none of ${programs} is installed. ${PRESETS.opencode.install}, or set "agent.command" in the contract to a program that speaks the Agent Client Protocol.`;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false;
    throw error;
  }
}
