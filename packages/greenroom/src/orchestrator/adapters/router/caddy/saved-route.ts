import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import type { RouteTarget } from '../../../ports.ts';
import { writeDurably } from '../../durable.ts';

/** Instances whose ports are remembered, so that one that retires can be drained after a restart of the orchestrator. */
const KEPT_PORTS = 8;

const target = z.object({ instance: z.string(), host: z.string(), port: z.number(), internalPort: z.number() });
const content = z.object({ target: target.nullable(), ports: z.array(z.tuple([z.string(), z.number()])) });
type Content = z.output<typeof content>;

/** Where requests go when the proxy's own configuration says it, on disk: that configuration may be lost. */
export interface SavedRoute {
  target(): Promise<RouteTarget | null>;
  /** The port of an instance that was routed to; undefined when it is forgotten. */
  portOf(instance: string): Promise<number | undefined>;
  /** On disk when it answers. */
  save(next: RouteTarget | null): Promise<void>;
  forget(): Promise<void>;
}

/** Something that is no such file counts as no route. */
export function createSavedRoute(file: string): SavedRoute {
  let known: Promise<Content> | undefined;
  const read = (): Promise<Content> => {
    known ??= readContent(file);
    return known;
  };
  return {
    target: async () => (await read()).target,
    portOf: async (instance) => new Map((await read()).ports).get(instance),
    async save(next) {
      const before = await read();
      const others = before.ports.filter(([instance]) => instance !== next?.instance);
      const ports: Content['ports'] = next ? [...others, [next.instance, next.port]] : others;
      const { instance = '', host = '', port = 0, internalPort = 0 } = next ?? {};
      const fresh: Content = { target: next && { instance, host, port, internalPort }, ports: ports.slice(-KEPT_PORTS) };
      await writeDurably(file, `${JSON.stringify(fresh)}\n`);
      known = Promise.resolve(fresh);
    },
    async forget() {
      await rm(file, { force: true });
      known = undefined;
    },
  };
}

async function readContent(file: string): Promise<Content> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return '';
  });
  const parsed = content.safeParse(parseOrNull(text));
  return parsed.success ? parsed.data : { target: null, ports: [] };
}

function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Empty, or damaged: the same as none.
    return null;
  }
}
