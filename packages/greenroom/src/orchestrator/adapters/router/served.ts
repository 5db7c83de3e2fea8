import type { ProxyChat } from '@greenroom/sdk/proxy';
import type { Route } from '../../core/contract-router.ts';

/** What the contract wants of a proxy that the operator runs. */
export interface Served {
  /** Name of the app's parts of the configuration; another one for each data directory. */
  app: string;
  port: number;
  internalPort?: number;
  routes: readonly Route[];
  trustedProxies: readonly string[];
  chat?: ProxyChat;
}
