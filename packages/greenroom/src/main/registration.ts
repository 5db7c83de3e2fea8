import { examineCaddyPorts } from '../orchestrator/adapters/router/caddy/examine.ts';
import type { Contract } from '../orchestrator/core/contract.ts';
import { addressesOf, type DefaultPorts, portsOf } from '../orchestrator/core/contract-addresses.ts';
import { type Layout, layoutOf } from '../orchestrator/layout.ts';
import type { Service } from '../orchestrator/runner/service.ts';
import type { Runner } from '../orchestrator/runner.ts';
import { findPortConflicts } from '../registry/port-conflicts.ts';
import { openRegistration, type Registration, type RegistrationOptions, recordRefusal, type Seen } from '../registry/registration.ts';
import { VERSION } from '../version.ts';

export interface RegisterOptions {
  app: string;
  data: string;
  repo: string;
  contractFile: string;
  apiPort: number;
  home: string;
}

/** Enters an app that starts now into the machine's registry. */
export async function register(
  options: RegisterOptions,
  contract: Contract,
  layout: Layout,
  log: (message: string) => void,
): Promise<Registration> {
  const { app: name, data, repo, contractFile, apiPort, home } = options;
  return openRegistration({
    home,
    app: { name, data, repo, contract: contractFile, api_port: apiPort },
    facts: await factsOf(contract, layout),
    log,
  });
}

/** Has the registry say why a start was refused; `contract` is null when it was for the contract. Of an app that is not registered nothing is noted. */
export async function noteRefusal(
  { app: name, data, home }: RegisterOptions,
  contract: Contract | null,
  problem: string,
  log: (message: string) => void,
): Promise<void> {
  const facts = contract ? await factsOf(contract, layoutOf(data)) : null;
  await recordRefusal({ home, name, data, facts, problem, log });
}

async function factsOf(contract: Contract, layout: Layout): Promise<RegistrationOptions['facts']> {
  const addresses = addressesOf(contract, await defaultPortsOf(contract));
  return { operator_socket: layout.operatorSocket, ...portsOf(contract), addresses, version: VERSION };
}

/** Those that Caddy's operator chose; undefined for the usual ones. */
export async function defaultPortsOf({ router, routes }: Contract): Promise<DefaultPorts | undefined> {
  return router.kind === 'caddy' && routes.length > 0 ? await examineCaddyPorts(router.admin) : undefined;
}

/** Ports that other apps have too, as sentences: `now` of apps that run, `later` of others. */
export function portConflicts(
  { app: name, data, apiPort, home }: RegisterOptions,
  contract: Contract,
): ReturnType<typeof findPortConflicts> {
  return findPortConflicts(home, { name, data, api_port: apiPort, ...portsOf(contract) });
}

/** Health can come back without an event, so what is unhealthy is looked at again. */
const LOOK_AGAIN_MS = 5_000;

/** Keeps the entry true while the app runs. Answers a function that stops it. */
export function keepRegistered(registration: Registration, runner: Runner, service: Pick<Service, 'healthy'>): () => void {
  let again: NodeJS.Timeout | undefined;
  const look = async (): Promise<Seen> => {
    const healthy = await service.healthy();
    const { live } = runner.state();
    const state = healthy ? 'live' : live ? 'unhealthy' : 'idle';
    clearTimeout(again);
    if (state === 'unhealthy') again = setTimeout(() => registration.changed(look), LOOK_AGAIN_MS).unref();
    return { state, live_commit: live?.commit ?? '' };
  };
  registration.changed(look);
  const unsubscribe = runner.subscribe(() => registration.changed(look));
  return () => {
    clearTimeout(again);
    unsubscribe();
  };
}
