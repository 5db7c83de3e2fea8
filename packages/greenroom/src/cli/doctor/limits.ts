import { readLimitsReport } from '../../orchestrator/adapters/limits-report.ts';
import type { Finding, Patient } from './examine.ts';

const CHECK = 'limits';

/** How the machine holds the contract's limits, where it has some. */
export async function checkLimits({ contract, layout, running }: Pick<Patient, 'contract' | 'layout' | 'running'>): Promise<Finding[]> {
  const { limits } = contract;
  if (limits?.app === undefined && limits?.setup === undefined && limits?.agent === undefined) return [];
  if (!running) return [{ check: CHECK, level: 'ok', says: 'looked at when the app is started; nothing runs now' }];
  const report = await readLimitsReport(layout.limitsReport);
  if (!report)
    return [
      {
        check: CHECK,
        level: 'warn',
        says: 'the orchestrator does not know of them',
        remedy: 'Restart it, so that it reads the contract anew.',
      },
    ];
  if (report.gaps === '')
    return [{ check: CHECK, level: 'ok', says: `held by the kernel (${report.place || 'no control groups wanted'})` }];
  const remedy = 'Run the app by "greenroom service install", as root, or in a scope of systemd; docs/guides/isolation.md says how.';
  return [{ check: CHECK, level: 'warn', says: report.gaps, remedy }];
}
