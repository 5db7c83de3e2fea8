import { checkContainers as check } from '../../orchestrator/adapters/containers/check.ts';
import type { Finding, Patient } from './examine.ts';

/** Whether a container of the app can be made, when the contract has it run in one. Fetches nothing. */
export async function checkContainers({ app, layout, contract }: Patient): Promise<Finding[]> {
  const { kind, program, image, build } = contract.runner;
  if (kind !== 'container') return [];
  const problem = await check({ app: app.name, layout, contract });
  if (problem) return [{ check: 'containers', level: 'fail', ...problem }];
  return [{ check: 'containers', level: 'ok', says: `${program} runs ${image ?? `what ${build} builds`}` }];
}
