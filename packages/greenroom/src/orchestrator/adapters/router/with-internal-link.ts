import type { Log, Router } from '../../ports.ts';
import type { InternalLink } from './internal-link.ts';
import { RouterError } from './router-error.ts';

/** A router whose every switch takes the contract's `internal_socket` along, whichever proxy leads to the public port. */
export function withInternalLink(router: Router, link: InternalLink, log: Log): Router {
  let last: Promise<unknown> = Promise.resolve();
  let switches = 0;

  function serially<T>(job: () => Promise<T>): Promise<T> {
    const result = last.then(job);
    last = result.catch(() => undefined);
    return result;
  }

  /** What a crash, or somebody, left in its place is put right. */
  async function follow(instance: string | null): Promise<void> {
    const pointed = await link.point(instance);
    if (!pointed.ok) log(pointed.failure.error, { level: 'warn' });
  }

  return {
    ...router,
    async register() {
      const problem = await link.problem();
      if (problem) throw new RouterError('internal_socket_unusable', problem);
      await router.register();
    },
    switchTo(target) {
      switches += 1;
      return serially(async () => {
        const before = await link.current();
        const pointed = await link.point(target?.instance ?? null);
        if (!pointed.ok) return pointed;
        const switched = await router.switchTo(target);
        if (!switched.ok) await follow(before);
        return switched;
      });
    },
    async current() {
      const seen = switches;
      const instance = await router.current();
      await serially(async () => {
        if (seen === switches) await follow(instance);
      });
      return instance;
    },
    async deregister() {
      await router.deregister();
      await serially(() => follow(null));
    },
  };
}
