import type { ProxyChat } from '@greenroom/sdk/proxy';
import type { Route } from '../../core/contract-router.ts';

/** What the contract wants of a proxy that the operator runs, and who is told that it does not. */
export interface Served {
  /** Name of the app's parts of the configuration; another one for each data directory. */
  app: string;
  port: number;
  internalPort?: number;
  routes: readonly Route[];
  trustedProxies: readonly string[];
  chat?: ProxyChat;
  /** Called when the proxy is found not to serve the app, and when it does again. */
  onTrouble?: ((inTrouble: boolean) => void) | undefined;
}
