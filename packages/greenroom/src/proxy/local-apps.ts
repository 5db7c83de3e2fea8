import type { AppSide, DataPath } from './data-path.ts';
import { createLocalTraffic, type LocalTraffic } from './local-traffic.ts';
import { createSharedSide } from './shared-side.ts';
import type { Traffic } from './traffic.ts';

/** The traffic of all apps, in this process. */
export function createLocalApps(dataPath: DataPath): Traffic {
  const apps = new Map<number, LocalTraffic>();
  const publicOf = (app: number): AppSide | undefined => apps.get(app)?.sides.public;
  let last = 0;
  return {
    create(_name, initial) {
      last += 1;
      const id = last;
      const traffic = createLocalTraffic(initial, dataPath);
      apps.set(id, traffic);
      return { ...traffic, id, close: () => void apps.delete(id) };
    },
    retire: () => dataPath.retire(),
    async share(port, host, routes) {
      const { side, set, close } = createSharedSide(publicOf);
      try {
        await set(routes);
        const listener = await dataPath.listen(port, host, side);
        return { set, close: (graceMs) => listener.close(graceMs).finally(close) };
      } catch (error) {
        close();
        throw error;
      }
    },
  };
}
