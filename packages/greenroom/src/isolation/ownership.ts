import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Layout } from '../orchestrator/layout.ts';
import { type Owners, type Place, privateTrees, treesOf } from './places.ts';

const run = promisify(execFile);
const OPTIONS = { cwd: '/', maxBuffer: 1024 * 1024 };
const SHOWN = 3;

/** One change that is needed, as a phrase for people. `make` is repeatable. */
export interface Change {
  says: string;
  make(): Promise<void>;
}

/** What lies in the trees of the users and is not theirs yet. No link is followed, none in the trees and none that a tree itself is. */
export async function ownershipChanges(layout: Layout, owners: Owners): Promise<Change[]> {
  const changes: Change[] = [];
  for (const { path, uid, gid } of treesOf(layout, owners)) {
    // What setup made in a slot is its own; what root made is as good as the orchestrator's.
    const others = [
      ...new Set([uid, ...(uid === owners.orchestrator.uid ? [0] : []), ...(gid === owners.setup.gid ? [owners.setup.uid] : [])]),
    ];
    const foreign = ['(', ...others.flatMap((each) => ['!', '-uid', String(each)]), '-o', '!', '-gid', String(gid), ')'];
    const own = uid === owners.orchestrator.uid && gid !== owners.setup.gid ? foreign.slice(0, foreign.indexOf('-o')).concat(')') : foreign;
    if ((await find(path, [...own, '-print', '-quit'])) === '') continue;
    changes.push({
      says: `give ${path} and what is in it to ${uid}:${gid}`,
      make: async () => void (await run('chown', ['-R', '-P', '-h', '--', `${uid}:${gid}`, path], OPTIONS)),
    });
  }
  for (const slot of [layout.slot('a'), layout.slot('b')]) {
    const notSetups = ['!', '-uid', String(owners.setup.uid)];
    const closed = ['(', '-type', 'd', ...notSetups, '!', '-perm', '-2775', '-o', '-type', 'f', ...notSetups, '!', '-perm', '-664', ')'];
    if ((await find(slot, [...closed, '-print', '-quit'])) === '') continue;
    changes.push({
      says: `let the setup user's group change ${slot}, and everybody who gets there read it`,
      async make() {
        await run('chmod', ['-R', '--', 'u+rwX,g+rwX,o+rX', slot], OPTIONS);
        await run('find', [slot, '-xdev', '-type', 'd', '-exec', 'chmod', 'g+s', '--', '{}', '+'], OPTIONS);
      },
    });
  }
  return changes;
}

/**
 * Takes what root made while it was the orchestrator: programs such as git ask the system whether they may use a file, and are told no where only a
 * capability says yes. Only in folders that nobody else can enter.
 */
export async function takeFromRoot(layout: Layout, { orchestrator: { uid, gid } }: Owners): Promise<void> {
  for (const path of privateTrees(layout)) await find(path, ['-uid', '0', '-exec', 'chown', '-h', `${uid}:${gid}`, '--', '{}', '+']);
}

/** What else lies at the top of the data directory is the orchestrator's alone. */
export async function privacyChanges(layout: Layout, owners: Owners, places: readonly Place[]): Promise<Change[]> {
  const known = new Set(places.map(({ path }) => path));
  const changes: Change[] = [];
  for (const entry of await readdir(layout.data, { withFileTypes: true }).catch(() => [])) {
    const path = join(layout.data, entry.name);
    if (known.has(path) || path === layout.workspace || !(entry.isFile() || entry.isDirectory())) continue;
    if (
      (await find(path, [
        '-maxdepth',
        '0',
        '(',
        '-perm',
        '/077',
        '-o',
        '!',
        '-uid',
        String(owners.orchestrator.uid),
        '!',
        '-uid',
        '0',
        ')',
      ])) === ''
    )
      continue;
    changes.push({ says: `keep ${path} from all but the orchestrator`, make: async () => await closeToOthers(path, owners) });
  }
  return changes;
}

/** Files with a second name, by which a user may get what was given to another: a change of owner changes both. Slots share theirs on purpose. */
export async function doubledFiles({ data, repo }: Layout): Promise<string[]> {
  const left = ['-path', join(data, 'deploy-*'), '-o', '-path', repo, '-o', '-path', join(data, 'run')];
  const found = await find(data, ['(', ...left, ')', '-prune', '-o', '-type', 'f', '-links', '+1', '-print']);
  return found
    .split('\n')
    .filter((line) => line !== '')
    .slice(0, SHOWN);
}

async function closeToOthers(path: string, { orchestrator }: Owners): Promise<void> {
  const handle: FileHandle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { mode } = await handle.stat();
    await handle.chown(orchestrator.uid, orchestrator.gid);
    await handle.chmod(mode & 0o700);
  } finally {
    await handle.close();
  }
}

/** Empty when there is no such folder; a link is not one. */
async function find(path: string, tests: readonly string[]): Promise<string> {
  try {
    return (await run('find', ['-P', path, '-xdev', ...tests], OPTIONS)).stdout;
  } catch (error) {
    if (/No such file/.test(String((error as { stderr?: unknown }).stderr))) return '';
    throw error;
  }
}
