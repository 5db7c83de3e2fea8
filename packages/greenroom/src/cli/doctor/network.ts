import { get } from 'node:http';
import { join } from 'node:path';
import type { ProxyStatus } from '@greenroom/sdk/proxy';
import { proxyDirectory } from '../../home.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import { readSettings } from '../../proxy/settings.ts';
import { runningAppOn } from '../../registry/port-conflicts.ts';
import { listenProblem } from '../choose.ts';
import type { Finding, Patient } from './examine.ts';

const PROXY_TIMEOUT_MS = 2_000;

/** Each port is free, or held by this app. */
export async function checkPorts({ app, contract, home, running }: Patient): Promise<Finding[]> {
  const publicPorts = await portsHeld({ app, contract, home, running });
  const wanted: { port: number; use: string; host: string; ours: boolean; field: string }[] = [
    { port: contract.port, use: 'public', host: '0.0.0.0', ours: publicPorts.includes(contract.port), field: '"port" in the contract' },
  ];
  const apiPort = running?.api_port ?? app.api_port;
  const closed = contract.api_access === 'off' || apiPort === 0;
  if (!closed) wanted.push({ port: apiPort, use: 'API', host: '127.0.0.1', ours: running !== undefined, field: '--port' });
  if (contract.internal_port !== undefined) {
    const port = contract.internal_port;
    wanted.push({ port, use: 'internal', host: '127.0.0.1', ours: publicPorts.includes(port), field: '"internal_port" in the contract' });
  }
  const found = await Promise.all(
    wanted.map(async ({ port, use, host, ours, field }): Promise<Finding> => {
      const check = 'port';
      if (ours) return { check, level: 'ok', says: `${port} (${use}) is held by this app` };
      const problem = await listenProblem(port, host);
      if (problem === '') return { check, level: 'ok', says: `${port} (${use}) is free` };
      if (problem === 'EACCES') {
        const remedy = `Choose a port from 1024 on for ${field}, or: sysctl net.ipv4.ip_unprivileged_port_start=${port}`;
        return { check, level: 'fail', says: `${port} (${use}) may not be used by this user`, remedy };
      }
      const holder = await runningAppOn(port, home, app.data);
      const inUse = `${port} (${use}) is in use by ${holder === undefined ? 'another program' : `the app "${holder}"`}`;
      const says = problem === 'EADDRINUSE' ? inUse : `${port} (${use}) cannot be used: ${problem}`;
      return { check, level: 'fail', says, remedy: `Find it with "ss -ltnp sport = :${port}", or choose another port for ${field}.` };
    }),
  );
  return [...found, ...describeAccess(contract.api_access)];
}

/** Whom the API's port lets do what, where that is not everything. */
function describeAccess(access: Contract['api_access']): Finding[] {
  const served = { all: '', read: 'the port answers questions only', off: 'no port: it is served over its sockets only' }[access];
  return served === '' ? [] : [{ check: 'API', level: 'ok', says: served }];
}

/** Ports that the proxy serves the app on. Caddy and nginx hold what the orchestrator registered, for as long as it runs. */
async function portsHeld({
  app,
  contract,
  home,
  running,
}: Pick<Patient, 'app' | 'contract' | 'home' | 'running'>): Promise<(number | undefined)[]> {
  if (contract.router.kind !== 'embedded') return running ? [contract.port, contract.internal_port] : [];
  const held = (await proxyStatus(home))?.apps.find((entry) => isRouteOf(app.name, entry.app));
  return held ? [held.port, held.internal_port] : [];
}

export async function checkEmbeddedProxy(patient: Patient): Promise<Finding[]> {
  return [await checkProxyProcess(patient), ...(await checkProxySettings(patient.home))];
}

/** What the operator has set for the machine's proxy, in its folder. */
async function checkProxySettings(home: string): Promise<Finding[]> {
  const check = 'proxy settings';
  const settings = await readSettings(proxyDirectory(home));
  const remedy = 'Correct it, then: greenroom upgrade --proxy. A proxy that is started before goes on with the defaults.';
  if (!settings.ok) return [{ check, level: 'fail', says: settings.error, remedy }];
  const unknown = settings.value.unknown.map((name) => JSON.stringify(name)).join(', ');
  return unknown === ''
    ? []
    : [{ check, level: 'warn', says: `${unknown} in settings.json means nothing here`, remedy: 'Correct or remove it.' }];
}

/** The proxy runs when an orchestrator does; otherwise the next start brings it up. */
async function checkProxyProcess({ app, home, running }: Patient): Promise<Finding> {
  const check = 'proxy';
  const status = await proxyStatus(home);
  if (!running) return { check, level: 'ok', says: status ? nameOf(status) : `not needed: "${app.name}" is not running` };
  const remedy = `Restart the orchestrator: greenroom stop --app ${app.name} --detach-app, then greenroom start --app ${app.name}`;
  if (!status)
    return { check, level: 'fail', says: 'the orchestrator runs, but the proxy does not answer: the app cannot be reached', remedy };
  const entry = status.apps.find((candidate) => isRouteOf(app.name, candidate.app));
  if (!entry) return { check, level: 'fail', says: `${nameOf(status)}, but it does not know "${app.name}"`, remedy };
  if (!entry.target) return { check, level: 'warn', says: `${nameOf(status)}, nothing is live`, remedy: 'Deploy: greenroom deploy' };
  return { check, level: 'ok', says: `${nameOf(status)}, routes ${entry.port} to ${entry.target.host}:${entry.target.port}` };
}

function nameOf({ pid, workers }: ProxyStatus): string {
  return workers > 1 ? `running (process ${pid}, ${workers} workers)` : `running (process ${pid})`;
}

/** The proxy knows an app by its name with a mark of its data directory behind it. */
function isRouteOf(app: string, route: string): boolean {
  return route === app || (route.startsWith(`${app}-`) && /^[0-9a-f]{8}$/.test(route.slice(app.length + 1)));
}

/** Undefined when no proxy answers. */
function proxyStatus(home: string): Promise<ProxyStatus | undefined> {
  const { promise, resolve } = Promise.withResolvers<ProxyStatus | undefined>();
  const request = get(
    { socketPath: join(proxyDirectory(home), 'proxy.sock'), path: '/', agent: false, timeout: PROXY_TIMEOUT_MS },
    async (response) => {
      try {
        let text = '';
        for await (const chunk of response) text += String(chunk);
        resolve(response.statusCode === 200 ? (JSON.parse(text) as ProxyStatus) : undefined);
      } catch {
        resolve(undefined);
      }
    },
  );
  request.on('timeout', () => request.destroy());
  request.on('error', () => resolve(undefined));
  return promise;
}
