import { createCaddyRouter } from '../orchestrator/adapters/router/caddy/router.ts';
import { createEmbeddedRouter } from '../orchestrator/adapters/router/embedded.ts';
import { createInternalLink } from '../orchestrator/adapters/router/internal-link.ts';
import { createNginxRouter } from '../orchestrator/adapters/router/nginx/router.ts';
import { withInternalLink } from '../orchestrator/adapters/router/with-internal-link.ts';
import type { Contract } from '../orchestrator/core/contract.ts';
import { nginxSettings } from '../orchestrator/core/contract-router.ts';
import type { Layout } from '../orchestrator/layout.ts';
import type { Router } from '../orchestrator/ports.ts';

export interface RouterOptions {
  /** The app's name for the proxy; another one for each data directory. */
  app: string;
  contract: Contract;
  layout: Layout;
  /** Folder of the machine's embedded proxy. */
  proxyDir: string;
  log: (line: string) => void;
  /** Called when a proxy of the operator's is found not to serve the app, and when it does again. */
  onTrouble: (inTrouble: boolean) => void;
}

/** The router that the contract asks for. */
export function openRouter(options: RouterOptions): Router {
  const { contract, layout, log } = options;
  const router = openProxyRouter(options);
  const { internal_socket: path } = contract;
  return path === undefined ? router : withInternalLink(router, createInternalLink(path, layout), log);
}

function openProxyRouter({ app, contract, layout, proxyDir, log, onTrouble }: RouterOptions): Router {
  const { port, internal_port: internalPort, agent, router, routes, trusted_proxies: trustedProxies } = contract;
  const common = {
    app,
    port,
    ...(internalPort === undefined ? {} : { internalPort }),
    ...(agent ? { chat: { path: agent.chat_path, socket: layout.chatSocket } } : {}),
    log,
  };
  const { kind, upstream } = router;
  switch (kind) {
    case 'embedded':
      return createEmbeddedRouter({ ...common, routes, trustedProxies, proxyDir });
    case 'caddy':
      return createCaddyRouter({ ...common, routes, trustedProxies, layout, upstream, admin: router.admin, onTrouble });
    case 'nginx':
      return createNginxRouter({ ...common, routes, trustedProxies, layout, upstream, ...nginxSettings(router), onTrouble });
    default: {
      const exhaustive: never = kind;
      throw new Error(`unknown router ${JSON.stringify(exhaustive)}`);
    }
  }
}
