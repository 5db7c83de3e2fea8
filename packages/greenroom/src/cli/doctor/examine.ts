import { readContract } from '../../orchestrator/adapters/contract-file.ts';
import { examineForge } from '../../orchestrator/adapters/forge-access.ts';
import type { Contract } from '../../orchestrator/core/contract.ts';
import { layoutOf } from '../../orchestrator/layout.ts';
import { findApp } from '../../registry/find.ts';
import { type PidFile, runningOrchestrator } from '../../registry/running.ts';
import { VERSION } from '../../version.ts';
import type { Cli } from '../context.ts';
import type { AppFlags } from '../flags.ts';
import type { Target } from '../target.ts';
import { checkAgent } from './agent.ts';
import { checkContainers } from './containers.ts';
import { checkDataDirectory, checkDisk } from './data.ts';
import { checkGitHub, checkWebhook } from './forge.ts';
import { checkInternalSocket } from './internal-socket.ts';
import { checkIsolation } from './isolation.ts';
import { checkLimits } from './limits.ts';
import { checkPorts } from './network.ts';
import { checkProxy } from './proxy.ts';
import { checkRegistry, checkSharedPorts } from './registry.ts';
import { checkRepository, checkSharedPaths } from './repository.ts';
import { checkSandbox } from './sandbox.ts';
import { checkSchema } from './schema.ts';
import { checkSecrets } from './secrets.ts';
import { checkGit, checkNode } from './tools.ts';

/** One thing looked at. `says` is a phrase, `remedy` what to do; there is one with every level but `ok`. */
export interface Finding {
  check: string;
  level: 'ok' | 'warn' | 'fail';
  says: string;
  remedy?: string;
}

/** What every check of an app knows. */
export interface Patient extends Target {
  home: string;
  contract: Contract;
  /** The orchestrator at work on it now. */
  running: PidFile | undefined;
}

/** Everything that can be said without changing anything. What depends on something broken is left out. */
export async function examine(cli: Cli, flags: AppFlags): Promise<Finding[]> {
  const findings: Finding[] = [checkNode(process.versions.node), await checkGit(), ...(await checkRegistry(cli.home))];
  const found = await findApp({
    cwd: cli.cwd,
    home: cli.home,
    ...(flags.app === undefined ? {} : { app: flags.app }),
    ...(flags.data === undefined ? {} : { data: flags.data }),
  });
  if (!found.ok) {
    const [says = '', ...rest] = found.error.split('\n');
    return [...findings, { check: 'app', level: 'fail', says, remedy: rest.at(-1) ?? 'Say which with --app NAME.' }];
  }
  const { app } = found;
  const layout = layoutOf(app.data);
  findings.push({ check: 'app', level: 'ok', says: `"${app.name}", data in ${app.data}` });
  findings.push(...(await checkDataDirectory(app.data, cli.home)));
  const read = await readContract(app.contract);
  if (!read.ok) {
    findings.push(
      ...read.sentences.map(
        (says): Finding => ({
          check: 'contract',
          level: 'fail',
          says,
          remedy: `Edit ${app.contract}; "greenroom schema" prints what is allowed.`,
        }),
      ),
    );
    return findings;
  }
  findings.push({ check: 'contract', level: 'ok', says: app.contract });
  findings.push(...read.notes.map((says): Finding => ({ check: 'contract', level: 'warn', says, remedy: `Look at ${app.contract}.` })));
  const patient: Patient = { app, layout, home: cli.home, contract: read.contract, running: await runningOrchestrator(layout) };
  const forge = await examineForge({ app: app.name, version: VERSION, remote: app.repo, env: cli.env, pid: patient.running?.pid });
  const results = await Promise.all([
    checkDisk(patient),
    checkRepository(patient, forge),
    checkSharedPaths(patient),
    checkSecrets(patient, cli.env),
    checkGitHub(forge),
    checkWebhook(patient, forge),
    checkPorts(patient),
    checkInternalSocket(patient),
    checkSharedPorts(patient),
    checkProxy(patient),
    checkContainers(patient),
    checkAgent(patient, cli.env),
    checkIsolation(patient),
    checkSandbox(patient),
    checkLimits(patient),
    checkSchema(patient),
  ]);
  return [...findings, ...results.flat()];
}
