import type { ProxyChat } from '@greenroom/sdk/proxy';
import { proxyName } from '../../../src/home.ts';
import type { Served } from '../../../src/orchestrator/adapters/router/served.ts';
import type { Route } from '../../../src/orchestrator/core/contract-router.ts';
import type { Router } from '../../../src/orchestrator/ports.ts';
import type { RunningInstance } from './instance.ts';

export interface AppSetting {
  app: string;
  port: number;
  internalPort?: number;
  routes?: Route[];
  chat?: ProxyChat;
  trustedProxies?: string[];
}

/** The same, as routers of one machine take it: by the name for the proxy. */
export function servedOf({ app: name, port, internalPort, routes = [], trustedProxies = [], chat }: AppSetting): Served {
  const app = proxyName(name, `/var/lib/greenroom/${name}`);
  return { app, port, ...(internalPort ? { internalPort } : {}), routes, trustedProxies, ...(chat ? { chat } : {}) };
}

/** A real proxy program, and the routers of the orchestrators that share it. Everything ends with the test. */
export interface RouterRig {
  /** Of the test's own. */
  folder: string;
  /** A router for the app, not yet registered. Called again for the same app: that of an orchestrator that was started again. */
  router(setting: AppSetting): Router;
  /** Starts an instance that listens as the router wants it. */
  instance(setting: AppSetting, name: string): Promise<RunningInstance>;
  /** Whose routes on a port of its own the proxy serves as plain HTTP. */
  routePort: number;
  /** Ends the proxy with SIGKILL, and starts it again as the machine's init would; with `embedded` the routers do. */
  kill(): Promise<void>;
  /** Takes the routes out of the proxy's configuration behind the routers' back. */
  lose(): Promise<void>;
  /** What the operator wrote in the proxy's configuration, as it is now. */
  operators(): Promise<unknown>;
  /** What the routers said. */
  lines: string[];
}

/** How one proxy differs from another in what it can know and keep. */
export interface Traits {
  /** Name in the test's titles. */
  name: string;
  /** A stream that is open at a swap stays open; else it is closed cleanly by the proxy. */
  keepsStreams: boolean;
  /** It tells streams from requests, and waits for them no longer than their own limit. */
  tellsStreams: boolean;
  /** Has routes by host and path. */
  routes: boolean;
  /** A swap by its nature resets some connections. */
  mayReset: boolean;
  /** The rest is the same as with another way to reach the app, which is tested. */
  onlySwaps?: boolean;
}
