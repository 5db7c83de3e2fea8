import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { type Failure, SLOT_NAMES, type SlotName } from '@greenroom/sdk/wire';
import { createClock } from '../orchestrator/adapters/clock.ts';
import { writeContractCopy } from '../orchestrator/adapters/contract-file.ts';
import { createInstances } from '../orchestrator/adapters/instances/instances.ts';
import { listeningPorts } from '../orchestrator/adapters/probe/listeners.ts';
import { createProber } from '../orchestrator/adapters/probe/prober.ts';
import { createSchemaCheck } from '../orchestrator/adapters/probe/schema.ts';
import { createSlots } from '../orchestrator/adapters/slots/slots.ts';
import type { Contract } from '../orchestrator/core/contract.ts';
import { type Layout, layoutOf } from '../orchestrator/layout.ts';
import type { Instance, Instances, Secrets, Slots } from '../orchestrator/ports.ts';
import { emptyStage, lockStage, openCommit, StageError } from './stage-folder.ts';

export interface StageOptions {
  app: string;
  /** The app's own layout: only read, but for the shared paths, which are mounted as a deploy mounts them. */
  layout: Layout;
  contract: Contract;
  contractText: string;
  /** Folder or URL of the operator's repository, for an app that was never deployed. */
  repo: string;
  secrets: Secrets;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** An instance that passed its probe, and where it answers. */
export interface Staged {
  instances: Instances;
  instance: Instance;
  host: string;
  /** How long it took to be taken for healthy. */
  healthyAfterMs: number;
}

export type Booted = { ok: true; staged: Staged } | { ok: false; failure: Failure; ports: number[] };

export interface BootChanges {
  /** Replaces variables that the contract sets or injects; others are not added. */
  variables?: Record<string, string>;
  /** Shortens the contract's limit. */
  healthTimeoutMs?: number;
}

/** Two throw-away slots that hold the same commit, away from those of the app. */
export interface Stage {
  commit: string;
  slots: Slots;
  /** Boots in a slot and probes as a deploy does, but for the smoke test. */
  boot(slot: SlotName, changes?: BootChanges): Promise<Booted>;
  /** Kills whatever runs here, and removes the folder. */
  close(): Promise<void>;
}

/** Prepares both slots. Throws `StageError` when another doctor is at work, or there is no commit, or it cannot be prepared. */
export async function openStage(options: StageOptions): Promise<Stage> {
  const { contract, signal } = options;
  const { shared, secrets } = options.layout;
  const layout: Layout = { ...layoutOf(options.layout.doctor), shared, secrets };
  const lock = await lockStage(options.layout);
  if (!lock) throw new StageError('Another "greenroom doctor --app" is at work on this app: wait until it has ended.');
  const opened: Instances[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.flatMap((instances) => instances.all().map((it) => instances.stop(it.instance, 0))));
    for (const instances of opened) instances.close();
    await emptyStage(layout.data);
    lock.release();
  };
  try {
    await emptyStage(layout.data);
    for (const folder of [layout.run, layout.logs, layout.instances]) await mkdir(folder, { recursive: true });
    await writeContractCopy(layout, options.contractText);
    const { git, commit } = await openCommit(options.layout, layout, options.repo, contract);
    const slots = await createSlots({ app: options.app, layout, git, contract, log: () => undefined });
    for (const slot of SLOT_NAMES) {
      const prepared = await slots.prepare({ slot, commit, attempt: 'doctor', signal });
      if (!prepared.ok) throw new StageError(describe(prepared.failure));
    }
    return { commit, slots, close, boot: (slot, changes = {}) => boot(options, layout, { slots, opened, commit, slot, changes }) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A failure with the end of what was printed. */
export function describe({ error, evidence }: Failure): string {
  return [error, ...(evidence?.log_tail ?? []).slice(-5).map((line) => `  ${line}`)].join('\n');
}

interface Boot {
  slots: Slots;
  opened: Instances[];
  commit: string;
  slot: SlotName;
  changes: BootChanges;
}

async function boot(
  { app, contract, secrets, env, signal }: StageOptions,
  layout: Layout,
  { slots, opened, commit, slot, changes }: Boot,
): Promise<Booted> {
  const { variables = {}, healthTimeoutMs = contract.health_timeout_ms } = changes;
  // The smoke test may be meant to leave traces; once per deploy is enough.
  const { smoke_test_command: _smoke, ...rest } = contract;
  const tried: Contract = {
    ...rest,
    env: { ...contract.env, ...known(contract.env, variables) },
    health_timeout_ms: Math.min(contract.health_timeout_ms, healthTimeoutMs),
  };
  const altered: Secrets = {
    async read(names) {
      const { values, missing } = await secrets.read(names);
      return { values: { ...values, ...known(values, variables) }, missing };
    },
  };
  const parts = { layout, app, contract: tried, slotDirectory: slots.directory, secrets: altered, env };
  const instances = createInstances({ ...parts, clock: createClock(), log: () => undefined });
  opened.push(instances);
  const prober = createProber({ ...parts, instances, schemaCheck: createSchemaCheck(contract) });
  const booted = await instances.boot({ instance: `doctor-${slot}-${randomUUID().slice(0, 8)}`, slot, commit });
  if (!booted.ok) return { ok: false, failure: booted.failure, ports: [] };
  const instance = booted.value;
  const probed = await prober.probe(instance, 'deploy', signal);
  signal.throwIfAborted();
  if (probed.ok) return { ok: true, staged: { instances, instance, host: probed.value.host, healthyAfterMs: probed.value.healthyAfterMs } };
  const ports = listeningPorts(instance.pid);
  await instances.stop(instance.instance, 0);
  return { ok: false, failure: probed.failure, ports };
}

/** Of what is to be changed, that which is there. */
function known(values: Record<string, string>, changed: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(changed).filter(([name]) => Object.hasOwn(values, name)));
}
