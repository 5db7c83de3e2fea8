import { readContract } from '../../orchestrator/adapters/contract-file.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import { portsOf } from '../../orchestrator/core/contract-addresses.ts';
import { listApps } from '../../registry/index.ts';
import { readAccess } from '../chat/access.ts';
import { type Cli, CliError, EXIT } from '../context.ts';
import type { Target } from '../target.ts';
import { installedUnits } from './files.ts';
import { appOfUnit, chatUnit } from './names.ts';
import type { Place } from './place.ts';
import { chatSettings, orchestratorSettings } from './settings-text.ts';
import { systemdVersion } from './systemctl.ts';
import { type AppService, chatFile, orchestratorFile, proxyFile, type UnitFile } from './units.ts';

export interface Plan {
  /** In the order in which they are started. */
  units: UnitFile[];
  settings: { file: string; text: string }[];
  notes: string[];
}

export interface PlanFlags {
  readonly memoryMax?: string;
  readonly writable?: readonly string[];
}

const FIRST_FREE_PORT = 1024;

/** Everything that the services of an app are made of. Throws `CliError` when its contract cannot be used. */
export async function planService(cli: Cli, target: Target, place: Place, { memoryMax, writable = [] }: PlanFlags): Promise<Plan> {
  const { app } = target;
  const contract = await contractOf(app.contract);
  const version = await systemdVersion();
  const service: AppService = {
    app,
    contract,
    home: cli.home,
    place,
    version,
    writable,
    ...(memoryMax === undefined ? {} : { memoryMax }),
  };
  const chat = await chatIsWanted(cli, target, contract);
  const low = (await publicPorts(cli.home, place, app.name, contract)).filter((port) => port < FIRST_FREE_PORT);
  const embedded = contract.router.kind === 'embedded';
  return {
    units: [
      ...(embedded ? [proxyFile({ home: cli.home, place, version, lowPorts: low.length > 0 })] : []),
      orchestratorFile(service),
      ...(chat === true ? [chatFile(service)] : []),
    ],
    settings: [
      { file: place.settingsFile(app.name), text: orchestratorSettings(app.name) },
      ...(chat === true ? [{ file: place.settingsFile(`${app.name}.chat`), text: chatSettings(app.name) }] : []),
    ],
    notes: [
      ...(typeof chat === 'string' ? [chat] : []),
      ...(place.system && place.owner.uid === 0
        ? [`The services run as root, and so do "${app.name}" and its agent: better give Greenroom a user of its own.`]
        : []),
      ...(!place.system && low.length > 0
        ? [
            `Services of your own cannot listen on port ${low.join(', ')}, unless: sudo sysctl net.ipv4.ip_unprivileged_port_start=${Math.min(...low)}`,
          ]
        : []),
    ],
  };
}

async function contractOf(file: string): Promise<Contract> {
  const read = await readContract(file);
  if (!read.ok) throw new CliError(EXIT.failed, 'contract_invalid', ['The contract cannot be used:', ...read.sentences].join('\n'));
  return read.contract;
}

/** True, false, or why not as a sentence. */
async function chatIsWanted(cli: Cli, target: Target, contract: Contract): Promise<boolean | string> {
  if (!contract.agent) return false;
  const { tokens, askApp } = await readAccess(target, contract, cli.env);
  if (tokens || askApp) return true;
  return `No service for the chat: nothing says who may use it. When that is said (docs/guides/chat.md), install ${chatUnit(target.app.name)} by running this again. A chat that the app mounts needs none.`;
}

/** Of this app and of those that are services already. */
async function publicPorts(home: string, place: Place, name: string, contract: Contract): Promise<number[]> {
  const services = (await installedUnits(place.folder)).map(appOfUnit);
  const { apps } = await listApps(home);
  const others = apps.filter((other) => other.name !== name && services.includes(other.name));
  const read = await Promise.all(others.map((other) => readContract(other.contract)));
  const contracts = [contract, ...read.flatMap((each) => (each.ok && each.contract.router.kind === 'embedded' ? [each.contract] : []))];
  return contracts.flatMap((each) => [portsOf(each).port, ...portsOf(each).route_ports]);
}
