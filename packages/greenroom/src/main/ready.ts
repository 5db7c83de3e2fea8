import type { Contract } from '../orchestrator/core/contract.ts';
import { addressesOf, type DefaultPorts } from '../orchestrator/core/contract-addresses.ts';

/** The first thing that a person wants to know after a start: where the app is, and whether it answers there. */
export function readySentence(
  { app, apiPort }: { app: string; apiPort: number },
  contract: Pick<Contract, 'port' | 'routes' | 'router' | 'api_access'>,
  live: { commit: string; slot: string } | null,
  defaults?: DefaultPorts,
): string {
  const routes = contract.routes.length > 0 ? addressesOf(contract, defaults) : [];
  const where = routes.join(', ');
  const api = {
    all: `The API listens on http://127.0.0.1:${apiPort}.`,
    read: `The API answers questions on http://127.0.0.1:${apiPort}.`,
    off: 'The API listens on its sockets only.',
  }[contract.api_access];
  if (live)
    return `${app} is ready ${where ? `at ${where}` : `on port ${contract.port}`}: ${live.commit.slice(0, 10)} is live in slot ${live.slot}. ${api}`;
  const answers = where ? `${where} ${routes.length > 1 ? 'answer' : 'answers'}` : `port ${contract.port} answers`;
  return `${app} is ready. Nothing is deployed yet, so ${answers} 503: "greenroom deploy" changes that. ${api}`;
}
