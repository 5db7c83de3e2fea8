import { createFamily, endFamily, type Sparing } from '../family.ts';
import type { Limiter } from './limiter.ts';

/** Ends what still runs within bounds that nobody knows any more, as after a kill of the orchestrator, and takes them away. */
export async function sweepBounds(limiter: Limiter, keep: readonly string[], spare?: Sparing): Promise<void> {
  const stale = limiter.known().filter((id) => !keep.includes(id));
  await Promise.all(
    stale.map(async (id) => {
      const bounds = limiter.earlier(id);
      await endFamily(createFamily(0, 0, `GREENROOM_BOUNDS=${id}`, spare, bounds.group), 0).done;
      await bounds.remove();
    }),
  );
}
