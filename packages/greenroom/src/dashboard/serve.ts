import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { listenOnPort } from '../listen.ts';
import { ownName } from '../own-name.ts';
import type { Assets } from '../ui-files.ts';
import { VERSION } from '../version.ts';
import { createDashboardApp } from './app.ts';
import { createFleet, type FleetOptions } from './fleet.ts';
import { createSessions } from './sessions.ts';

export { CannotListenError } from '../listen.ts';

export interface DashboardOptions extends FleetOptions {
  port: number;
  /** Of this run alone; see `createLinkToken`. */
  secret: string;
  assets: Assets;
  heartbeatMs?: number;
}

export interface Dashboard {
  port: number;
  close(): Promise<void>;
}

/** Serves the dashboard on 127.0.0.1. Rejects with `CannotListenError`. */
export async function serveDashboard({ port, secret, assets, registered, log, heartbeatMs }: DashboardOptions): Promise<Dashboard> {
  const fleet = createFleet({ registered, log });
  const app = createDashboardApp({
    fleet,
    sessions: createSessions(secret),
    assets,
    run: randomBytes(6).toString('hex'),
    user: ownName(),
    host: hostname(),
    version: VERSION,
    log,
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  });
  const listening = await listenOnPort('dashboard', app.fetch, '127.0.0.1', port);
  return {
    port: listening.port,
    async close() {
      await Promise.all([fleet.close(), listening.close()]);
    },
  };
}
