import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tryAgent } from '../../agent/examine.ts';
import { openConfinement } from '../../confine/confinement.ts';
import { createSecrets, remedyFor, SecretsError } from '../../orchestrator/adapters/secrets.ts';
import { agentSettings, findInstalledAgent } from '../agent/setup.ts';
import type { Finding, Patient } from './examine.ts';

/** The coding agent, when the contract has one: whether it is there, which version it is, and whether it is logged in. */
export async function checkAgent({ contract, layout }: Patient, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const check = 'agent';
  const settings = agentSettings(contract);
  if (!settings) return [];
  const confinement = await openConfinement(contract, env);
  // The check of the users says why; as anybody else the agent must not be started.
  if ('sentences' in confinement) return [];
  const { agent: confined, users } = confinement;
  const found = await findInstalledAgent(settings, confined.env);
  if (!found.ok) return [{ check, level: 'fail', says: 'not found', remedy: found.problem }];
  const { agent } = found;
  const secrets = await readSecrets(settings.secrets, { contract, layout }, env);
  if (typeof secrets === 'string') return [{ check, level: 'fail', says: secrets, remedy: 'See docs/guides/secrets.md.' }];
  const { values, missing } = secrets;
  const findings: Finding[] = [];
  if (missing.length > 0) {
    const remedy = `"agent.secrets" of the contract names them. ${remedyFor(contract, layout)}`;
    findings.push({ check, level: 'warn', says: `no value for ${missing.join(', ')}`, remedy });
  }
  const folder = await mkdtemp(join(tmpdir(), 'greenroom-doctor-'));
  try {
    if (users?.agent) await chown(folder, users.agent.uid, users.agent.gid);
    const tried = await tryAgent({ agent, settings, secrets: values, env: confined.env, folder, layers: confined.layers });
    const says = `${agent.name}${tried.version ? ` ${tried.version}` : ''}, ${agent.file}`;
    if (tried.ok) return [...findings, { check, level: 'ok', says }];
    return [...findings, { check, level: 'fail', says: `${says}: ${tried.problem}`, remedy: tried.remedy }];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readSecrets(
  names: readonly string[],
  { contract, layout }: Pick<Patient, 'contract' | 'layout'>,
  env: NodeJS.ProcessEnv,
): Promise<{ values: Record<string, string>; missing: string[] } | string> {
  try {
    return await createSecrets({ layout, contract, env }).read(names);
  } catch (error) {
    if (error instanceof SecretsError) return error.message;
    throw error;
  }
}
