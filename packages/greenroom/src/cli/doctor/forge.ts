import type { ForgeAccess } from '../../orchestrator/adapters/forge-access.ts';
import { listenProblem } from '../choose.ts';
import type { Finding, Patient } from './examine.ts';

const SETTINGS_REMEDY = 'Change the variable in the environment of "greenroom start"; docs/guides/github.md lists them all.';

/** Whether GitHub takes the credentials. No deploy depends on it, so that is never more than a warning; settings that cannot be right prevent a start. */
export function checkGitHub({ github }: ForgeAccess): Finding[] {
  const check = 'github';
  if (!github) return [];
  if (!github.ok) return unusable(check, github);
  const { repository, problem } = github.value;
  if (!problem) return [{ check, level: 'ok', says: `${repository}, the credentials work` }];
  const remedy = ['unauthorized', 'forbidden', 'not_found'].includes(problem.kind)
    ? 'docs/guides/github.md lists the permissions that a token or app needs. Deploys work without GitHub.'
    : 'Deploys work without GitHub; what is to be posted there waits.';
  return [{ check, level: 'warn', says: `${repository}: ${problem.error}`, remedy }];
}

/** Its settings are right, and its port is free or held by this app's orchestrator. */
export async function checkWebhook({ app, running }: Patient, { webhook }: ForgeAccess): Promise<Finding[]> {
  const check = 'webhook';
  if (!webhook) return [];
  if (!webhook.ok) return unusable(check, webhook);
  const { port, repository, listening } = webhook.value;
  if (listening) return [{ check, level: 'ok', says: `listens on 127.0.0.1:${port} for ${repository}` }];
  const problem = await listenProblem(port, '127.0.0.1');
  if (problem !== '') {
    const says = problem === 'EADDRINUSE' ? `${port} is in use by another program` : `${port} cannot be used: ${problem}`;
    return [
      { check, level: 'fail', says, remedy: `Find it with "ss -ltnp sport = :${port}", or set GREENROOM_WEBHOOK_PORT to another port.` },
    ];
  }
  if (!running) return [{ check, level: 'ok', says: `${port} is free, for ${repository}` }];
  const remedy = `Restart it with them: greenroom stop --app ${app.name} --detach-app, then greenroom start --app ${app.name}`;
  return [{ check, level: 'warn', says: `nothing listens on ${port}: the orchestrator was started without these settings`, remedy }];
}

function unusable(check: string, settings: { wrong: string[] } | { note: string }): Finding[] {
  if ('note' in settings) return [{ check, level: 'warn', says: settings.note, remedy: SETTINGS_REMEDY }];
  return settings.wrong.map((says) => ({ check, level: 'fail', says, remedy: SETTINGS_REMEDY }));
}
