import { credentialOptions, environmentCredentials } from './git/credentials.ts';
import type { GitOptions } from './git/git.ts';
import { createGitHub, type GitHub } from './github/github.ts';
import type { GitHubProblem } from './github/problem.ts';
import { readGitHubSettings } from './github/settings.ts';
import { readWebhookSettings } from './github/webhook-settings.ts';
import { listensOn } from './probe/listeners.ts';

const GITHUB_TIMEOUT_MS = 10_000;
/** No repository has this commit, so that asking about it costs GitHub nothing and still needs valid credentials. */
const NO_COMMIT = '0'.repeat(40);

export interface ForgeAccess {
  /** Who to be at the remote, as the orchestrator would be. */
  remote: GitOptions;
  /** Null when nothing of GitHub is set. */
  github: Settings<{ repository: string; problem: GitHubProblem | null }> | null;
  /** Null when no webhook is set. `listening`: the process that was named listens on the port. */
  webhook: Settings<{ repository: string; port: number; listening: boolean }> | null;
}

/** `wrong` is sentences that keep an orchestrator from starting; `note` one that does not. */
type Settings<T> = { ok: true; value: T } | { ok: false; wrong: string[] } | { ok: false; note: string };

/**
 * What an orchestrator with this environment would find of GitHub, webhook and remote, without one: settings, and whether GitHub takes the
 * credentials. Changes nothing. `pid` is the app's orchestrator, when it runs.
 */
export async function examineForge(of: {
  app: string;
  version: string;
  remote: string;
  env: NodeJS.ProcessEnv;
  pid: number | undefined;
}): Promise<ForgeAccess> {
  const { app, version, remote, env, pid } = of;
  const [settings, hook] = await Promise.all([readGitHubSettings(env, remote), readWebhookSettings(env, remote)]);
  const github =
    settings.ok && settings.settings
      ? createGitHub({ settings: settings.settings, app, version, log: () => undefined, timeoutMs: GITHUB_TIMEOUT_MS })
      : null;
  const fromEnvironment = environmentCredentials(remote, env);
  return {
    remote: await credentialOptions(remote, async () => (await github?.gitCredentials()) ?? (await fromEnvironment())),
    github: await describe(),
    webhook: describeWebhook(),
  };

  async function describe(): Promise<ForgeAccess['github']> {
    if (!settings.ok) return { ok: false, wrong: settings.sentences };
    if (!github) return settings.note ? { ok: false, note: settings.note } : null;
    return { ok: true, value: { repository: github.repository, problem: await problemOf(github) } };
  }

  function describeWebhook(): ForgeAccess['webhook'] {
    if (!hook.ok) return { ok: false, wrong: hook.sentences };
    if (!hook.settings) return null;
    const { repository, port } = hook.settings;
    return { ok: true, value: { repository, port, listening: pid !== undefined && listensOn(pid, port) } };
  }
}

async function problemOf(github: GitHub): Promise<GitHubProblem | null> {
  const answer = await github.checks(NO_COMMIT);
  return answer.ok ? null : answer.problem;
}
