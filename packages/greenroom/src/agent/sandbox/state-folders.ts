import { basename, join } from 'node:path';
import { AGENT_PRESETS, type AgentPreset } from '@greenroom/sdk/wire';

/** Where an agent keeps its log-in, its settings and its sessions: names below the home, and below the four folders that the XDG variables name. */
interface State {
  home: readonly string[];
  xdg: readonly string[];
}

const STATE: Record<AgentPreset, State> = {
  opencode: { home: ['.opencode'], xdg: ['opencode'] },
  claude: { home: ['.claude', '.claude.json'], xdg: ['claude'] },
  codex: { home: ['.codex'], xdg: [] },
  gemini: { home: ['.gemini'], xdg: [] },
  pi: { home: ['.pi'], xdg: [] },
  goose: { home: [], xdg: ['goose'] },
};

const XDG: readonly [variable: string, folder: string][] = [
  ['XDG_CONFIG_HOME', '.config'],
  ['XDG_DATA_HOME', '.local/share'],
  ['XDG_STATE_HOME', '.local/state'],
  ['XDG_CACHE_HOME', '.cache'],
];

/** Of languages and their package managers, without what they keep of log-ins. */
const TOOLS = [
  ['.asdf', '.bun', '.cargo/bin', '.cargo/env', '.deno', '.fnm', '.local/bin', '.local/lib', '.local/share/fnm', '.local/share/mise'],
  [
    '.local/share/pipx',
    '.local/share/pnpm',
    '.local/share/uv',
    '.nvm',
    '.pyenv',
    '.rbenv',
    '.rustup',
    '.rvm',
    '.sdkman',
    '.volta',
    'go/bin',
  ],
].flat();

/** What of a person's home an agent that works in their name may write. `id` is a preset, or a command line: then the usual places of its program. */
export function stateFolders(id: string, home: string, env: Record<string, string>): string[] {
  const { home: below, xdg } = isPreset(id) ? STATE[id] : byName(basename(id.split(/\s/)[0] ?? ''));
  const bases = XDG.map(([variable, folder]) => env[variable] || join(home, folder));
  return [...below.map((name) => join(home, name)), ...bases.flatMap((base) => xdg.map((name) => join(base, name)))];
}

/** What of a person's home is to be read, so that programs run. */
export function toolFolders(home: string): string[] {
  return TOOLS.map((name) => join(home, name));
}

function isPreset(id: string): id is AgentPreset {
  return (AGENT_PRESETS as readonly string[]).includes(id);
}

function byName(name: string): State {
  return /^\w[\w-]*$/.test(name) ? { home: [`.${name}`], xdg: [name] } : { home: [], xdg: [] };
}
