import { delimiter, dirname, join } from 'node:path';

/** What programs need to find their way: also the agent's log-in in its home, and the way through a company's proxy. */
const ALLOWED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TZ', 'TMPDIR'];
const ALLOWED_PREFIXES = ['LC_', 'XDG_'];
const NETWORK = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** Below the home, where installers of agents put them; a service's PATH lacks them. */
const HOME_FOLDERS = ['.local/bin', '.opencode/bin', '.npm-global/bin', '.bun/bin'];
const OWN_PREFIX = 'GREENROOM_';

/**
 * The part of an environment that a runner and its agent may have, and the variables named beside it. Nothing of an app instance's own, which a
 * turn may be started from: neither its secrets nor what marks it as the orchestrator's.
 */
export function baseEnvironment(from: NodeJS.ProcessEnv, names: readonly string[] = []): Record<string, string> {
  const base: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || name.startsWith(OWN_PREFIX)) continue;
    const allowed =
      ALLOWED.includes(name) ||
      NETWORK.includes(name.toUpperCase()) ||
      ALLOWED_PREFIXES.some((prefix) => name.startsWith(prefix)) ||
      names.includes(name);
    if (allowed) base[name] = value;
  }
  return { ...base, PATH: searchPath(base) };
}

export interface AgentEnvironment {
  /** Of the runner. */
  from: NodeJS.ProcessEnv;
  /** What the agent needs to work without a person at its side; the contract may say otherwise. */
  program: Record<string, string>;
  /** `agent.env` of the contract. */
  contract: Record<string, string>;
  secrets: Record<string, string>;
  /** Greenroom's own; nothing overrides them. */
  greenroom: Record<string, string>;
  /** Folder put first on the PATH. */
  pathPrefix: string;
}

/** The whole environment of the agent. */
export function agentEnvironment({ from, program, contract, secrets, greenroom, pathPrefix }: AgentEnvironment): Record<string, string> {
  const own = ([name]: [string, string]): boolean => !name.startsWith(OWN_PREFIX);
  const said = Object.fromEntries([...Object.entries(program), ...Object.entries(contract), ...Object.entries(secrets)].filter(own));
  const env = { ...baseEnvironment(from), ...said };
  const path = [pathPrefix, env['PATH'] ?? DEFAULT_PATH].filter((part) => part !== '').join(delimiter);
  return { ...env, ...greenroom, PATH: path };
}

function searchPath(base: Record<string, string>): string {
  const folders = (base['PATH'] ?? DEFAULT_PATH).split(delimiter).filter((folder) => folder.startsWith('/'));
  const home = base['HOME'];
  const more = [...(home ? HOME_FOLDERS.map((folder) => join(home, folder)) : []), dirname(process.execPath)];
  return [...folders, ...more.filter((folder) => !folders.includes(folder))].join(delimiter);
}
