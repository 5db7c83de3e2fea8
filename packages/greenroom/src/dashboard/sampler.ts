import { statfs } from 'node:fs/promises';
import { GreenroomAnswerError, GreenroomUnreachable } from '@greenroom/sdk/client';
import type { DashboardLoad, ReleaseLoad, Traffic } from '@greenroom/sdk/dashboard';
import type { SlotView, TrafficView } from '@greenroom/sdk/wire';
import type { Follower } from './follower.ts';
import { type FamilyUse, measureFamilies } from './process-use.ts';
import { type Counted, nothingCounted, trafficOf } from './rates.ts';

/** A proxy that takes longer than that to say what it counted is left alone until the next time. */
const TRAFFIC_TIMEOUT_MS = 1_000;

export interface Sampler {
  /** How busy each of the apps is now. Rates are those since the last call. */
  take(followers: readonly Follower[]): Promise<DashboardLoad[]>;
}

/** What was counted of an app at the last look, by instance. */
interface Look {
  at: number;
  counted: Map<string, Counted>;
}

export function createSampler(): Sampler {
  let useBefore: { at: number; use: Map<number, FamilyUse> } = { at: 0, use: new Map() };
  const looks = new Map<string, Look>();

  return {
    async take(followers) {
      const at = Date.now();
      const use = measureFamilies(followers.flatMap((it) => slotsOf(it).map((slot) => slot.pid)));
      const { at: usedAt, use: earlier } = useBefore;
      useBefore = { at, use };
      return await Promise.all(
        followers.map(async (follower): Promise<DashboardLoad> => {
          const app = follower.entry.name;
          const [disk, view] = await Promise.all([diskOf(follower.entry.data), askTraffic(follower)]);
          const before = looks.get(app);
          const now = view && lookAt(view, follower, Date.now());
          if (now) looks.set(app, now);
          else looks.delete(app);
          const traffic = (instance: string): Traffic | null => (now && before ? rates(instance, now, before) : null);
          const running = slotsOf(follower).map((slot): ReleaseLoad => {
            const { instance, commit, role } = slot;
            return {
              instance,
              commit,
              slot: slot.slot,
              role: role === 'live' || role === 'candidate' ? role : 'previous',
              memory_bytes: use.get(slot.pid)?.memoryBytes ?? null,
              cpu_percent: cpuPercent(use.get(slot.pid), earlier.get(slot.pid), (at - usedAt) / 1_000),
              traffic: traffic(instance),
            };
          });
          return { app, at, releases: [...running, ...ended(view, running, traffic)], disk };
        }),
      );
    },
  };
}

/** The release before the live one may have ended long ago; what it did is what the live one is compared with. */
function ended(view: TrafficView | null, running: readonly ReleaseLoad[], traffic: (instance: string) => Traffic | null): ReleaseLoad[] {
  if (!view || running.some((release) => release.role === 'previous')) return [];
  const last = view.instances.findLast((it) => !running.some((release) => release.instance === it.instance));
  if (!last) return [];
  const { instance, commit } = last;
  return [{ instance, commit, slot: '', role: 'previous', memory_bytes: null, cpu_percent: null, traffic: traffic(instance) }];
}

function lookAt({ instances, failures }: TrafficView, follower: Follower, at: number): Look {
  const live = slotsOf(follower).find((slot) => slot.role === 'live')?.instance;
  // What the proxy answered itself is what visitors did not get of the live release.
  const own = failures.reduce((sum, { count }) => sum + count, 0);
  const counted = instances.map((it): [string, Counted] => [
    it.instance,
    { at, instance: it, failures: it.instance === live ? own : null },
  ]);
  return { at, counted: new Map(counted) };
}

/** One that was not there at the last look began after it, with nothing. */
function rates(instance: string, now: Look, before: Look): Traffic | null {
  const counted = now.counted.get(instance);
  return counted ? trafficOf(counted, before.counted.get(instance) ?? nothingCounted(counted.instance, before.at)) : null;
}

/** Slots whose instance runs, the live one first. */
function slotsOf(follower: Follower): SlotView[] {
  const running = follower.app().status?.slots.filter((slot) => slot.pid > 0) ?? [];
  return running.sort((one, other) => Number(other.role === 'live') - Number(one.role === 'live'));
}

/** Null when it cannot be said: by an orchestrator that is of an older version, is just ending, or hangs. */
async function askTraffic({ client }: Follower): Promise<TrafficView | null> {
  try {
    const view = await client.traffic({ signal: AbortSignal.timeout(TRAFFIC_TIMEOUT_MS) });
    return view.counted ? view : null;
  } catch (error) {
    if (error instanceof GreenroomUnreachable || error instanceof GreenroomAnswerError) return null;
    if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) return null;
    throw error;
  }
}

function cpuPercent(now: FamilyUse | undefined, before: FamilyUse | undefined, seconds: number): number | null {
  // A family whose busiest member ended has used less than before.
  return now && before && seconds > 0 ? Math.max(0, ((now.cpuSeconds - before.cpuSeconds) / seconds) * 100) : null;
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
