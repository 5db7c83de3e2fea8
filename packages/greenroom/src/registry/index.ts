import { access, mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeDurably } from '../orchestrator/adapters/durable.ts';
import { layoutOf } from '../orchestrator/layout.ts';

/** One app of this machine, as `<home>/registry/<name>.json` has it. */
export interface RegisteredApp {
  name: string;
  /** Data directory, absolute. */
  data: string;
  /** Absolute path or URL of the repository that is deployed. */
  repo: string;
  /** Path of the operator's contract, absolute. */
  contract: string;
  api_port: number;
}

export interface Registry {
  apps: RegisteredApp[];
  /** Files that are no valid entries; they are skipped, never deleted. */
  broken: { file: string; problem: string }[];
}

export const APP_NAME = /^[a-z0-9][a-z0-9-]*$/;
export const APP_NAME_RULE = 'small letters, digits and dashes, beginning with a letter or digit';

/** Writes the entry, and the same as `app.json` into the data directory. Durable and repeatable. Throws `TypeError` on a bad name. */
export async function registerApp(home: string, app: RegisteredApp): Promise<void> {
  if (!APP_NAME.test(app.name)) throw new TypeError(`"${app.name}" is not a name for an app: ${APP_NAME_RULE}`);
  const text = `${JSON.stringify(app, null, 2)}\n`;
  for (const file of [layoutOf(app.data).app, join(registryDirectory(home), `${app.name}.json`)]) {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeDurably(file, text);
  }
}

/** All apps, by name. */
export async function listApps(home: string): Promise<Registry> {
  const registry: Registry = { apps: [], broken: [] };
  for (const file of await entries(registryDirectory(home))) {
    const app = await readEntry(file);
    if (typeof app === 'string') registry.broken.push({ file, problem: app });
    else if (`${app.name}.json` !== basename(file)) registry.broken.push({ file, problem: `it is the entry of "${app.name}"` });
    else registry.apps.push(app);
  }
  return registry;
}

/** The entry, or a phrase that says what is wrong with it. */
export async function readEntry(file: string): Promise<RegisteredApp | string> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    return error instanceof SyntaxError ? 'it is not valid JSON' : `it cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
  if (typeof value !== 'object' || value === null) return 'it is not an object';
  const { name, data, repo, contract, api_port } = value as Record<string, unknown>;
  if (typeof name !== 'string' || !APP_NAME.test(name)) return '"name" is missing or not a name';
  if (typeof data !== 'string' || !data.startsWith('/')) return '"data" is missing or not an absolute path';
  if (typeof repo !== 'string') return '"repo" is missing';
  if (typeof contract !== 'string') return '"contract" is missing';
  if (typeof api_port !== 'number' || !Number.isInteger(api_port)) return '"api_port" is missing or not a number';
  return { name, data, repo, contract, api_port };
}

export async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

function registryDirectory(home: string): string {
  return join(home, 'registry');
}

async function entries(directory: string): Promise<string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => name.endsWith('.json') && !name.startsWith('.'))
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
