import { spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { exchange } from '../../src/harness/http.ts';
import { freePort } from '../../src/harness/ports.ts';
import { alive, kill } from '../../src/harness/processes.ts';
import { faulty } from './faults.ts';
import type { Contract } from './main.ts';
import type { Target } from './proxy.ts';

/** A running process of the app. */
export interface Instance extends Target {
  slot: 'a' | 'b';
  commit: string;
  pid: number;
}

export const INSTANCE = 'REFERENCE_INSTANCE';
const DATA = 'REFERENCE_DATA';
const POLL_MS = 10;
const INSTANCE_PORTS = { first: 20_000, last: 32_000 };
const REQUEST_TIMEOUT_MS = 1_000;
const slotPorts = new Map<string, [number, number]>();

/** Starts the app on fresh ports, in a session of its own. */
export async function boot(
  contract: Contract,
  data: string,
  directory: string,
  slot: 'a' | 'b',
  commit: string,
  instance: string,
): Promise<Instance> {
  let [port, internalPort] = [await freePort(INSTANCE_PORTS), await freePort(INSTANCE_PORTS)];
  if (faulty('ports-per-slot')) {
    [port, internalPort] = slotPorts.get(slot) ?? [port, internalPort];
    slotPorts.set(slot, [port, internalPort]);
  }
  const own = contract.secrets_inject ?? [];
  const env: Record<string, string | undefined> = {
    ...(faulty('leak-environment') ? process.env : {}),
    PATH: process.env['PATH'],
    ...Object.fromEntries(faulty('no-secrets') ? [] : own.map((name) => [name, process.env[name]])),
    PORT: String(port),
    [INSTANCE]: instance,
    [DATA]: data,
  };
  if (contract.internal_port || faulty('internal-port-always')) env['INTERNAL_PORT'] = String(internalPort);
  let command = contract.start_command;
  if (faulty('contract-from-commit')) command = commandOfCommit(directory) ?? command;
  if (faulty('no-path')) {
    delete env['PATH'];
    command = command.replace(/^node /, `${process.execPath} `);
  }
  const log = openSync(`${data}/app.log`, 'a');
  const child = spawn('/bin/sh', ['-c', `exec ${command}`], { cwd: directory, env, detached: true, stdio: ['ignore', log, log] });
  return { instance, slot, commit, pid: child.pid ?? 0, port, internalPort };
}

function commandOfCommit(directory: string): string | undefined {
  try {
    return JSON.parse(readFileSync(`${directory}/app.contract.json`, 'utf8')).start_command;
  } catch {
    return undefined;
  }
}

/** Empty when the candidate may go live, else the failure's code. */
export async function probe(contract: Contract, instance: Instance): Promise<string> {
  const deadline = Date.now() + (contract.health_timeout_ms ?? 10_000);
  while (!(await healthy(contract, instance))) {
    if (!alive(instance.pid) && !faulty('wait-out-timeout')) return 'boot_exited';
    if (Date.now() > deadline) return 'health_timeout';
    await delay(POLL_MS);
  }
  const deep = contract.health_test_payload;
  if (!deep) return '';
  const answer = await exchange({ port: instance.port, method: faulty('deep-always-get') ? 'GET' : deep.method, path: deep.path });
  return answer.status < 300 || faulty('deep-result-ignored') ? '' : 'deep_check_failed';
}

export async function healthy(contract: Contract, { port, internalPort }: Instance): Promise<boolean> {
  const ask = (at: number): Promise<boolean> =>
    exchange({ port: at, path: contract.health_endpoint, timeoutMs: REQUEST_TIMEOUT_MS }).then(
      ({ status }) => status === 200,
      () => false,
    );
  if (faulty('health-on-both')) await ask(port);
  return ask(contract.internal_port ? internalPort : port);
}

/** SIGTERM, then SIGKILL to everything that is left of it. `stopping` says that the orchestrator itself ends. */
export async function stop(instance: string, pid: number, graceMs: number, stopping = false): Promise<void> {
  if (faulty('kill-at-once')) kill(pid, 'SIGKILL');
  else for (const { pid: member } of processesOf((id) => id === instance)) kill(member, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (alive(pid) && Date.now() < deadline) await delay(POLL_MS);
  if (faulty('never-kill') && !stopping) return;
  kill(pid, 'SIGKILL');
  if (faulty('leader-only') || (faulty('stop-leader-only') && stopping)) return;
  for (;;) {
    const left = processesOf((id) => id === instance);
    if (left.length === 0) return;
    for (const { pid: member } of left) kill(member, 'SIGKILL');
    await delay(POLL_MS);
  }
}

/** Running processes that carry an instance id of the kind, their descendants included: the environment is inherited. */
export function processesOf(wanted: (instance: string) => boolean, data?: string): { pid: number; instance: string }[] {
  const found: { pid: number; instance: string }[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || !alive(pid)) continue;
    const variables = environmentOf(pid);
    const instance = variables.find((line) => line.startsWith(`${INSTANCE}=`))?.slice(INSTANCE.length + 1);
    if (instance && wanted(instance) && (!data || variables.includes(`${DATA}=${data}`))) found.push({ pid, instance });
  }
  return found;
}

function environmentOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}
