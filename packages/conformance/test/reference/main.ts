#!/usr/bin/env node
/**
 * A small orchestrator that follows docs/spec/orchestrator.md, for the tests of the suite itself; with `--fault NAME` one that violates
 * a requirement. It shares no code with any other orchestrator.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { parseArgs } from 'node:util';
import { FEATURES } from '../../src/test.ts';
import { serveApi } from './api.ts';
import { createDeployer } from './deployer.ts';
import { faulty } from './faults.ts';
import { openRepo } from './repo.ts';
import { openRoute } from './route.ts';

export interface Contract {
  start_command: string;
  port: number;
  internal_port?: number;
  health_endpoint: string;
  health_timeout_ms?: number;
  drain_timeout_ms?: number;
  schema_status_endpoint?: string;
  health_test_payload?: { method: string; path: string };
  secrets_inject?: string[];
  smoke_test_command?: string;
  watch_ms?: number;
}

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: '' },
    repo: { type: 'string', default: '' },
    data: { type: 'string', default: '' },
    port: { type: 'string', default: '9100' },
    fault: { type: 'string' },
    features: { type: 'boolean', default: false },
  },
});

if (values.features) process.stdout.write(`${FEATURES.join(' ')}\n`);
else await main();

async function main(): Promise<void> {
  const contract = readContract(values.config);
  mkdirSync(values.data, { recursive: true });
  if (!faulty('no-lock')) await lock(`${values.data}/lock`);
  const route = await openRoute(values.data, contract);
  const repo = await openRepo(values.data, values.repo);
  const deployer = createDeployer(contract, values.data, repo, route);
  if (!faulty('ready-before-recovery')) await deployer.recover();
  await serveApi(Number(values.port), deployer);
  if (faulty('ready-before-recovery')) await deployer.recover();
  process.once('SIGTERM', async () => {
    await deployer.stop();
    if (!faulty('stop-leaves-proxy')) await route.end();
    rmSync(`${values.data}/lock`, { force: true });
    process.exit(faulty('stop-exit-code') ? 1 : 0);
  });
}

function readContract(file: string): Contract {
  if (!existsSync(file)) refuse(`the contract ${file} does not exist`);
  let contract: Record<string, unknown> = {};
  try {
    contract = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    refuse(`the contract ${file} is not JSON: ${String(error)}`);
  }
  if (faulty('accept-any-contract')) return contract as unknown as Contract;
  const text = (name: string): boolean => typeof contract[name] === 'string' || refuse(`contract: ${name} must be a string`);
  const count = (name: string, required: boolean): boolean =>
    (contract[name] === undefined && !required) ||
    (Number.isInteger(contract[name]) && Number(contract[name]) >= 0) ||
    refuse(`contract: ${name} must be a whole number from 0 on, not ${JSON.stringify(contract[name])}`);
  text('start_command');
  text('health_endpoint');
  count('port', true);
  count('internal_port', false);
  for (const name of ['health_timeout_ms', 'drain_timeout_ms']) count(name, faulty('timeouts-required'));
  if (faulty('strict-contract') && 'x_unknown_field' in contract) refuse('contract: unknown field x_unknown_field');
  return contract as unknown as Contract;
}

/** A listening socket is the lock: it ends with its process. */
async function lock(path: string): Promise<void> {
  const { promise: free, resolve } = Promise.withResolvers<boolean>();
  const other = createConnection(path, () => resolve(false));
  other.on('error', () => resolve(true));
  if (!(await free)) refuse(`another orchestrator runs on ${values.data}`);
  rmSync(path, { force: true });
  createServer().listen(path).unref();
}

function refuse(message: string): never {
  process.stderr.write(`reference orchestrator: ${message}\n`);
  process.exit(2);
}
