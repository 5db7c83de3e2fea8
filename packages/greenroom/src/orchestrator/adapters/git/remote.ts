import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { mayBecomeOthers } from '../../../confine/capabilities.ts';
import { userName } from '../../../confine/users.ts';
import type { GitOptions } from './git.ts';
import { shellQuote } from './names.ts';

/** Where commits come from, with what git needs to reach it. */
export interface Source {
  /** For people and for git: an absolute path or a URL. */
  location: string;
  local: boolean;
  options: GitOptions;
  /** Arguments that go before the location: how the far end is started. */
  arguments: string[];
}

const URL_PROTOCOLS: Record<string, string> = { https: 'https', http: 'http:https', ssh: 'ssh', 'git+ssh': 'ssh', git: 'git' };

/** Understands the operator's `--repo`: a folder, or a URL of a protocol that carries no commands. Undefined for anything else. */
export function parseRemote(remote: string): { location: string; local: boolean; protocols: string } | undefined {
  if (remote === '' || remote.startsWith('-')) return undefined;
  if (remote.startsWith('file://')) return { location: decodeURIComponent(new URL(remote).pathname), local: true, protocols: 'file' };
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(remote)?.[1]?.toLowerCase();
  if (scheme !== undefined) {
    const protocols = URL_PROTOCOLS[scheme];
    return protocols === undefined ? undefined : { location: remote, local: false, protocols };
  }
  if (remote.includes('::')) return undefined;
  // user@host:path, unless a slash comes before the colon.
  if (/^[^/\s-][^/\s]*@[^/\s:]+:/.test(remote)) return { location: remote, local: false, protocols: 'ssh' };
  return { location: resolve(remote), local: true, protocols: 'file' };
}

/**
 * The far end of a local fetch or push runs as the owner of the folder, when we may choose: a folder that somebody else writes is used with
 * nobody's rights but theirs, and what is written there belongs to them. Any commit that the folder has may be asked for, on a branch or not.
 * `settings` are given to the far end alone.
 */
export async function localSource(
  location: string,
  program: 'upload-pack' | 'receive-pack' = 'upload-pack',
  settings: readonly string[] = [],
): Promise<Source> {
  const owner = await stat(location).catch(() => undefined);
  const me = process.getuid?.() ?? -1;
  const words = ['git', ...settings.flatMap((setting) => ['-c', shellQuote(setting)])];
  if (program === 'upload-pack') words.push('-c', 'uploadpack.allowAnySHA1InWant=true');
  if (owner !== undefined && owner.uid !== me) {
    if (mayBecomeOthers()) words.unshift(...(await asOwner(owner)));
    else for (const folder of [location, `${location}/.git`]) words.push('-c', `safe.directory=${shellQuote(folder)}`);
  }
  return { location, local: true, options: { protocols: 'file' }, arguments: [`--${program}=${words.join(' ')} ${program}`] };
}

/** What a program is started through to run as the user, without any way back to more rights. Only root can, and the orchestrator of an isolated app. */
export async function asOwner({ uid, gid }: { uid: number; gid: number }): Promise<string[]> {
  const isKnown = (await userName(uid)) !== '';
  return [
    'setpriv',
    `--reuid=${uid}`,
    `--regid=${gid}`,
    // Some of them it needs to get there.
    isKnown ? '--init-groups' : '--clear-groups',
    '--no-new-privs',
    '--bounding-set=-all',
    '--inh-caps=-all',
    '--ambient-caps=-all',
  ];
}
