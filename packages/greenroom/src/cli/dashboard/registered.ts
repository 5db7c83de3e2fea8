import type { FleetOptions } from '../../dashboard/fleet.ts';
import type { FleetEntry } from '../../dashboard/follower.ts';
import { layoutOf } from '../../orchestrator/layout.ts';
import { isAlive } from '../../proc.ts';
import { listApps, type RegisteredApp } from '../../registry/index.ts';

/** The machine's apps, and where their orchestrators answer the operator. */
export function registeredApps(home: string): FleetOptions['registered'] {
  return async () => {
    const { apps, broken } = await listApps(home);
    return { apps: apps.map(fleetEntry), broken };
  };
}

function fleetEntry(app: RegisteredApp): FleetEntry {
  const { name, data, repo, last } = app;
  return { name, data, repo, socket: layoutOf(data).operatorSocket, addresses: last?.addresses ?? [], ended: endOf(app) };
}

function endOf({ last }: RegisteredApp): FleetEntry['ended'] {
  if (!last) return 'never_started';
  if (!last.orchestrator) return last.state === 'detached' ? 'detached' : 'stopped';
  return isAlive(last.orchestrator) ? '' : 'crashed';
}
