import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { MaintenanceReport } from '../../../ports.ts';
import { type Git, GitError } from '../git.ts';
import { removeStaleLocks } from '../locks.ts';

/** When repacking is worth its time. An app's repository reaches the first after about a day of an active agent. */
const LOOSE_OBJECTS = 2_000;
const PACKS = 20;
/** Unreachable objects younger than this stay: somebody may be about to use them. */
const PRUNE_GRACE = '2.weeks.ago';
const MAINTENANCE_TIMEOUT_MS = 600_000;

const SETTINGS = [
  // A slot whose folder is away for a while is still a slot.
  'gc.worktreePruneExpire=never',
  'gc.cruftPacks=false',
  'gc.writeCommitGraph=true',
  // One processor and little memory: the app comes first.
  'pack.threads=1',
  'pack.windowMemory=128m',
  'pack.deltaCacheSize=64m',
];

/**
 * `git gc`, which keeps whatever a ref, a slot's HEAD or a slot's index reaches, and everything that is young. Refs are packed each time, objects only when
 * there are many. Killed in the middle it leaves the repository as good as before.
 */
export async function maintain(git: Git, attemptRunning: () => boolean, signal: AbortSignal): Promise<MaintenanceReport> {
  if (attemptRunning()) return { status: 'skipped', detail: 'A deploy is running.' };
  const quiet = git.with({ through: await lowPriority(), config: SETTINGS });
  const options = { signal, timeoutMs: MAINTENANCE_TIMEOUT_MS, gentle: true };
  try {
    await quiet.must(['pack-refs', '--all'], options);
    const before = await countObjects(git);
    if (before.loose < LOOSE_OBJECTS && before.packs < PACKS) return { status: 'done', detail: `Nothing to repack: ${describe(before)}.` };
    if (attemptRunning()) return { status: 'skipped', detail: 'A deploy has begun.' };
    await quiet.must(['gc', '--quiet', `--prune=${PRUNE_GRACE}`], options);
    return { status: 'done', detail: `Repacked ${describe(before)} into ${describe(await countObjects(git))}.` };
  } catch (error) {
    if (!(error instanceof GitError)) throw error;
    const stopped = error.kind === 'aborted' || error.kind === 'timeout';
    if (stopped) await removeStaleLocks(git.gitDir, git.gitDir);
    return { status: stopped ? 'stopped' : 'failed', detail: `${error.message}.` };
  }
}

interface ObjectCount {
  loose: number;
  packs: number;
}

async function countObjects(git: Git): Promise<ObjectCount> {
  const text = await git.text(['count-objects', '-v']);
  const read = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return { loose: read('count'), packs: read('packs') };
}

function describe({ loose, packs }: ObjectCount): string {
  return `${loose} loose objects and ${packs} pack${packs === 1 ? '' : 's'}`;
}

/** Programs that make way for others, as far as this machine has them. */
async function lowPriority(): Promise<string[]> {
  const words: string[] = [];
  if (await isInstalled('nice')) words.push('nice', '-n', '19');
  if (await isInstalled('ionice')) words.push('ionice', '-c', '3');
  return words;
}

async function isInstalled(program: string): Promise<boolean> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).filter((each) => each !== '')) {
    const found = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}
