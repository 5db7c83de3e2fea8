import { portsOf } from '../../orchestrator/core/contract-addresses.ts';
import { listApps } from '../../registry/index.ts';
import { staleness } from '../../registry/observe.ts';
import { findPortConflicts } from '../../registry/port-conflicts.ts';
import type { Finding, Patient } from './examine.ts';

const check = 'registry';

/** Entries of the machine's other apps that are of no use any more. They hinder nothing but the finding of what is there. */
export async function checkRegistry(home: string): Promise<Finding[]> {
  const { apps, broken } = await listApps(home);
  const findings = broken.map(
    ({ file, problem }): Finding => ({
      check,
      level: 'warn',
      says: `${file} is no entry: ${problem}`,
      remedy: `Look at it, then: rm '${file}'`,
    }),
  );
  for (const app of apps) {
    const stale = await staleness(app);
    const remedy = `Bring it back, or: greenroom apps forget ${app.name}`;
    if (stale) findings.push({ check, level: 'warn', says: `the entry of "${app.name}" is stale: ${stale}`, remedy });
  }
  return findings.length > 0 ? findings : [{ check, level: 'ok', says: apps.length === 1 ? '1 app' : `${apps.length} apps` }];
}

/** Ports that this app and another of the machine both have. */
export async function checkSharedPorts({ app, contract, home, running }: Patient): Promise<Finding[]> {
  const claims = { name: app.name, data: app.data, api_port: running?.api_port ?? app.api_port, ...portsOf(contract) };
  const conflicts = await findPortConflicts(home, claims);
  const remedy = `Change the port in ${app.contract}, or that of the API with --port.`;
  return [
    ...conflicts.now.map((says): Finding => ({ check: 'port', level: 'fail', says, remedy })),
    ...conflicts.later.map((says): Finding => ({ check: 'port', level: 'warn', says, remedy })),
  ];
}
