import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export interface VaultStandIn {
  address: string;
  /** `METHOD path`, in order. */
  calls: string[];
  /** Refuses with this status from now on; 0 answers again. */
  refuse(status: number): void;
  close(): void;
}

const NAMESPACE = 'team/shop';
const TOKEN = 'hvs.stand-in-token';
const LOGIN = { role_id: 'role-of-shop', secret_id: 'secret-id-of-shop' };

/**
 * As the official API documentation describes Vault and OpenBao: KV version 2 under `/v1/MOUNT/data/PATH`, version 1 under `/v1/MOUNT/PATH`, AppRole under
 * `/v1/auth/approle/login`. Any request that it does not describe is answered 400 or 403.
 */
export async function openVault(secrets: Record<string, unknown>): Promise<VaultStandIn> {
  const calls: string[] = [];
  let refused = 0;
  const server = createServer(async (request, response) => {
    const { method, url = '', headers } = request;
    calls.push(`${method} ${url}`);
    const answer = (status: number, body?: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body));
    };
    if (refused) return answer(refused, { errors: ['stand-in'] });
    if (headers['x-vault-request'] !== 'true' || headers['x-vault-namespace'] !== NAMESPACE) return answer(400, { errors: ['headers'] });
    if (method === 'POST' && url === '/v1/auth/approle/login') {
      const body = await json(request);
      try {
        assert.deepEqual(body, LOGIN);
      } catch {
        return answer(400, { errors: ['invalid role or secret ID'] });
      }
      return answer(200, { auth: { client_token: TOKEN, accessor: 'a', policies: ['default'], lease_duration: 60, renewable: true } });
    }
    if (headers['x-vault-token'] !== TOKEN) return answer(403, { errors: ['permission denied'] });
    if (method === 'POST' && url === '/v1/auth/token/revoke-self') return answer(204);
    if (method === 'GET' && url === '/v1/secret/data/shop/live')
      return answer(200, { data: { data: secrets, metadata: { version: 3, destroyed: false, deletion_time: '', created_time: '' } } });
    if (method === 'GET' && url === '/v1/kv/shop') return answer(200, { data: secrets, lease_duration: 2_764_800, renewable: false });
    answer(404, { errors: [] });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    refuse(status) {
      refused = status;
    },
    close: () => server.close(),
  };
}

export const VAULT_ACCESS = { namespace: NAMESPACE, token: TOKEN, ...LOGIN };
