/** The sandbox of the agent: what it may see of the machine while it works. */
import type { Layer } from '../confine/command.ts';
import { type Available, trySandbox } from '../confine/sandbox/available.ts';
import { sandbox } from '../confine/sandbox/bubblewrap.ts';
import type { OpenSandbox } from './runner/ports.ts';
import { reachable } from './sandbox/reachable.ts';
import { agentMounts, sandboxEnvironment } from './sandbox/view.ts';
import type { AgentPaths, AgentSettings } from './settings.ts';

export interface SandboxOptions {
  paths: AgentPaths;
  settings: Pick<AgentSettings, 'env' | 'readable' | 'sandbox' | 'writable'>;
  log(message: string): void;
  /** What leads to the agent's own user; empty where it has none. */
  as?: readonly Layer[];
}

/** Sandboxes for turns of the app's agent, as the contract wants them. */
export function createSandbox({ paths, settings, log, as = [] }: SandboxOptions): OpenSandbox {
  return async ({ agent, env }) => {
    const open = { layers: [], sandboxed: false, env };
    if (settings.sandbox === 'off') return open;
    const available = await trySandbox(as);
    if (!available.ok) {
      if (settings.sandbox === 'require') return { problem: requiredSentence(available) };
      log(missingSentence(available));
      return open;
    }
    const inside = sandboxEnvironment(env, settings);
    const mounts = await reachable(await agentMounts({ agent, settings, paths, env: inside, isOther: as.length > 0 }), as);
    const layer = sandbox({ mounts, cwd: paths.workspace, hostNetwork: true, doors: [], holds: true });
    return { layers: [layer], sandboxed: true, env: inside };
  };
}

/** For whoever looks after the machine. */
export function missingSentence({ lacks, remedy }: Extract<Available, { ok: false }>): string {
  return `The agent works without a sandbox, because ${lacks}. ${remedy}`;
}

function requiredSentence({ lacks, remedy }: Extract<Available, { ok: false }>): string {
  return `The contract wants a sandbox for the agent ("agent.sandbox" is "require"), and ${lacks}. ${remedy}`;
}
