import { readContract } from '../../orchestrator/adapters/contract-file.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import { listApps } from '../../registry/index.ts';
import { readAccess } from '../chat/access.ts';
import { type Cli, CliError, EXIT } from '../context.ts';
import type { Target } from '../target.ts';
import { installedUnits } from './files.ts';
import { chatUnit, DASHBOARD_UNIT } from './names.ts';
import type { Place } from './place.ts';
import { proxyPorts } from './proxy-ports.ts';
import { chatSettings, orchestratorSettings } from './settings-text.ts';
import { dashboardFile, proxyFile, socketFile } from './shared-units.ts';
import { systemdVersion } from './systemctl.ts';
import type { UnitFile } from './unit-parts.ts';
import { type AppService, chatFile, orchestratorFile } from './units.ts';

export interface Plan {
  /** In the order in which they are started. */
  units: UnitFile[];
  settings: { file: string; text: string }[];
  notes: string[];
}

export interface PlanFlags {
  readonly dashboard: boolean;
  readonly memoryMax?: string;
  readonly writable?: readonly string[];
}

/** Everything that the services of an app are made of. Throws `CliError` when its contract cannot be used. */
export async function planService(
  cli: Cli,
  target: Target,
  place: Place,
  { dashboard, memoryMax, writable = [] }: PlanFlags,
): Promise<Plan> {
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
  const { visitors, privileged } = await proxyPorts(cli.home, place, app.name, [contract]);
  const embedded = contract.router.kind === 'embedded';
  const withDashboard = dashboard || (await installedUnits(place.folder)).includes(DASHBOARD_UNIT);
  const shared = { home: cli.home, place, version };
  return {
    units: [
      ...(embedded && visitors.length > 0 ? [socketFile(visitors)] : []),
      ...(embedded ? [proxyFile({ ...shared, lowPorts: privileged.length > 0 })] : []),
      orchestratorFile(service),
      ...(chat === true ? [chatFile(service)] : []),
      ...(withDashboard ? [dashboardFile({ ...shared, apps: (await listApps(cli.home)).apps.map(({ data }) => data) })] : []),
    ],
    settings: [
      { file: place.settingsFile(app.name), text: orchestratorSettings(app.name) },
      ...(chat === true ? [{ file: place.settingsFile(`${app.name}.chat`), text: chatSettings(app.name) }] : []),
    ],
    notes: [
      ...(typeof chat === 'string' ? [chat] : []),
      ...(place.system && place.owner.uid === 0 && !contract.run_as
        ? [`The services run as root, and so do "${app.name}" and its agent: better give Greenroom a user of its own.`]
        : []),
      ...(!place.system && privileged.length > 0
        ? [
            `Services of your own cannot listen on port ${privileged.join(', ')}, unless: sudo sysctl net.ipv4.ip_unprivileged_port_start=${privileged[0]}`,
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
