import { ok, type Result } from '../../../core/result.ts';
import { type Layout, socketsOf } from '../../../layout.ts';
import type { RouteTarget } from '../../../ports.ts';
import { tcpConnections, unixConnections } from '../connections.ts';
import type { Traffic } from '../idle.ts';
import { createLiveSocket } from '../live-socket.ts';
import type { Upstream } from './routes.ts';
import { createSavedRoute } from './saved-route.ts';

/** What is live, and how Caddy is led to it. */
export interface Live {
  /** For Caddy's configuration. */
  upstream(): Promise<Upstream>;
  /** `apply` puts an upstream into Caddy's configuration; rejects when that cannot be done. On disk when it answers. */
  switchTo(target: RouteTarget | null, apply: (upstream: Upstream) => Promise<unknown>): Promise<Result<void>>;
  current(): Promise<string | null>;
  /** A look at what the instance has in flight. */
  traffic(instance: string): Promise<() => Promise<Traffic>>;
  /** Of an app that is no longer served. */
  forget(): Promise<void>;
}

/** By links to the live instance's sockets: Caddy's configuration never changes. */
export function liveBySocket(layout: Layout): Live {
  const live = createLiveSocket(layout);
  return {
    upstream: async () => ({ sockets: live.links }),
    switchTo: (target) => live.point(target?.instance ?? null),
    current: live.current,
    async traffic(instance) {
      const { requests, streams, internal } = socketsOf(layout, instance);
      return async () => {
        const [visitors = 0, streaming = 0, inside = 0] = await unixConnections([requests, streams, internal]);
        return { requests: visitors + inside, streams: streaming };
      };
    },
    forget: async () => void (await live.point(null)),
  };
}

/** By the live instance's port in Caddy's configuration. Streams cannot be told from requests. */
export function liveByPort(file: string): Live {
  const saved = createSavedRoute(file);
  return {
    upstream: async () => ({ target: await saved.target() }),
    async switchTo(target, apply) {
      const before = await saved.target();
      await apply({ target });
      try {
        await saved.save(target);
      } catch (error) {
        await apply({ target: before });
        throw error;
      }
      return ok(undefined);
    },
    current: async () => (await saved.target())?.instance ?? null,
    async traffic(instance) {
      const port = await saved.portOf(instance);
      return async () => ({ requests: port === undefined ? 0 : await tcpConnections(port), streams: 0 });
    },
    forget: saved.forget,
  };
}
