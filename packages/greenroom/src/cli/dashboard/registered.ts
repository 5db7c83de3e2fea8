import type { FleetOptions } from '../../dashboard/fleet.ts';
import type { FleetEntry } from '../../dashboard/follower.ts';
import { layoutOf } from '../../orchestrator/layout.ts';
import { listApps, type RegisteredApp } from '../../registry/index.ts';
import { type AppView, viewUnasked } from '../../registry/observe.ts';

/** The machine's apps, and where their orchestrators answer the operator. */
export function registeredApps(home: string): FleetOptions['registered'] {
  return async () => {
    const { apps, broken } = await listApps(home);
    return { apps: await Promise.all(apps.map(fleetEntry)), broken };
  };
}

async function fleetEntry(app: RegisteredApp): Promise<FleetEntry> {
  const { name, data, repo } = app;
  const view = await viewUnasked(app);
  const { addresses, pid, note } = view;
  return { name, data, repo, socket: layoutOf(data).operatorSocket, addresses, ended: endOf(view), note: pid === null ? note : '' };
}

function endOf({ app, state, pid }: AppView): FleetEntry['ended'] {
  if (pid !== null) return '';
  if (!app.last) return state === 'stale' ? 'stale' : 'never_started';
  return state === 'stale' || state === 'crashed' || state === 'detached' ? state : 'stopped';
}
