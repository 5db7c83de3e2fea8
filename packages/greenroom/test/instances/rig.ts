import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Limiter } from '../../src/confine/limiter.ts';
import { createClock } from '../../src/orchestrator/adapters/clock.ts';
import { createInstances } from '../../src/orchestrator/adapters/instances/instances.ts';
import { createSecrets } from '../../src/orchestrator/adapters/secrets.ts';
import { type Contract, contractSchema } from '../../src/orchestrator/core/contract.ts';
import { type Layout, layoutOf } from '../../src/orchestrator/layout.ts';
import type { Instance, InstanceExit, Instances } from '../../src/orchestrator/ports.ts';
import { environHas, isRunning, processTable, readEnviron } from '../../src/proc.ts';

export const APP = 'rig';
export const COMMIT = 'c'.repeat(40);

export interface Rig {
  layout: Layout;
  contract: Contract;
  instances: Instances;
  exits: InstanceExit[];
  messages: string[];
  boot(): Promise<Instance>;
}

/** One way to run instances, for the tests that hold for each. */
export interface Tested {
  name: string;
  /** Fields of the contract that choose it. */
  contract: Record<string, unknown>;
  /** Of an instance, where nothing else sets it. */
  home: string | undefined;
  /** Variables that whatever runs it adds. */
  added: readonly string[];
  /** Of an adopted instance that ended by SIGTERM. */
  adoptedExit: string;
  /** How many processes with its environment the smallest instance has. */
  processes: number;
  /** How often an orchestrator is killed while it boots, and how long a boot takes. */
  rounds: number;
  bootMs: number;
}

export const PROCESSES: Tested = {
  name: 'process',
  contract: {},
  home: undefined,
  added: [],
  adoptedExit: 'ended after SIGTERM',
  processes: 1,
  rounds: 6,
  bootMs: 60,
};

export interface RigOptions {
  tested?: Tested;
  /** Files of slot a, by path. */
  files?: Record<string, string>;
  contract?: Record<string, unknown>;
  env?: NodeJS.ProcessEnv;
  limiter?: Limiter;
}

/** A data directory with one slot and real instances. At the end of the test everything is stopped, and nothing may have leaked. */
export function makeRig(
  t: TestContext,
  { files = {}, contract: fields = {}, env = process.env, limiter, tested = PROCESSES }: RigOptions = {},
): Rig {
  const layout = layoutOf(mkdtempSync(join(tmpdir(), 'greenroom-instances-')));
  const contract = contractSchema.parse({
    start_command: 'node app.cjs',
    port: 3001,
    health_endpoint: '/healthz',
    drain_timeout_ms: 2_000,
    ...tested.contract,
    ...fields,
  });
  writeFiles(layout.slot('a'), files);
  const messages: string[] = [];
  const instances = openInstances(layout, contract, env, (message) => messages.push(message), limiter);
  const exits: InstanceExit[] = [];
  instances.onExit((exit) => exits.push(exit));
  t.after(async () => {
    await Promise.all(instances.all().map(({ instance }) => instances.stop(instance, 0)));
    instances.close();
    const left = carriers(layout);
    for (const pid of left) process.kill(pid, 'SIGKILL');
    rmSync(layout.data, { recursive: true, force: true });
    assert.deepEqual(left, [], 'processes of the app were left running');
  });
  return {
    layout,
    contract,
    instances,
    exits,
    messages,
    async boot() {
      const booted = await instances.boot({ instance: newId(), slot: 'a', commit: COMMIT });
      assert.ok(booted.ok, booted.ok ? '' : booted.failure.error);
      return booted.value;
    },
  };
}

export function openInstances(
  layout: Layout,
  contract: Contract,
  env = process.env,
  log: (message: string) => void = () => undefined,
  limiter?: Limiter,
): Instances {
  const secrets = createSecrets({ layout, contract, env });
  return createInstances({
    layout,
    app: APP,
    contract,
    slotDirectory: layout.slot,
    secrets,
    clock: createClock(),
    log,
    env,
    ...(limiter && { limiter }),
  });
}

export const newId = (): string => `i-${randomUUID().slice(0, 8)}`;

export function writeFiles(folder: string, files: Record<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
    if (text.startsWith('#!')) chmodSync(join(folder, name), 0o755);
  }
}

/** Pids of running processes with this data directory's mark, or, with an id, of this instance only. */
export function carriers(layout: Layout, instance?: string): number[] {
  const entry = instance === undefined ? `GREENROOM_CONTRACT=${layout.contractCopy}` : `GREENROOM_INSTANCE=${instance}`;
  const running = [...processTable().values()].filter(isRunning);
  return running.filter(({ pid }) => environHas(readEnviron(pid) ?? Buffer.alloc(0), entry)).map(({ pid }) => pid);
}

/** Waits for a condition, looking every few milliseconds; fails with the description at the deadline. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 10_000): Promise<void> {
  const start = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - start < deadlineMs, `not within ${deadlineMs} ms: ${what}`);
    await sleep(5);
  }
}

/** Waits until the instance has written the text to its log. */
export async function untilLogged(rig: Pick<Rig, 'instances'>, { instance }: Instance, text: string): Promise<void> {
  await until(`the log says "${text}"`, async () => (await rig.instances.tail(instance, 40)).some((line) => line.includes(text)));
}

/** An app with Node's default SIGTERM behaviour. */
export const SERVER = `
const http = require('node:http');
http.createServer((request, response) => response.end('ok')).listen(process.env.PORT, '127.0.0.1', () => console.log('listening'));
`;

/** Says no to SIGTERM. */
export const IGNORES_SIGTERM = `process.on('SIGTERM', () => console.log('no'));${SERVER}`;
/** Takes a moment to end. */
export const DRAINS = `process.on('SIGTERM', () => setTimeout(() => { console.log('drained'); process.exit(0); }, 200));${SERVER}`;
