import { lstat, mkdir, stat, unlink } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import type { Mount } from '../../confine/sandbox/bubblewrap.ts';
import { findPrograms } from '../../confine/sandbox/programs.ts';
import { isSoftware, systemMounts } from '../../confine/sandbox/system.ts';
import type { AgentProgram } from '../launch.ts';
import type { SandboxedTurn } from '../runner/ports.ts';
import type { AgentPaths, AgentSettings } from '../settings.ts';
import { COMMAND } from '../tools/launcher.ts';
import { gitPlace } from '../workspace/place.ts';
import { repositoryMounts } from './repository.ts';
import { stateFolders, toolFolders } from './state-folders.ts';

export interface Seen extends SandboxedTurn {
  settings: Pick<AgentSettings, 'env' | 'readable' | 'writable'>;
  paths: AgentPaths;
  /** The agent is another user, who may not read the orchestrator's repository: its branches are brought to the clone. */
  isOther?: boolean;
}

/**
 * What a turn's agent gets to see: the machine's software, itself and the programs on its PATH, its workspace and its home to write, the contract's copy, the way
 * to the orchestrator's socket, and what the contract names.
 */
export async function agentMounts({ agent, settings, paths, env, isOther = false }: Seen): Promise<Mount[]> {
  const home = env['HOME'] || userInfo().homedir;
  const find = findPrograms([home, userInfo().homedir, paths.data]);
  const scripts = [agent.file, ...agent.args.filter(isAbsolute), ...COMMAND];
  const programs = (await Promise.all([...scripts.map(find.of), find.on(env['PATH'] ?? '')])).flat();
  const { hooks, trailers } = gitPlace(paths);
  const door = dirname(paths.agentDoor);
  await mkdir(door, { recursive: true, mode: 0o711 });
  return [
    ...systemMounts(),
    ...reading(programs),
    ...(await homeMounts(agent, home, paths, env)),
    { kind: 'empty', at: paths.data, closed: true },
    { kind: 'write', at: paths.workspace },
    ...(isOther ? [] : await repositoryMounts(paths)),
    ...reading([dirname(paths.contractCopy), join(paths.run, 'agent-bin'), hooks, trailers, door]),
    { kind: 'link', at: paths.agentSocket, to: paths.agentDoor },
    ...(await named(settings, paths, home)),
  ];
}

/** The environment as it is in there: what names places that are not there is left out. */
export function sandboxEnvironment(env: Record<string, string>, settings: Pick<AgentSettings, 'env'>): Record<string, string> {
  const { XDG_RUNTIME_DIR: _runtime, TMPDIR: _temporary, ...rest } = env;
  return { ...rest, TMPDIR: settings.env['TMPDIR'] ?? '/tmp' };
}

/** A home of the agent's own is all its own. Of a person's it gets what it keeps there, and the rest from a folder in the data directory. */
async function homeMounts(agent: AgentProgram, home: string, paths: AgentPaths, env: Record<string, string>): Promise<Mount[]> {
  if (home !== userInfo().homedir) return [{ kind: 'write', at: home }];
  const own = join(paths.data, 'agent-home');
  await mkdir(own, { recursive: true, mode: 0o700 });
  const kept = await present(stateFolders(agent.id, home, env));
  const tools = await present(toolFolders(home));
  for (const path of [...kept, ...tools]) await clearWay(own, home, path);
  return [{ kind: 'write', at: home, from: own }, ...reading(tools), ...kept.map((at): Mount => ({ kind: 'write', at }))];
}

/** A link that an agent left in its home would lead a mount elsewhere. */
async function clearWay(own: string, home: string, path: string): Promise<void> {
  if (!path.startsWith(`${home}/`)) return;
  let at = own;
  for (const part of path.slice(home.length + 1).split('/')) {
    at = join(at, part);
    const found = await lstat(at).catch(() => undefined);
    if (found === undefined) return;
    if (found.isSymbolicLink()) return await unlink(at);
  }
}

/** What the contract names: folders and files to read or write, and folders that the agent's variables lead to. */
async function named({ env, readable, writable }: Seen['settings'], paths: AgentPaths, home: string): Promise<Mount[]> {
  const resolve = (path: string): string => (path.startsWith('~/') ? join(home, path.slice(2)) : path);
  const folders = await present(Object.values(env).filter((value) => isAbsolute(value) && !isSoftware(value)));
  const kept = [home, userInfo().homedir, paths.data];
  const isOurs = (folder: string): boolean =>
    folder.startsWith(`${paths.data}/`) || kept.some((own) => `${own}/`.startsWith(`${folder.replace(/\/$/, '')}/`));
  return [
    ...folders.filter((folder) => !isOurs(folder)).map((at): Mount => ({ kind: 'write', at })),
    ...reading(readable.map(resolve)),
    ...writable.map(resolve).map((at): Mount => ({ kind: 'write', at })),
  ];
}

function reading(paths: readonly string[]): Mount[] {
  return paths.map((at) => ({ kind: 'read', at }));
}

async function present(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  return paths.filter((_, index) => found[index] !== undefined);
}
