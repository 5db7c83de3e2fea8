import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { INSTANCE_ENV } from '@greenroom/sdk/wire';

const ALLOWED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TZ', 'TMPDIR', 'NODE_ENV'];
const ALLOWED_PREFIX = 'LC_';
const RESERVED: readonly string[] = Object.values(INSTANCE_ENV);
const RESERVED_PREFIX = 'GREENROOM_';
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface AppEnvironment {
  slotDirectory: string;
  /** The orchestrator's own environment, of which a short list passes. */
  from: NodeJS.ProcessEnv;
  /** Folder of a `node` that is found when there is no other; empty for none. That of the running Node when left out. */
  nodeFolder?: string;
  /** `env` of the contract. */
  contractEnv: Record<string, string>;
  secrets?: Record<string, string>;
  /** Added to `NODE_OPTIONS` of contract and secrets. */
  nodeOptions?: string;
  /** Greenroom's own variables; nothing overrides them. */
  greenroom: Record<string, string>;
}

/**
 * The whole environment of a process of the app: allow-list, then contract, then secrets, then Greenroom's. Names that Greenroom owns are
 * taken from nobody else, also those that this process is not given (`INTERNAL_PORT` of an app with one listener).
 */
export function appEnvironment({
  slotDirectory,
  from,
  nodeFolder = dirname(process.execPath),
  contractEnv,
  secrets = {},
  nodeOptions = '',
  greenroom,
}: AppEnvironment): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value !== undefined && (ALLOWED.includes(name) || name.startsWith(ALLOWED_PREFIX))) env[name] = value;
  }
  for (const [name, value] of [...Object.entries(contractEnv), ...Object.entries(secrets)]) {
    if (!isReserved(name)) env[name] = value;
  }
  env['PATH'] = executablePath(slotDirectory, env['PATH'] ?? DEFAULT_PATH, nodeFolder);
  if (nodeOptions !== '') env['NODE_OPTIONS'] = `${env['NODE_OPTIONS'] ?? ''} ${nodeOptions}`.trimStart();
  return { ...env, ...greenroom };
}

function isReserved(name: string): boolean {
  return RESERVED.includes(name) || name.startsWith(RESERVED_PREFIX);
}

/** The slot's own tools first; the folder of the running Node last, so that `node` is always found but another choice of the operator wins. */
function executablePath(slotDirectory: string, base: string, node: string): string {
  const own = [join(slotDirectory, 'node_modules', '.bin'), join(slotDirectory, '.venv', 'bin')].filter((folder) => existsSync(folder));
  const folders = [...own, ...base.split(delimiter).filter((folder) => folder !== '')];
  if (node !== '' && !folders.includes(node)) folders.push(node);
  return folders.join(delimiter);
}
