import { proxyName } from '../../home.ts';
import { examineCaddy } from '../../orchestrator/adapters/router/caddy/examine.ts';
import { DEFAULT_CADDY_ADMIN } from '../../orchestrator/core/contract-router.ts';
import type { Finding, Patient } from './examine.ts';

/** Caddy can be told what to do, serves the app while it runs, and reaches its sockets. */
export async function checkCaddy({ app, contract, layout, running }: Patient): Promise<Finding[]> {
  const { admin = DEFAULT_CADDY_ADMIN, upstream } = contract.router;
  const sockets = running && upstream === 'socket' ? layout : null;
  const { away, serves, unreachable } = await examineCaddy(admin, proxyName(app.name, layout.data), sockets);
  if (away !== '') return [problem(away, 'Start Caddy, or name its admin address as "admin" in "router" of the contract.')];
  if (unreachable !== '') return [problem('Caddy cannot reach the app', `${unreachable}.`)];
  if (running && !serves)
    return [
      problem(`Caddy has no routes of "${app.name}"`, 'The orchestrator puts them back by itself; its log says what keeps it from that.'),
    ];
  return [{ check: 'proxy', level: 'ok', says: `Caddy answers at ${admin}${running ? ` and has the routes of "${app.name}"` : ''}` }];
}

function problem(says: string, remedy: string): Finding {
  return { check: 'proxy', level: 'fail', says, remedy };
}
