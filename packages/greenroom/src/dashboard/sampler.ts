import { statfs } from 'node:fs/promises';
import type { DashboardLoad, ReleaseLoad } from '@greenroom/sdk/dashboard';
import type { SlotView } from '@greenroom/sdk/wire';
import type { Follower } from './follower.ts';
import { type FamilyUse, measureFamilies } from './process-use.ts';

export interface Sampler {
  /** How busy each of the apps is now. Rates are those since the last call; an app that cannot be asked is left out. */
  take(followers: readonly Follower[]): Promise<DashboardLoad[]>;
}

export function createSampler(): Sampler {
  let before: { at: number; use: Map<number, FamilyUse> } = { at: 0, use: new Map() };

  return {
    async take(followers) {
      const at = Date.now();
      const pids = followers.flatMap((it) => slotsOf(it).map((slot) => slot.pid));
      const use = measureFamilies(pids);
      const seconds = (at - before.at) / 1_000;
      const earlier = before.use;
      before = { at, use };
      return await Promise.all(
        followers.map(async (follower) => ({
          app: follower.entry.name,
          at,
          releases: slotsOf(follower).map((slot) => releaseLoad(slot, use.get(slot.pid), earlier.get(slot.pid), seconds)),
          disk: await diskOf(follower.entry.data),
        })),
      );
    },
  };
}

/** Slots whose instance runs, the live one first. */
function slotsOf(follower: Follower): SlotView[] {
  const running = follower.app().status?.slots.filter((slot) => slot.pid > 0) ?? [];
  return running.sort((one, other) => Number(other.role === 'live') - Number(one.role === 'live'));
}

function releaseLoad(slot: SlotView, now: FamilyUse | undefined, before: FamilyUse | undefined, seconds: number): ReleaseLoad {
  const { instance, commit, role } = slot;
  const known = now && before && seconds > 0;
  return {
    instance,
    commit,
    slot: slot.slot,
    role: role === 'live' || role === 'candidate' ? role : 'previous',
    memory_bytes: now?.memoryBytes ?? null,
    // A family whose busiest member ended has used less than before.
    cpu_percent: known ? Math.max(0, ((now.cpuSeconds - before.cpuSeconds) / seconds) * 100) : null,
    traffic: null,
  };
}

async function diskOf(folder: string): Promise<DashboardLoad['disk']> {
  try {
    const { bsize, blocks, bavail } = await statfs(folder);
    return { free_bytes: bavail * bsize, total_bytes: blocks * bsize };
  } catch (error) {
    // The folder is gone, or somebody else's: the app's own state says more.
    if (error instanceof Error && 'syscall' in error) return null;
    throw error;
  }
}
