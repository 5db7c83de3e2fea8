import { createInternalLink } from '../../orchestrator/adapters/router/internal-link.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import type { Layout } from '../../orchestrator/layout.ts';
import type { Finding } from './examine.ts';

interface Asked {
  contract: Pick<Contract, 'internal_socket'>;
  layout: Layout;
}

/** The place of the contract's `internal_socket`, where it has one: free, or this app's own. */
export async function checkInternalSocket({ contract, layout }: Asked): Promise<Finding[]> {
  const { internal_socket: path } = contract;
  if (path === undefined) return [];
  const check = 'internal socket';
  const link = createInternalLink(path, layout);
  const says = await link.problem();
  if (says)
    return [{ check, level: 'fail', says, remedy: 'Do that, or correct internal_socket in the contract; then start the app again.' }];
  const instance = await link.current();
  return [{ check, level: 'ok', says: instance === null ? `${path} is free` : `${path} leads to ${instance}` }];
}
