import { readFile } from 'node:fs/promises';
import { readContract } from '../../orchestrator/adapters/contract-file.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import { portsOf } from '../../orchestrator/core/contract-addresses.ts';
import { listApps } from '../../registry/index.ts';
import { installedUnits } from './files.ts';
import { appOfUnit } from './names.ts';
import type { Place } from './place.ts';

export interface ProxyPorts {
  /** That visitors come by, on all addresses, and that systemd can open; each once, ascending. */
  visitors: number[];
  /** That only a privileged process may listen on, those for this machine alone included. */
  privileged: number[];
}

/** What the machine's proxy listens on for the apps that are services, but for one, and for more contracts. What has a contract that cannot be read is left out. */
export async function proxyPorts(home: string, place: Place, except: string, more: readonly Contract[]): Promise<ProxyPorts> {
  const services = (await installedUnits(place.folder)).map(appOfUnit);
  const { apps } = await listApps(home);
  const others = apps.filter(({ name }) => name !== except && services.includes(name));
  const read = await Promise.all(others.map(({ contract }) => readContract(contract)));
  const behindIt = [...more, ...read.flatMap((each) => (each.ok ? [each.contract] : []))].filter(
    ({ router }) => router.kind === 'embedded',
  );
  const first = await firstFreePort();
  const ports = behindIt.map(portsOf);
  const visitors = ports.flatMap(({ port, route_ports }) => (route_ports.length > 0 ? route_ports : [port]));
  return {
    // One port that cannot be had would keep a socket unit from all.
    visitors: ordered(visitors.filter((port) => place.system || port >= first)),
    privileged: ordered(ports.flatMap(({ port, route_ports }) => [port, ...route_ports]).filter((port) => port < first)),
  };
}

async function firstFreePort(): Promise<number> {
  return Number(await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
}

function ordered(ports: readonly number[]): number[] {
  return [...new Set(ports)].sort((a, b) => a - b);
}
