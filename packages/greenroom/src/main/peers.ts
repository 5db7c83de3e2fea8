import type { Peers } from '../orchestrator/api/caller.ts';
import type { Log } from '../orchestrator/ports.ts';
import { openCredentials } from '../peers/credentials.ts';
import { createNames } from '../peers/names.ts';

/** How callers over the API's sockets are known; null, after a sentence about it, where the kernel cannot be asked. `agent` is the agent's own user. */
export async function openPeers(agent: number | undefined, log: Log): Promise<Peers | null> {
  const read = await openCredentials();
  if (typeof read === 'string') {
    log(`Who calls over a socket is not asked of the kernel (${read}): the permissions of the sockets alone say who may.`, {
      level: 'warn',
    });
    return null;
  }
  return { read, name: createNames(), own: process.geteuid?.() ?? 0, ...(agent === undefined ? {} : { agent }) };
}
